"""``pinlake doctor``: what is wrong with a home, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path

from pinlake import settings
from pinlake.dataset import Dataset
from pinlake.errors import HomeMissing, PinlakeError
from pinlake.home import open_home
from pinlake.lake.open import open_lake
from pinlake.log.base import LogReader
from pinlake.log.open import reader_of
from pinlake.record import Kind
from pinlake.run.doctor import (
    deep,
    engines,
    kafka,
    kinesis,
    place,
    s3,
    sources,
    stages,
    tables,
    workers,
)
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient
from pinlake.run.present import Presenter
from pinlake.settings import Home

Check = Callable[[Patient], Iterator[Finding]]

CHECKS: Mapping[str, Check] = {
    "settings": place.connector,
    "data set": place.dataset,
    "engine": engines.engine,
    "lake": s3.lake,
    "workers": workers.workers,
    "port": place.port,
    "log's writer": place.writer,
    "disk": place.disk,
    "log": place.log,
    "Kafka": kafka.kafka,
    "Kinesis": kinesis.streams,
    "source": sources.source,
    "clock": stages.clock,
    "tables": tables.tables_open,
    "left over": tables.left_over,
    "stages": stages.lagging,
    "plans": stages.unfinished,
    "retention": stages.retention,
    "quarantine": tables.quarantined,
}
"""What is looked at, by name, in order."""

DEEP: Mapping[str, Check] = {
    "files": deep.files,
    "objects": deep.objects_of_log,
    "raw": deep.raw_of_objects,
    "clean": deep.clean_of_raw,
    "stream": deep.stream_of_log,
}
"""What ``--deep`` looks at besides; each reads everything."""


def run_doctor(home: Path | None, dataset: str | None, *, deep: bool, json: bool) -> bool:
    """Print what is found, one finding after another; tell whether nothing is an error."""
    presenter, well = Presenter(json=json), True
    for finding in examine(home, dataset, deep=deep):
        well = well and finding.severity != "error"
        presenter.report(finding)
    return well


def examine(
    path: Path | None, dataset: str | None, *, deep: bool, now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """Yield what is found in a home; a check that fails is a finding too."""
    try:
        home = settings.read(path)
    except PinlakeError as error:
        yield Finding("error", "settings", str(error), "mend the setting; see `pinlake config`")
        return
    yield from _guarded("home", lambda _patient: place.writable(home), None)
    try:
        home, held = open_home(path, dataset)
    except HomeMissing as error:
        yield Finding("error", "home", str(error), "`pinlake demo` makes one")
        return
    except PinlakeError as error:
        yield Finding("error", "home", str(error))
        return
    yield Finding("ok", "home", f"{home.path} holds the data set {held.name}")
    with ExitStack() as opened:
        yield from _of_home(opened, home, held, now, deep=deep)


def _of_home(
    opened: ExitStack, home: Home, held: Dataset, now: Callable[[], float], *, deep: bool
) -> Iterator[Finding]:
    try:
        lake = open_lake(home)
    except (PinlakeError, OSError) as error:
        yield Finding("error", "lake", str(error), "mend the setting `lake`, or what lies there")
        return
    patient = Patient(home, held, lake, _log(opened, home), now)
    for name, check in {**CHECKS, **(DEEP if deep else {})}.items():
        yield from _guarded(name, check, patient)


def _guarded(
    name: str, check: Callable[..., Iterator[Finding]], patient: Patient | None
) -> Iterator[Finding]:
    """Yield a check's findings, of that name; what it raises is one."""
    try:
        for finding in check(patient):
            yield Finding(finding.severity, name, finding.what, finding.do)
    except Exception as error:  # noqa: BLE001 - what one check meets must not stop the others
        yield Finding("error", name, str(error) or repr(error))


def _log(opened: ExitStack, home: Home) -> LogReader | None:
    """Return the log where it can be read; the check of the log says why it cannot."""
    try:
        log = opened.enter_context(closing(reader_of(home)))
        for kind in Kind:  # what does not answer is awaited once, not by each check
            log.names(kind)
    except PinlakeError:
        return None
    return log
