"""Checks a request's body against its operation's members: types first, then constraints."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import msgspec

from pinlake.gateway import kinesis_errors as errors
from pinlake.gateway.kinesis_errors import Refused

MOST_LISTED = 10

Type = Literal["String", "Integer", "Long", "Blob", "Timestamp", "Boolean", "List", "Structure"]
PYTHON_TYPES: dict[Type, tuple[type, ...]] = {
    "String": (str,),
    "Integer": (int, float),
    "Long": (int, float),
    "Blob": (str, bytes),
    "Timestamp": (int, float),
    "Boolean": (bool,),
    "List": (list,),
    "Structure": (dict,),
}


class Member(msgspec.Struct, frozen=True):
    """What a member of a request may be. ``least`` and ``most`` bound lengths or numbers."""

    type: Type
    required: bool = False
    least: int | None = None
    most: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    members: Mapping[str, Member] = {}  # of a Structure, or of a List's structures


Members = Mapping[str, Member]


def check(body: dict[str, Any], members: Members) -> None:
    """Refuse a body of wrong types (SerializationException) or values (ValidationException).

    Blobs are decoded from base64 in place.
    """
    _check_types(body, members)
    found = list(_violations(body, members, ""))
    if not found:
        return
    count = f"{len(found)} validation error{'s' if len(found) > 1 else ''} detected: "
    raise Refused(errors.VALIDATION, reason=count + "; ".join(found[:MOST_LISTED]))


def _check_types(body: dict[str, Any], members: Members) -> None:
    for name, member in members.items():
        value = body.get(name)
        if value is None:
            continue
        _check_type(value, member)
        if member.type == "Blob" and isinstance(value, str):
            body[name] = _blob(value)
        elif member.type == "Structure":
            _check_types(value, member.members)
        elif member.type == "List" and member.members:
            for each in value:
                _check_type(each, Member("Structure"))
                _check_types(each, member.members)


def _check_type(value: Any, member: Member) -> None:
    fits = isinstance(value, PYTHON_TYPES[member.type])
    if fits and (isinstance(value, bool) == (member.type == "Boolean")):
        return
    name = "class com.amazonaws.kinesis" if isinstance(value, dict) else _java_name(value)
    raise Refused(errors.SERIALIZATION, reason=f"{name} can not be converted to {member.type}")


def _java_name(value: Any) -> str:
    names = {bool: "TRUE_VALUE" if value is True else "FALSE_VALUE", str: "STRING_VALUE"}
    return names.get(
        type(value), "NUMBER_VALUE" if isinstance(value, int | float) else "LIST_VALUE"
    )


def _blob(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise Refused(errors.SERIALIZATION, reason=f"'{text[:100]}' is not valid base64") from None


def _violations(body: dict[str, Any], members: Members, prefix: str) -> Iterator[str]:
    for name, member in members.items():
        path = f"{prefix}{name[0].lower()}{name[1:]}"
        value = body.get(name)
        if value is None:
            if member.required:
                yield _violation(None, path, "Member must not be null")
            continue
        yield from _bounds(value, member, path)
        if member.type == "Structure":
            yield from _violations(value, member.members, f"{path}.")
        elif member.type == "List" and member.members:
            for number, each in enumerate(value, 1):
                yield from _violations(each, member.members, f"{path}.{number}.member.")


def _bounds(value: Any, member: Member, path: str) -> Iterator[str]:
    of, size = ("have value", value)
    if isinstance(value, str | bytes | list):
        of, size = "have length", len(value)
    if member.least is not None and size < member.least:
        yield _violation(value, path, f"Member must {of} greater than or equal to {member.least}")
    if member.most is not None and size > member.most:
        yield _violation(value, path, f"Member must {of} less than or equal to {member.most}")
    if member.pattern is not None and not re.fullmatch(member.pattern, value):
        constraint = f"Member must satisfy regular expression pattern: {member.pattern}"
        yield _violation(value, path, constraint)
    if member.choices and value not in member.choices:
        constraint = f"Member must satisfy enum value set: [{', '.join(member.choices)}]"
        yield _violation(value, path, constraint)


def _violation(value: Any, path: str, constraint: str) -> str:
    shown = "null" if value is None else f"'{_shown(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _shown(value: Any) -> str:
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    return value if isinstance(value, str) else json.dumps(value, default=str)[:200]
