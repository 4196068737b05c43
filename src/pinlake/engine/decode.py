"""One record's bytes into rows, by the book: for what is not plain enough for decode.sql."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Sequence

import msgspec

from pinlake.dataset import Column
from pinlake.lake.objects import MAX_DEPTH, depth

SHORT = 40
"""Characters of a value that a reason quotes."""

NOT_JSON = "not JSON"
NOT_AN_OBJECT = "not an object"
EMPTY_LIST = "empty list"

_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
_WHOLE = re.compile(r"([+-]?)0*([0-9]{1,19})\Z")
_DECIMAL = re.compile(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?\Z")
_CONTAINERS = {b"[": "a list", b"{": "an object"}
_LIMITS = {"INT": 2**31, "BIGINT": 2**63}
_raw = msgspec.json.Decoder(msgspec.Raw)
_text = msgspec.json.Decoder(str)
_list = msgspec.json.Decoder(list[msgspec.Raw])
_object = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Row(msgspec.Struct, frozen=True):
    """A row as a JSON object of exactly the table's columns, each null or of its type."""

    element: int
    json: bytes
    rescued: str | None = None


class Reject(msgspec.Struct, frozen=True):
    """What is no row: the reason, and the bytes of the value or of the list's element."""

    element: int
    reason: str
    content: bytes


class Uncastable(Exception):  # noqa: N818 - a verdict on a value, caught three lines further
    """The value does not fit the column; the text says how, after the column's name."""


def is_json(value: bytes) -> bool:
    """Tell whether bytes are one JSON text (RFC 8259, UTF-8) of at most MAX_DEPTH levels."""
    try:
        value.decode()
        if value.count(b"[") + value.count(b"{") > MAX_DEPTH and depth(value) > MAX_DEPTH:
            return False
        _raw.decode(value)
    except (UnicodeDecodeError, msgspec.DecodeError):
        return False
    return True


def from_base64(text: bytes) -> bytes | None:
    """Return what padded base64 of the standard alphabet holds, or None where it is none."""
    return base64.b64decode(text) if _BASE64.match(text) else None


class Decoder:
    """Turns the bytes of a table's records into rows and rejects; nothing is lost between.

    Opening a value finds its objects, fitting an object gives it the table's columns.
    """

    def __init__(self, columns: Sequence[Column]) -> None:
        self.columns = tuple((column, (column.name, *column.aliases)) for column in columns)
        self.names = [msgspec.json.encode(column.name) + b":" for column in columns]

    def decode(self, value: bytes) -> list[Row | Reject]:
        """Return a record's rows, one an element of its list, in order."""
        return [
            each if isinstance(each, Reject) else self.fit(each.element, each.json)
            for each in opened(value)
        ]

    def fit(self, element: int, record: bytes) -> Row | Reject:
        """Return the row of an object."""
        fields = _object.decode(record)
        if len(_compact(record)) != len(_compact(msgspec.json.encode(fields))):
            repeated = _repeated_key(record)
            if repeated is not None:
                return Reject(element, f"key {_short(repeated)} comes twice", record)
        try:
            return self._fitted(element, {name: bytes(raw) for name, raw in fields.items()})
        except Uncastable as failure:
            return Reject(element, str(failure), record)

    def _fitted(self, element: int, fields: dict[str, bytes]) -> Row:
        """Take each column's value out of the fields; what stays there is rescued."""
        values = []
        for (column, names), label in zip(self.columns, self.names, strict=True):
            name: str | None = column.name
            if name not in fields:
                name = next((alias for alias in names if alias in fields), None)
            values.append(label + _value(column, name, fields))
        return Row(element, b"{" + b",".join(values) + b"}", _rescued(fields))


def opened(value: bytes) -> list[Row | Reject]:
    """Return the objects that a record's value holds, one an element of its list, in order.

    Their columns are yet to be looked at.
    """
    found = _container_of(value)
    if isinstance(found, str):
        return [Reject(0, found, value)]
    if found.startswith(b"{"):
        return [Row(0, found)]
    elements = _list.decode(found)
    if not elements:
        return [Reject(0, EMPTY_LIST, value)]
    return [_element(place, bytes(each)) for place, each in enumerate(elements)]


def _element(place: int, value: bytes) -> Row | Reject:
    if value.startswith(b"{"):
        return Row(place, value)
    found = _container_of(value)
    if isinstance(found, str):
        return Reject(place, found, value)
    return Row(place, found) if found.startswith(b"{") else Reject(place, NOT_AN_OBJECT, value)


