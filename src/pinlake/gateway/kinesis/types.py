"""The members of a request and their types. Source of the messages: kinesalite, validations/."""

from __future__ import annotations

import binascii
import math
import re
from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.time import Timestamp

Type = Literal["String", "Integer", "Blob", "Timestamp", "Boolean", "List", "Structure"]

LARGEST_INTEGER = 2**31 - 1
NO_BASE64 = re.compile(r"[^a-zA-Z0-9+/=]|=[^=]")


class Member(msgspec.Struct, frozen=True):
    """What a member of a request may be. ``least`` and ``most`` bound lengths or numbers.

    ``members`` are those of a Structure, or of each of a List's structures;
    ``shown`` is how a message shows a List's structure.
    """

    type: Type
    required: bool = False
    least: int | None = None
    most: int | None = None
    pattern: str | None = None
    choices: tuple[str, ...] = ()
    members: Mapping[str, Member] = {}
    shown: str = ""


Members = Mapping[str, Member]


def typed(body: Mapping[str, Any], members: Members) -> dict[str, Any]:
    """Return the members that a body has, as Python's values: bytes, milliseconds, whole numbers.

    What is unknown or null is left out. Refuses a wrong type (SerializationException).
    """
    found = {}
    for name, member in members.items():
        value = body.get(name)
        if value is not None:
            found[name] = _READERS[member.type](value, member)
    return found


def _string(value: Any, _member: Member) -> str:
    if isinstance(value, str):
        return value
    raise _unfit(value, f"{_java(value)} can not be converted to an String")


def _integer(value: Any, _member: Member) -> int:
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return min(math.floor(value), LARGEST_INTEGER)
    raise _unfit(value, f"{_java(value)} can not be converted to an Integer")


def _boolean(value: Any, _member: Member) -> bool:
    if isinstance(value, bool):
        return value
    shown = f"'{value.upper()}'" if isinstance(value, str) else _java(value)
    raise _unfit(value, f"{shown} can not be converted to an Boolean")


def _timestamp(value: Any, _member: Member) -> int:
    """Return milliseconds since the epoch; JSON has seconds."""
    if isinstance(value, Timestamp):
        return value.milliseconds
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        return math.floor(value * 1000)
    raise _unfit(value, f"{_java(value)} can not be converted to milliseconds since epoch")


def _blob(value: Any, _member: Member) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str):
        raise _unfit(value, f"{_java(value)} can not be converted to a Blob")
    try:
        decoded = binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        decoded = None
    if decoded is None or not value.endswith(_last_quantum(decoded)):
        reason = f"'{value[:100]}' can not be converted to a Blob: {_no_base64(value)}"
        raise Refused(errors.SERIALIZATION, reason=reason)
    return decoded


def _last_quantum(decoded: bytes) -> str:
    """Return the four characters that the end of the bytes is in base64, if it needs padding."""
    rest = len(decoded) % 3
    return binascii.b2a_base64(decoded[-rest:], newline=False).decode() if rest else ""


def _no_base64(text: str) -> str:
    if len(text) % 4:
        return f"Base64 encoded length is expected a multiple of 4 bytes but found: {len(text)}"
    wrong = NO_BASE64.search(text)
    if wrong:
        return f"Invalid Base64 character: '{wrong[0][0]}'"
    return "Invalid last non-pad Base64 character dectected"


def _list(value: Any, member: Member) -> list[Any]:
    if not isinstance(value, list):
        raise _unfit(value, "Expected list or null")
    read = member.most or len(value)  # one that is too long is refused for that, not for its rest
    return [_structure(each, member) for each in value[:read]] + value[read:]


def _structure(value: Any, member: Member) -> Any:
    if value is None:
        return None
    if isinstance(value, dict):
        return typed(value, member.members)
    raise _unfit(value, "Expected null")


def _unfit(value: Any, otherwise: str) -> Refused:
    """Return the refusal of a value; one that holds others is told by its start."""
    if isinstance(value, list):
        otherwise = "Start of list found where not expected"
    elif isinstance(value, dict):
        otherwise = "Start of structure or map found where not expected."
    return Refused(errors.SERIALIZATION, reason=otherwise)


def _java(value: Any) -> str:
    if isinstance(value, bool):
        return "class java.lang.Boolean"
    if isinstance(value, str):
        return "class java.lang.String"
    return "class com.amazon.coral.value.json.numbers.TruncatingBigNumber"


_READERS: Mapping[Type, Callable[[Any, Member], Any]] = {
    "String": _string,
    "Integer": _integer,
    "Boolean": _boolean,
    "Timestamp": _timestamp,
    "Blob": _blob,
    "List": _list,
    "Structure": _structure,
}
