"""An operation of the Kinesis API: what its request may hold and what it does, under one name.

Source of members and bounds: the Kinesis API reference.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.types import Member, Members

NAME = "[a-zA-Z0-9_.-]+"

STREAM_NAME = Member("String", required=True, least=1, most=128, pattern=NAME)
OPTIONAL_NAME = Member("String", least=1, most=128, pattern=NAME)
LIMIT = Member("Integer", least=1, most=10_000)
NEXT_TOKEN = Member("String", least=1, most=1_048_576)
SEQUENCE_NUMBER = Member("String", pattern=r"0|([1-9]\d{0,128})")

Answer = dict[str, Any] | None


class Call(msgspec.Struct, frozen=True):
    """One request to an operation, checked. ``region`` is the one it was signed for."""

    account: Account
    body: Mapping[str, Any]
    region: str

    def __getitem__(self, name: str) -> Any:
        """Return a member that is required."""
        return self.body[name]

    def get(self, name: str, default: Any = None) -> Any:
        """Return a member, or the default where the request does not have it."""
        return self.body.get(name, default)

    @property
    def now(self) -> int:
        """The time, in milliseconds since the epoch."""
        return self.account.context.clock()


class Operation(msgspec.Struct, frozen=True):
    """An operation's members and its action, which answers None where there is nothing to say.

    Without members the body is passed on unlooked at. A ``large`` answer is written
    off the event loop.
    """

    members: Members | None
    action: Callable[[Call], Awaitable[Answer]]
    large: bool = False
