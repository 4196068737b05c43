"""Checks of the place where a home lies: settings, port, disk, log file, who holds what."""

from __future__ import annotations

import contextlib
import errno
import http.client
import re
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pinlake.engine.check import check_dataset
from pinlake.errors import LogUnusable, PinlakeError
from pinlake.log.open import open_reader, topics_reader_of
from pinlake.log.room import kept_free
from pinlake.record import Kind
from pinlake.run.doctor.finding import Finding, command
from pinlake.run.doctor.patient import Patient
from pinlake.settings import KAFKA, Home
from pinlake.stage.connector.configuration import connector_of

ANSWER_SECONDS = 2.0
GIB = 1024**3
NEARLY_FULL = 0.05
"""The part of a disk that should be free."""


def writable(home: Home) -> Iterator[Finding]:
    """Try to write where the home and the lake are."""
    lake = urlsplit(home.lake_url)
    folders = [home.path, Path(unquote(lake.path))] if lake.scheme == "file" else [home.path]
    for folder in dict.fromkeys(folders):
        if not folder.exists():
            continue
        try:
            with tempfile.TemporaryFile(dir=folder):
                pass
        except OSError as error:
            do = f"give this user the right to write there (`ls -ld {folder}`), or name another"
            if error.errno == errno.ENOSPC:
                do = "make room on the disk"
            yield Finding("error", "", f"{folder} cannot be written: {error.strerror}", do)


def connector(patient: Patient) -> Iterator[Finding]:
    """Read the connector's configuration, and tell what of it is not honoured."""
    sink = patient.home.settings.sink
    for notice in connector_of(sink).notices:
        yield Finding("ok", "", f"{sink.connector}: {notice}")


def dataset(patient: Patient) -> Iterator[Finding]:
    """Look for mistakes in the data set."""
    for fault in check_dataset(patient.dataset):
        do = f"mend that line; `pinlake check {patient.dataset.path}` looks again"
        yield Finding("error", "", str(fault), do)


def port(patient: Patient) -> Iterator[Finding]:
    """See whether the gateway's port is free, or answered by a gateway."""
    gateway = patient.home.settings.gateway
    at = f"{gateway.host}:{gateway.port}"
    if gateway.port == 0 or _is_free(gateway.host, gateway.port):
        return
    if _is_gateway(gateway.host, gateway.port):
        yield Finding("ok", "", f"a pinlake gateway answers on {at}")
        return
    owner = _listener(gateway.port)
    do = (
        f"stop it, or choose another port: {command(patient.home.path, 'serve', '--port', '0')}, "
        "or the setting gateway.port"
    )
    yield Finding("error", "", f"{at} is taken by {owner}, which is no gateway of ours", do)


def writer(patient: Patient) -> Iterator[Finding]:
    """See who appends to the log, and whether that gateway answers."""
    if not patient.home.has_embedded_log:
        return
    lock = _log_path(patient.home).with_suffix(".lock")
    owner = _lock_owner(lock)
    gateway = patient.home.settings.gateway
    if owner is None:
        yield Finding("ok", "", "no gateway appends to the log")
    elif gateway.port and _is_free(gateway.host, gateway.port):
        do = f"it may be a gateway on another port; else stop it: kill {owner[0]}"
        yield Finding(
            "warning",
            "",
            f"{_called(*owner)} holds the log, and nothing listens on port {gateway.port}",
            do,
        )
    else:
        yield Finding("ok", "", f"{_called(*owner)} appends to the log")


def disk(patient: Patient) -> Iterator[Finding]:
    """Measure the disks of log and lake, and the log against its limit."""
    limits = patient.home.settings.log
    folders = [_log_path(patient.home).parent, patient.lake.ground]
    seen: set[int] = set()
    for folder in folders:
        if not folder.exists() or (device := folder.stat().st_dev) in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(folder)
        floor = kept_free(limits.min_free_bytes, usage.total)
        yield of_disk(folder, usage.free, usage.total, floor)
    yield from _of_limit(patient, limits.max_bytes)


