"""Decoding in plain Python, from the rules and the json module: what a record's bytes mean.

``decode(value, columns)`` returns a list of rows ``Row(element, values, rescued)`` and
``Bad(element, reason, content)``. Columns are ``pinlake.dataset.Column``s.
"""

import base64
import json
import math
import re
from typing import Any, NamedTuple

RANGES = {"INT": (-(2**31), 2**31 - 1), "BIGINT": (-(2**63), 2**63 - 1)}
DEEPEST = 512


class Row(NamedTuple):
    element: int
    values: dict[str, Any]
    rescued: Any


class Bad(NamedTuple):
    element: int
    reason: str
    content: bytes


class Number(str):  # noqa: SLOT000
    """A number's own text."""


class Object(list):
    """An object as its (key, value) pairs, in order."""


class JsonText(NamedTuple):
    """Text that is the JSON of this value, however it is spaced."""

    value: Any


class NoJson(Exception):  # noqa: N818
    pass


class Unfit(Exception):  # noqa: N818
    pass


def parse(raw):
    """Return the value of one JSON text, or raise NoJson."""
    try:
        text = raw.decode("utf-8")
        if deepest(text) > DEEPEST:
            raise NoJson
        value = json.loads(
            text,
            parse_int=Number,
            parse_float=Number,
            parse_constant=refuse,
            object_pairs_hook=Object,
        )
        repr_of_all(value).encode("utf-8")
    except (ValueError, UnicodeError) as error:
        raise NoJson from error
    return value


def refuse(_):
    raise NoJson


def repr_of_all(value):
    """Return all the text in a value, for a look at its surrogates."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return "".join(map(repr_of_all, value))
    return ""


def deepest(text):
    level = most = 0
    for char in re.sub(r'"(?:[^"\\]|\\.)*"', "", text, flags=re.DOTALL):
        level += (char in "[{") - (char in "]}")
        most = max(most, level)
    return most


def unbase64(raw):
    whole = re.fullmatch(rb"[A-Za-z0-9+/]*={0,2}", raw)
    if not whole or len(raw) % 4 or len(raw.rstrip(b"=")) % 4 == 1:
        raise NoJson
    return base64.b64decode(raw, validate=True)


def container(raw, layers):
    """Return the object or list in bytes, under at most so many layers of base64."""
    for _ in range(layers + 1):
        try:
            value = parse(raw)
        except NoJson:
            value = None
        if isinstance(value, list):
            return value
        raw = unbase64(raw)
    raise NoJson


def meaning(value):
    """Return the object or list that a JSON value means."""
    if type(value) is str:
        return container(value.encode(), 2)
    if not isinstance(value, list):
        raise Unfit("not an object")
    return value


def decode(raw, columns):
    try:
        try:
            value = parse(raw)
        except NoJson:
            value = container(unbase64(raw), 0)
        found = meaning(value)
    except NoJson:
        return [Bad(0, "not JSON", raw)]
    except Unfit as unfit:
        return [Bad(0, str(unfit), raw)]
    if isinstance(found, Object):
        return [row(0, found, columns)]
    return [element(place, each, columns) for place, each in enumerate(found)] or [
        Bad(0, "empty list", raw)
    ]


def element(place, value, columns):
    try:
        found = meaning(value)
    except NoJson:
        return Bad(place, "not JSON", value)
    except Unfit as unfit:
        return Bad(place, str(unfit), value)
    if not isinstance(found, Object):
        return Bad(place, "not an object", value)
    return row(place, found, columns)


def row(place, pairs, columns):
    keys = [key for key, _ in pairs]
    twice = next((key for key in keys if keys.count(key) > 1), None)
    if twice is not None:
        return Bad(place, f"key {short(second_of(keys))} comes twice", pairs)
    rest, values = dict(pairs), {}
    try:
        for column in columns:
            values[column.name] = take(column, rest)
    except Unfit as unfit:
        return Bad(place, f"column {unfit}", pairs)
    return Row(place, values, rest or None)


def second_of(keys):
    return next(key for place, key in enumerate(keys) if key in keys[:place])


def take(column, rest):
    name = next((each for each in (column.name, *column.aliases) if each in rest), None)
    if name is None:
        if column.required:
            raise Unfit(f"{column.name} is missing")
        return None
    if rest[name] is None:
        if column.required is True:
            raise Unfit(f"{column.name} is null")
        del rest[name]
        return None
    try:
        value = cast(column.type, rest[name])
    except Unfit as unfit:
        if column.required is True:
            raise Unfit(f"{column.name} {unfit}") from unfit
        return None
    del rest[name]
    return value


def cast(kind, value):
    if kind == "STRING":
        return JsonText(value) if isinstance(value, list) else words(value)
    text = kind_of(value) if isinstance(value, list) else words(value)
    if kind == "DOUBLE":
        return double(text)
    if kind == "BOOLEAN":
        if text not in {"true", "false"}:
            raise Unfit(f"is neither true nor false: {short(text)}")
        return text == "true"
    if not re.fullmatch(r"[+-]?[0-9]+", text):
        raise Unfit(f"is not a whole number: {short(text)}")
    digits = text.lstrip("+-").lstrip("0") or "0"
    number = int(digits) * (-1 if text[0] == "-" else 1) if len(digits) < 30 else 2**99
    low, high = RANGES[kind]
    if not low <= number <= high:
        raise Unfit(f"is out of range of {kind}: {short(text)}")
    return number


def double(text):
    if not re.fullmatch(r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?", text):
        raise Unfit(f"is not a decimal number: {short(text)}")
    if not math.isfinite(float(text)):
        raise Unfit(f"is out of range of DOUBLE: {short(text)}")
    return float(text)


def words(value):
    """Return a string's text, a number's as it was sent, and true or false."""
    return {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)


def kind_of(value):
    return "an object" if isinstance(value, Object) else "a list"


def short(text):
    return text if len(text) <= 40 else text[:39] + "…"
