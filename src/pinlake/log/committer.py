"""Group commit: what is submitted while one commit syncs forms the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Generic, NamedTuple, TypeVar

from pinlake.log.base import Append, Done, Position
from pinlake.log.topics import HeldPartition, Topics
from pinlake.record import Record

Item = TypeVar("Item")


class Submission(NamedTuple):
    """What one ``submit`` asked for."""

    appends: Sequence[Append]
    done: Done


class Group(NamedTuple):
    """What one commit holds, and whom to tell."""

    records: dict[HeldPartition, list[Record]]
    accepted: list[tuple[Done, list[Position]]]
    refused: list[tuple[Done, Exception]]


def gather(topics: Topics, submissions: Sequence[Submission]) -> Group:
    """Merge submissions into one commit; an invalid one is refused alone and whole."""
    group = Group({}, [], [])
    for appends, done in submissions:
        try:
            targets = [_target(topics, append) for append in appends]
        except Exception as error:  # noqa: BLE001 a caller's mistake must not stop the others
            group.refused.append((done, error))
            continue
        firsts = [_join(group.records, held, some) for held, some in targets]
        group.accepted.append((done, firsts))
    return group


def _target(topics: Topics, append: Append) -> tuple[HeldPartition, list[Record]]:
    return topics.open_partition(append.partition), list(append.records)


def _join(
    records: dict[HeldPartition, list[Record]], target: HeldPartition, more: list[Record]
) -> Position:
    held = records.setdefault(target, [])
    first = target.end + len(held)
    held.extend(more)
    return first


class Committer(Generic[Item]):
    """One thread that hands everything put meanwhile, in order, to ``commit``.

    There is no timer and no linger: an idle committer takes a lone item at once.
    """

    def __init__(self, commit: Callable[[list[Item]], None]) -> None:
        self._commit = commit
        self._waiting: list[Item] = []
        self._closed = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="log-committer", daemon=True)
        self._thread.start()

    def put(self, item: Item) -> bool:
        """Add an item to the next commit; return False once closed."""
        with self._changed:
            if self._closed:
                return False
            self._waiting.append(item)
            if len(self._waiting) == 1:
                self._changed.notify()
        return True

    def close(self) -> None:
        """Take nothing more, and return when everything taken is done. Idempotent."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        while items := self._take():
            self._commit(items)

    def _take(self) -> list[Item]:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._closed)
            items, self._waiting = self._waiting, []
        return items
