"""Which offsets an object holds where they do not follow each other.

The object's name tells its first offset alone, so a small file tells the rest:
``offsets/<the object's key>``, written before the object. An object without
one holds start, start + 1, and so on.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Sequence

from pinlake.errors import ObjectTorn
from pinlake.lake.store import Content, Lake

ROOT = "offsets"


def written(offsets: Sequence[int]) -> str:
    """Return ascending offsets as runs: ``0-4,7,9-12``."""
    return ",".join(
        str(first) if first == last else f"{first}-{last}" for first, last in runs(offsets)
    )


def runs(offsets: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run without gaps."""
    first = last = None
    for offset in offsets:
        if first is None or last is None:
            first = offset
        elif offset != last + 1:
            yield first, last
            first = offset
        last = offset
    if first is not None and last is not None:
        yield first, last


def read(text: str) -> array[int]:
    """Return the offsets of runs."""
    found: array[int] = array("q")
    for run in text.strip().split(","):
        first, _, last = run.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def put(lake: Lake, key: str, text: str) -> None:
    """Keep an object's runs durably."""
    lake.put(f"{ROOT}/{key}", text.encode() + b"\n")


def drop(lake: Lake, key: str) -> None:
    """Forget an object's runs, if there are any."""
    lake.delete(f"{ROOT}/{key}")


def of(lake: Lake, key: str, start: int, lines: int) -> array[int]:
    """Return the offset of each line of an object; ObjectTorn where runs and lines differ."""
    return told(lake.get(f"{ROOT}/{key}"), key, start, lines)


def told(content: Content | None, key: str, start: int, lines: int) -> array[int]:
    """Return the same from what was kept of the object's runs, None where nothing was."""
    if content is None:
        return array("q", range(start, start + lines))
    found = read(bytes(content).decode())
    if len(found) != lines:
        reason = f"it has {lines} lines, {ROOT}/{key} tells {len(found)} offsets"
        raise ObjectTorn(key=key, reason=reason)
    return found
