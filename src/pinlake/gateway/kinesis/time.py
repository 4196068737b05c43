"""A time in a Kinesis request or answer: seconds in JSON, milliseconds in CBOR."""

from __future__ import annotations


class Timestamp:
    """A time, in milliseconds since the epoch.

    A plain class: JSON has its own ideas of structs and numbers, and this one
    is neither.
    """

    __slots__ = ("milliseconds",)

    def __init__(self, milliseconds: int) -> None:
        self.milliseconds = milliseconds

    @property
    def seconds(self) -> float:
        """Seconds since the epoch, with the milliseconds behind the point."""
        return self.milliseconds / 1000