def _value(column: Column, name: str | None, fields: dict[str, bytes]) -> bytes:
    """Return the JSON of a column's value, taking it out of the fields where it fits."""
    if name is None:
        if column.required:
            raise Uncastable(f"column {column.name} is missing")
        return b"null"
    value = fields[name]
    if value == b"null":
        if column.required is True:
            raise Uncastable(f"column {column.name} is null")
        del fields[name]
        return value
    try:
        cast = _CASTS[column.type](value)
    except Uncastable as failure:
        if column.required is True:
            raise Uncastable(f"column {column.name} {failure}") from failure
        return b"null"
    del fields[name]
    return cast


def _container_of(value: bytes) -> bytes | str:
    """Return the object or list that a value means, or the reason why it means none.

    A sink writes bytes that are no JSON as a JSON string of their base64. So a
    text may hold base64 of base64, and means what the bytes themselves mean.
    """
    if not is_json(value):
        return _container(from_base64(value), layers=0) or NOT_JSON
    value = value.strip(b" \t\r\n")
    if value.startswith(b'"'):
        return _container(_text.decode(value).encode(), layers=2) or NOT_JSON
    return value if value[:1] in _CONTAINERS else NOT_AN_OBJECT


def _container(text: bytes | None, layers: int) -> bytes | None:
    """Return the JSON object or list in a text, or under so many layers of base64."""
    for layer in range(layers + 1):
        text = from_base64(text) if layer and text is not None else text
        if text is None:
            return None
        stripped = text.strip(b" \t\r\n")
        if stripped[:1] in _CONTAINERS and is_json(stripped):
            return stripped
    return None


def _string(value: bytes) -> bytes:
    """Text stays, numbers and booleans become text as sent, objects and lists JSON text."""
    if value.startswith(b'"'):
        return value
    return msgspec.json.encode(_compact(value).decode())


def _whole(value: bytes, kind: str) -> bytes:
    text = _scalar(value)
    match = _WHOLE.match(text)
    if match is None and not re.match(r"[+-]?[0-9]+\Z", text):
        raise Uncastable(f"is not a whole number: {_short(text)}")
    number = int(match[1] + match[2]) if match else _LIMITS[kind]
    if not -_LIMITS[kind] <= number < _LIMITS[kind]:
        raise Uncastable(f"is out of range of {kind}: {_short(text)}")
    return str(number).encode()


def _double(value: bytes) -> bytes:
    text = _scalar(value)
    if not _DECIMAL.match(text):
        raise Uncastable(f"is not a decimal number: {_short(text)}")
    number = float(text)
    if not math.isfinite(number):
        raise Uncastable(f"is out of range of DOUBLE: {_short(text)}")
    return repr(number).encode()


def _boolean(value: bytes) -> bytes:
    text = _scalar(value)
    if text not in {"true", "false"}:
        raise Uncastable(f"is neither true nor false: {_short(text)}")
    return text.encode()


_CASTS: dict[str, Callable[[bytes], bytes]] = {
    "STRING": _string,
    "INT": lambda value: _whole(value, "INT"),
    "BIGINT": lambda value: _whole(value, "BIGINT"),
    "DOUBLE": _double,
    "BOOLEAN": _boolean,
}


def _scalar(value: bytes) -> str:
    """Return a value's text: of a string what it holds, of a list or object only that it is one."""
    if value[:1] in _CONTAINERS:
        return _CONTAINERS[value[:1]]
    return _text.decode(value) if value.startswith(b'"') else value.decode()


def _rescued(fields: dict[str, bytes]) -> str | None:
    """Return the JSON object of the fields that no column took, or None."""
    if not fields:
        return None
    pairs = [msgspec.json.encode(name) + b":" + _compact(value) for name, value in fields.items()]
    return (b"{" + b",".join(pairs) + b"}").decode()


def _compact(value: bytes) -> bytes:
    return msgspec.json.format(value, indent=-1)


def _repeated_key(record: bytes) -> str | None:
    """Return a key that an object has twice, or None."""
    import json

    # The outermost object is the last to be built, so its pairs are what is returned.
    keys = json.loads(record, object_pairs_hook=lambda pairs: [name for name, _ in pairs])
    return next((key for place, key in enumerate(keys) if key in keys[:place]), None)


def _short(text: str) -> str:
    return text if len(text) <= SHORT else text[: SHORT - 1] + "…"
