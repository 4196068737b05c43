"""Tables from files: CSV, and JSON a line. Each file is read once and whole."""

from __future__ import annotations

import hashlib
import os
from array import array
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pinlake.errors import SourceChanged, SourceFailed
from pinlake.source.delimited import Entry, entries, header, to_json
from pinlake.source.feed import Broken, Records, Stretch, Unit
from pinlake.table import Column, FileOrigin

STRETCH_BYTES = 4 * 1024 * 1024
"""A larger file is read in several commits, so that memory does not grow with it."""
HEADER_BYTES = 64 * 1024
BLOCK = 1024 * 1024


class FileFeed:
    """The files that a pattern names, in order of their paths; a piece is a file.

    A record's place is the line of the file on which it begins, from 1. A file is to
    be there whole when its name fits the pattern, and to stay as it is: new rows come
    in new files. Names with a dot in front are left alone.
    """

    kind = "file"
    unit: Unit = "files"

    def __init__(self, origin: FileOrigin, folder: Path, columns: Sequence[Column]) -> None:
        self._origin, self._folder, self._columns = origin, folder, columns
        self._digests: dict[tuple[str, int, int], str] = {}

    def ends(self) -> dict[str, int]:
        """Return each file with its size."""
        found = sorted(self._found(), key=lambda path: path.as_posix())
        with self._failures(self._origin.path):
            return {self._name(path): path.stat().st_size for path in found}

    def next(self, piece: str, end: int, done: Stretch | None, size: int) -> Stretch | None:
        """Return the rest of a file, or as much of it as goes into one commit."""
        fingerprint = self._checked(piece, done.fingerprint) if done else self._fingerprint(piece)
        after = done.upto if done else 0
        if after >= end:
            return None
        upto = self._boundary(piece, after, end, min(size, STRETCH_BYTES))
        return Stretch(piece, fingerprint, after or None, upto, upto - after)

    def read(self, stretch: Stretch) -> Records:
        """Return the records of a file's stretch."""
        after = stretch.after or 0
        content = self._content(stretch.piece, after, stretch.upto)
        self._compare(stretch, content)
        line = 1 + self._lines_before(stretch.piece, after)
        if self._origin.format == "jsonl":
            return _of_lines(content, line)
        found = list(entries(content, self._origin.delimiter, line))
        if not after:
            found = found[1:]
        return self._of_entries(stretch.piece, content, found)

    def close(self) -> None:
        """Do nothing: no file stays open."""

    def _found(self) -> Iterator[Path]:
        pattern = Path(self._origin.path).expanduser()
        root = Path(pattern.anchor) if pattern.is_absolute() else self._folder
        below = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
        for path in root.glob(str(below)):
            if path.is_file() and not path.name.startswith("."):
                yield path

    def _name(self, path: Path) -> str:
        """Return a file's name in plans: its path in the data set's folder, if it lies there."""
        inside = path.is_relative_to(self._folder)
        name = (path.relative_to(self._folder) if inside else path).as_posix()
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise SourceFailed(url=repr(name), reason="its name is no UTF-8: rename it") from error
        return name

    def _fingerprint(self, piece: str) -> str:
        """Return size, time and digest of a file; the time spares reading what did not change."""
        with self._failures(piece):
            stat = (self._folder / piece).stat()
        return f"{stat.st_size}:{stat.st_mtime_ns}:{self._digest(piece, stat)}"

    def _checked(self, piece: str, fingerprint: str) -> str:
        """Return a fingerprint that is the file's, by its bytes where its time is another."""
        size, time, digest = fingerprint.split(":")
        with self._failures(piece):
            stat = (self._folder / piece).stat()
        if stat.st_size != int(size):
            self._changed(piece, f"it had {size} bytes and has {stat.st_size}")
        if stat.st_mtime_ns != int(time) and self._digest(piece, stat) != digest:
            self._changed(piece, "its bytes are others")
        return fingerprint

    def _compare(self, stretch: Stretch, content: bytes) -> None:
        """Refuse bytes that are not those of the plan; a whole file's own digest is at hand."""
        size, _, digest = stretch.fingerprint.split(":")
        if len(content) == int(size) and hashlib.sha256(content).hexdigest() != digest:
            self._changed(stretch.piece, "its bytes are others")
        self._checked(stretch.piece, stretch.fingerprint)

    def _changed(self, piece: str, reason: str) -> None:
        raise SourceChanged(name=self._folder / piece, reason=reason)

    def _digest(self, piece: str, stat: os.stat_result) -> str:
        key = (piece, stat.st_size, stat.st_mtime_ns)
        if key not in self._digests:
            digest = hashlib.sha256()
            for block in self._blocks(piece, stat.st_size):
                digest.update(block)
            self._digests[key] = digest.hexdigest()
        return self._digests[key]

    def _boundary(self, piece: str, after: int, end: int, size: int) -> int:
        """Return where a stretch ends: behind a record, about ``size`` bytes on."""
        if end - after <= size:
            return end
        content = self._content(piece, after, min(end, after + size + STRETCH_BYTES))
        if self._origin.format == "jsonl":
            line_end = content.find(b"\n", max(0, size - 1))
            return end if line_end < 0 else after + line_end + 1
        ends = (each.end for each in entries(content, self._origin.delimiter))
        found = next((at for at in ends if at >= size), len(content))
        return after + found

    def _content(self, piece: str, after: int, upto: int) -> bytes:
        with self._failures(piece), (self._folder / piece).open("rb") as file:
            file.seek(after)
            return file.read(upto - after)

    def _blocks(self, piece: str, upto: int) -> Iterator[bytes]:
        with self._failures(piece), (self._folder / piece).open("rb") as file:
            while upto > 0 and (block := file.read(min(BLOCK, upto))):
                yield block
                upto -= len(block)

    def _lines_before(self, piece: str, after: int) -> int:
        return sum(block.count(b"\n") for block in self._blocks(piece, after))

    def _names(self, piece: str) -> list[str]:
        content = self._content(piece, 0, HEADER_BYTES)
        first = next(entries(content, self._origin.delimiter), None)
        return header(first) if first else []

    def _of_entries(self, piece: str, content: bytes, found: Sequence[Entry]) -> Records:
        """Return CSV records as JSON; those that do not fit the header are broken."""
        names = self._names(piece)
        encode = to_json(names, self._columns)
        good: list[Entry] = []
        broken: list[Broken] = []
        for each in found:
            fault = each.fault or _misfit(each.fields, names)
            if fault:
                broken.append(Broken(each.line, fault, _raw(content, each)))
            else:
                good.append(each)
        places = array("q", [each.line for each in good])
        return Records(
            places,
            [encode(each.fields) for each in good],
            tuple(broken),
            lambda place: _raw(content, good[bisect_left(places, place)]),
        )

    @contextmanager
    def _failures(self, piece: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise SourceFailed(url=self._folder / piece, reason=reason) from error


def _of_lines(content: bytes, line: int) -> Records:
    """Return the lines that are not blank; what they hold is for the engine to judge."""
    numbered = enumerate(content.split(b"\n"), start=line)
    found = [(place, text.removesuffix(b"\r")) for place, text in numbered if text.strip()]
    return Records(array("q", [place for place, _ in found]), [text for _, text in found])


def _misfit(fields: Sequence[str], names: Sequence[str]) -> str:
    if len(fields) == len(names):
        return ""
    return f"{len(fields)} fields where the header has {len(names)}"


def _raw(content: bytes, entry: Entry) -> bytes:
    return content[entry.start : entry.end].rstrip(b"\r\n")
