"""CBOR as far as Kinesis's clients speak it (RFC 8949): what the JVM's SDKs send by default."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from typing import Any

from pinlake.gateway.kinesis.time import Timestamp

DEEPEST = 32
INDEFINITE = 31
BREAK = object()
EPOCH_TAG = 1
SIMPLE: dict[int, Any] = {20: False, 21: True, 22: None, 23: None}
FLOATS = {25: ">e", 26: ">f", 27: ">d"}
WIDTHS = {24: 1, 25: 2, 26: 4, 27: 8}


def decode(data: bytes) -> Any:
    """Return the one value that the bytes hold, or raise ValueError.

    Tag 1 is a time; the SDKs send it in milliseconds, other than the RFC says.
    """
    reader = _Reader(data)
    value = reader.value(0)
    if value is BREAK or reader.at != len(data):
        raise ValueError("there is no single value")
    return value


def encode(value: Any) -> bytes:
    """Return a value of dicts, lists, text, bytes, numbers, booleans, None and Timestamps."""
    out: list[bytes] = []
    _write(value, out.append)
    return b"".join(out)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def value(self, depth: int) -> Any:
        if depth > DEEPEST:
            raise ValueError("it is nested too deep")
        kind, detail = divmod(self._take(1)[0], 32)
        if kind == 7:
            return self._simple(detail)
        length = None if detail == INDEFINITE else self._number(detail)
        return self._of_kind(kind, length, depth)

    def _of_kind(self, kind: int, length: int | None, depth: int) -> Any:
        if kind in {2, 3}:
            data = self._joined(kind) if length is None else self._take(length)
            return data if kind == 2 else data.decode()
        if kind in {4, 5}:
            found = self._items(length, depth, kind - 3)
            return found if kind == 4 else dict(zip(found[::2], found[1::2], strict=True))
        if length is None:
            raise ValueError("a number has no length")
        if kind == 6:
            return self._tagged(length, self.value(depth + 1))
        return length if kind == 0 else -1 - length

    def _items(self, length: int | None, depth: int, each: int) -> list[Any]:
        found: list[Any] = []
        while length is None or len(found) < length * each:
            item = self.value(depth + 1)
            if item is BREAK:
                if length is None:
                    return found
                raise ValueError("a list ends early")
            if each == 2 and len(found) % 2 == 0 and not isinstance(item, str):
                raise ValueError("a key is no text")
            found.append(item)
        return found

    def _joined(self, kind: int) -> bytes:
        parts: list[bytes] = []
        while (first := self._take(1)[0]) != 0xFF:
            if first // 32 != kind:
                raise ValueError("a part of a string is none")
            parts.append(self._take(self._number(first % 32)))
        return b"".join(parts)

    def _tagged(self, tag: int, value: Any) -> Any:
        if value is BREAK:
            raise ValueError("a tag is of nothing")
        if tag != EPOCH_TAG:
            return value
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError("a time is no number")
        return Timestamp(int(value))

    def _simple(self, detail: int) -> Any:
        if detail == INDEFINITE:
            return BREAK
        if detail in FLOATS:
            return struct.unpack(FLOATS[detail], self._take(WIDTHS[detail]))[0]
        if detail not in SIMPLE:
            raise ValueError(f"simple value {detail} means nothing")
        return SIMPLE[detail]

    def _number(self, detail: int) -> int:
        if detail < 24:
            return detail
        if detail not in WIDTHS:
            raise ValueError("a length is written wrong")
        return int.from_bytes(self._take(WIDTHS[detail]), "big")

    def _take(self, count: int) -> bytes:
        taken = self._data[self.at : self.at + count]
        if len(taken) < count:
            raise ValueError("it ends too early")
        self.at += count
        return taken


def _write(value: Any, put: Callable[[bytes], Any]) -> None:
    if isinstance(value, dict):
        put(_head(5, len(value)))
        for key, each in value.items():
            _write(key, put)
            _write(each, put)
    elif isinstance(value, list):
        put(_head(4, len(value)))
        for each in value:
            _write(each, put)
    else:
        put(_scalar(value))


def _scalar(value: Any) -> bytes:
    if isinstance(value, str):
        text = value.encode()
        return _head(3, len(text)) + text
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if value is None or isinstance(value, bool):
        return {None: b"\xf6", True: b"\xf5", False: b"\xf4"}[value]
    if isinstance(value, Timestamp):
        return _head(6, EPOCH_TAG) + _scalar(value.milliseconds)
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    return struct.pack(">Bd", 0xFB, value)


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    for detail, width in WIDTHS.items():
        if number < 1 << (8 * width):
            return bytes([kind << 5 | detail]) + number.to_bytes(width, "big")
    raise ValueError(f"{number} has more than 64 bits")
