"""The streams of an account and region: names, identities and shards, asked again now and then."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from pinlake.errors import KinesisCannot, PinlakeError, TopicExists, TopicUnknown
from pinlake.log.kinesis.answers import Description, Names, Shard, Summary
from pinlake.log.kinesis.client import Client, Refused
from pinlake.record import Kind, LogName

KNOWN_SECONDS = 1.0
"""For how long an answer is believed, or longer where there are many streams."""

DESCRIBED_A_SECOND = 10
"""How many streams are described a second: half of what Kinesis allows an account."""


class Stream(msgspec.Struct, frozen=True):
    """A stream as Kinesis described it. ``created`` is milliseconds since the epoch."""

    name: LogName
    arn: str
    created: int
    status: str
    retention_hours: int
    shards: dict[int, Shard]

    @property
    def log_id(self) -> str:
        """The identity of its sequence numbers: one made again under its name has another."""
        return f"kinesis:{self.arn}:{self.created}"


class Streams:
    """Describes streams, each now and then. Safe to use from any thread."""

    def __init__(
        self, client: Client, only: str = "", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._client, self._clock = client, clock
        self._only = [each.strip() for each in only.split(",") if each.strip()]
        self._known: dict[str, tuple[float, Stream]] = {}
        self._names: tuple[float, list[str]] | None = None
        self._asking = threading.Lock()

    def names(self) -> list[str]:
        """Return the names of the streams that are ours to read, sorted."""
        with self._asking:
            if self._names is None or self._clock() - self._names[0] > KNOWN_SECONDS:
                self._names = (self._clock(), self._listed())
            return list(self._names[1])

    def of(self, name: LogName) -> Stream:
        """Return a stream; raise TopicUnknown where there is none or it is being deleted."""
        if name.kind is not Kind.STREAM:
            raise TopicUnknown(kind=name.kind.value, name=name.name)
        with self._asking:
            known = self._known.get(name.name)
            believed = max(KNOWN_SECONDS, len(self._known) / DESCRIBED_A_SECOND)
            if known is not None and self._clock() - known[0] <= believed:
                return known[1]
            self._known.pop(name.name, None)
            asked = self._clock()
            found = self._described(name)
            self._known[name.name] = (asked, found)
            return found

    def forget(self, name: LogName) -> None:
        """Ask again at the next question."""
        with self._asking:
            self._known.pop(name.name, None)
            self._names = None

    def is_held(self, name: LogName) -> bool:
        """Tell whether Kinesis knows a stream still, though it be deleted already."""
        try:
            self.ask("DescribeStreamSummary", {"StreamName": name.name}, Summary, name)
        except TopicUnknown:
            return False
        return True

    def _listed(self) -> list[str]:
        found: list[str] = []
        asked: dict[str, Any] = {"Limit": 100}
        while True:
            answer = self.ask("ListStreams", asked, Names)
            found += answer.stream_names
            if not answer.has_more_streams or not answer.stream_names:
                return sorted(filter(self._is_ours, found))
            asked = {"Limit": 100, "ExclusiveStartStreamName": answer.stream_names[-1]}

    def _is_ours(self, name: str) -> bool:
        return not self._only or any(fnmatchcase(name, pattern) for pattern in self._only)

    def _described(self, name: LogName) -> Stream:
        asked = {"StreamName": name.name}
        found: Description = self.ask("DescribeStreamSummary", asked, Summary, name).description
        if found.status == "DELETING":
            raise TopicUnknown(kind=name.kind.value, name=name.name)
        shards = {} if found.status == "CREATING" else self._shards(name)
        created = round(found.created * 1000)
        return Stream(name, found.arn, created, found.status, found.retention_hours, shards)

    def _shards(self, name: LogName) -> dict[int, Shard]:
        with self.asking("ListShards", name) as client:
            return {each.number: each for each in client.shards(name.name)}

    def ask(
        self, action: str, body: dict[str, Any], kind: type[Any], name: LogName | None = None
    ) -> Any:
        """Return the answer to a call; raise the error of ours that a refusal is."""
        with self.asking(action, name) as client:
            return client.call(action, body, kind, create=action == "CreateStream")

    @contextmanager
    def asking(self, action: str, name: LogName | None = None) -> Iterator[Client]:
        """Give the client, and raise the error of ours that a refusal is."""
        try:
            yield self._client
        except Refused as refused:
            raise self.failure(refused, action, name) from None

    def failure(self, refused: Refused, action: str, name: LogName | None) -> PinlakeError:
        """Return the error of ours that Kinesis's answer is."""
        if name is not None and refused.kind == "ResourceNotFoundException":
            return TopicUnknown(kind=name.kind.value, name=name.name)
        if name is not None and action == "CreateStream":
            if refused.kind == "ResourceInUseException":
                return TopicExists(kind=name.kind.value, name=name.name)
            if refused.kind == "LimitExceededException":
                return KinesisCannot(what=f"make {name}", do=refused.message)
        return self._client.unreachable(f"{action}: {refused}")
