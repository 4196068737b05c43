"""The constraints on a request's members, and the message that lists what fails them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import islice
from typing import Any

from pinlake.gateway.kinesis import errors
from pinlake.gateway.kinesis.errors import Refused
from pinlake.gateway.kinesis.types import Member, Members, typed

MOST_LISTED = 10
MOST_SHOWN = 1_000


def checked(body: Mapping[str, Any], members: Members) -> dict[str, Any]:
    """Return a body's known members as Python's values.

    Refuses wrong types first (SerializationException), then values outside
    their constraints (ValidationException), of which the first ten are told.
    """
    found = typed(body, members)
    violations = list(islice(_of_structure(found, members, ""), MOST_LISTED))
    if violations:
        plural = "s" if len(violations) > 1 else ""
        reason = f"{len(violations)} validation error{plural} detected: {'; '.join(violations)}"
        raise Refused(errors.VALIDATION, reason=reason)
    return found


def _of_structure(values: Mapping[str, Any], members: Members, prefix: str) -> Iterator[str]:
    for name, member in members.items():
        value = values.get(name)
        if value is not None:
            yield from _of_value(value, member, prefix, name)
        elif member.required:
            yield _violation("null", prefix + _lower(name), "Member must not be null")


def _of_value(value: Any, member: Member, prefix: str, name: str) -> Iterator[str]:
    for constraint in _failed(value, member):
        yield _violation(f"'{_shown(value, member)}'", prefix + _lower(name), constraint)
    if member.type == "Structure":
        yield from _of_structure(value, member.members, f"{prefix}{_lower(name)}.")
    elif member.type == "List" and not _too_long(value, member):
        for number, each in enumerate(value, 1):
            inner = f"{prefix}{_lower(name)}.{number}.member"
            if each is None:
                yield _violation("null", inner, "Member must not be null")
            else:
                yield from _of_structure(each, member.members, f"{inner}.")


def _failed(value: Any, member: Member) -> Iterator[str]:
    of, size = ("value", value)
    if isinstance(value, str | bytes | list):
        of, size = "length", len(value)
    if member.pattern is not None and not _compiled(member.pattern).fullmatch(value):
        yield f"Member must satisfy regular expression pattern: {member.pattern}"
    if member.least is not None and size < member.least:
        yield f"Member must have {of} greater than or equal to {member.least}"
    if member.most is not None and size > member.most:
        yield f"Member must have {of} less than or equal to {member.most}"
    if member.choices and value not in member.choices:
        yield f"Member must satisfy enum value set: [{', '.join(member.choices)}]"


def _too_long(value: list[Any], member: Member) -> bool:
    return member.most is not None and len(value) > member.most


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.ASCII)


def _violation(shown: str, path: str, constraint: str) -> str:
    return f"Value {shown} at '{path}' failed to satisfy constraint: {constraint}"


def _lower(name: str) -> str:
    return name[0].lower() + name[1:]


def _shown(value: Any, member: Member) -> str:
    if isinstance(value, bytes):
        return f"java.nio.HeapByteBuffer[pos=0 lim={len(value)} cap={len(value)}]"
    if isinstance(value, list):
        return f"[{', '.join([member.shown] * min(len(value), MOST_LISTED))}]"
    return str(value)[:MOST_SHOWN]
