"""What is submitted while one commit syncs forms the next one."""

from __future__ import annotations

import threading

from pinlake.errors import PartitionUnknown, TopicUnknown
from pinlake.log.base import Append
from pinlake.log.committer import Committer, Submission, gather
from pinlake.log.topics import HeldPartition, HeldTopic, Topics
from pinlake.record import Partition, Record, topic

PINS = topic("pins")


def topics():
    partitions = {
        0: HeldPartition(0, 0, 10),
        1: HeldPartition(1, 0, 20, closed=True),
        2: HeldPartition(2, 0, 30),
    }
    return Topics({PINS: HeldTopic(PINS, 0, partitions)})


def submission(*parts):
    done = object()
    appends = [Append(Partition(PINS, number), [Record(b"x")] * count) for number, count in parts]
    return Submission(appends, done)


def test_submissions_are_merged_by_partition_in_their_order():
    first, second = submission((0, 2), (2, 1)), submission((0, 3))
    held = topics()
    group = gather(held, [first, second])
    assert group.accepted == [(first.done, [10, 30]), (second.done, [12])]
    assert [(target.number, len(some)) for target, some in group.records.items()] == [
        (0, 5),
        (2, 1),
    ]
    assert held.partition(Partition(PINS, 0)).end == 10


def test_a_refused_submission_leaves_nothing_behind():
    closed, unknown = submission((0, 5), (1, 1)), submission((7, 1))
    nowhere = Submission([Append(Partition(topic("nowhere"), 0), [])], object())
    good = submission((0, 1))
    group = gather(topics(), [closed, unknown, nowhere, good])
    assert [(done, type(error)) for done, error in group.refused] == [
        (closed.done, PartitionUnknown),
        (unknown.done, PartitionUnknown),
        (nowhere.done, TopicUnknown),
    ]
    assert group.accepted == [(good.done, [10])]


def test_an_idle_committer_takes_a_lone_item_at_once():
    taken, seen = [], threading.Event()

    def commit(items):
        taken.append(items)
        seen.set()

    committer = Committer(commit)
    assert committer.put(1)
    assert seen.wait(30)
    committer.close()
    assert taken == [[1]]


def test_what_is_put_during_a_commit_is_taken_together():
    taken, entered, go_on = [], threading.Event(), threading.Event()

    def commit(items):
        taken.append(items)
        entered.set()
        go_on.wait(30)

    committer = Committer(commit)
    committer.put(0)
    entered.wait(30)
    for number in range(1, 50):
        committer.put(number)
    go_on.set()
    committer.close()
    assert taken == [[0], list(range(1, 50))]


def test_a_closed_committer_takes_nothing_more():
    taken = []
    committer = Committer(taken.extend)
    for number in range(100):
        committer.put(number)
    committer.close()
    committer.close()
    assert not committer.put(100)
    assert taken == list(range(100))