def log(patient: Patient) -> Iterator[Finding]:
    """Open the log, and say what to do where that fails."""
    if not patient.home.has_embedded_log:
        return
    path = _log_path(patient.home)
    if not path.exists():
        yield Finding("ok", "", f"there is no log yet at {path}; `pinlake serve` makes it")
        return
    try:
        open_reader(patient.home.log_url).close()
    except LogUnusable as error:
        do = (
            f"put a copy of {path.name} (with its -wal) back; without one move it away, start the "
            "gateway, and rebuild the stream tables and the plans of the sink for the new log"
        )
        yield Finding("error", "", str(error), do)
    except PinlakeError as error:
        yield Finding("error", "", str(error))
    else:
        yield Finding("ok", "", f"{path} can be read")


def kafka(patient: Patient) -> Iterator[Finding]:
    """Ask the brokers, where topics are in Kafka."""
    home = patient.home
    if not home.topics_url.startswith(KAFKA):
        return
    do = "start the brokers, or mend `topics` and [kafka]; see `pinlake config`"
    try:
        with contextlib.closing(topics_reader_of(home)) as reader:
            names = reader.names(Kind.TOPIC)
    except PinlakeError as error:
        yield Finding("error", "", str(error), do)
    else:
        yield Finding("ok", "", f"{home.topics_url} answers and has {len(names):,} topics")


def of_disk(folder: Path, free: int, total: int, floor: int) -> Finding:
    """Tell how full a disk is; ``floor`` is what the gateway leaves free, all in bytes."""
    told = f"{free / GIB:.1f} of {total / GIB:.1f} GiB are free at {folder}"
    do = "make room, keep the log for a shorter time (log.retention_hours), or move the home"
    if free <= floor:
        return Finding("error", "", f"{told}: the gateway answers 503", do)
    if free < max(2 * floor, int(total * NEARLY_FULL)):
        return Finding("warning", "", f"{told}: nearly full", do)
    return Finding("ok", "", told)


def _of_limit(patient: Patient, limit: int) -> Iterator[Finding]:
    path = _log_path(patient.home)
    if not limit or not path.exists():
        return
    size = path.stat().st_size
    if size >= limit * (1 - NEARLY_FULL):
        do = "run the stage that lags (see below), or raise log.max_bytes"
        yield Finding("warning", "", f"{path} has {size:,} of {limit:,} bytes", do)


def _log_path(home: Home) -> Path:
    return Path(home.log_url.removeprefix("sqlite:///"))


def _is_free(host: str, number: int) -> bool:
    try:
        with socket.create_connection((host, number), timeout=ANSWER_SECONDS):
            return False
    except OSError:
        return True


def _is_gateway(host: str, number: int) -> bool:
    connection = http.client.HTTPConnection(host, number, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().read(1024).replace(b" ", b"") == b'{"status":"ok"}'
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _listener(number: int) -> str:
    """Return the process that listens on a port, as far as this user may know."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text("ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == number:
                    return _holder(f"socket:[{fields[9]}]")
    return "another process"


def _holder(link: str) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                if str(descriptor.readlink()) == link:
                    return _called(int(process.name), _command_line(process))
    return "another process"


def _lock_owner(lock: Path) -> tuple[int, str] | None:
    """Return the process that holds a file's lock, by the kernel's own list; None: nobody."""
    try:
        inode = lock.stat().st_ino
        locks = Path("/proc/locks").read_text("ascii")
    except OSError:
        return None
    found = re.search(rf"FLOCK +ADVISORY +WRITE (\d+) \S+:{inode} ", locks)
    if found is None:
        return None
    return int(found[1]), _command_line(Path("/proc") / found[1])


def _command_line(process: Path) -> str:
    with contextlib.suppress(OSError):
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _called(number: int, line: str) -> str:
    return f"process {number}" + (f" ({line.strip()[:80]})" if line.strip() else "")
