"""The way from a handler to the log and back: answers, wake-ups, what is kept of topics."""

import asyncio
import threading

import pytest

from pinlake.errors import LogFailed, TopicExists, TopicUnknown
from pinlake.gateway.base import Context
from pinlake.log.base import Append, PartitionSpec
from pinlake.log.memory import MemoryLog
from pinlake.log.sqlite import SqliteLog
from pinlake.record import Kind, Partition, Record, topic
from pinlake.settings import Settings

ONE = (PartitionSpec(),)
T = topic("t")


class WatchedLog(MemoryLog):
    """Counts what is asked of it; answers appends from a thread of its own, when told to."""

    def __init__(self):
        super().__init__()
        self.described = self.created = 0
        self.waiting = []

    def describe(self, name):
        self.described += 1
        return super().describe(name)

    def create(self, *arguments):
        self.created += 1
        return super().create(*arguments)

    def submit(self, appends, done):
        self.waiting.append((appends, done))

    def answer(self):
        waiting, self.waiting = self.waiting, []
        for appends, done in waiting:
            super().submit(appends, done)


class CountingLoop(asyncio.SelectorEventLoop):
    """Counts how often another thread wakes it."""

    woken = 0

    def call_soon_threadsafe(self, *arguments, **options):
        self.woken += 1
        return super().call_soon_threadsafe(*arguments, **options)


def run(main, loop=asyncio.new_event_loop):
    with asyncio.Runner(loop_factory=loop) as runner:
        return runner.run(main)


def context(log, now=0):
    return Context(log, Settings(), lambda: now)


def records(count):
    return Append(Partition(T, 0), [Record(b"1")] * count)


def test_an_append_gives_the_first_position_of_each_partition(tmp_path):
    async def main():
        log = SqliteLog(tmp_path / "log.db")
        made = context(log)
        await made.create(T, ONE * 2, {})
        await made.append([records(3)])
        firsts = await made.append([records(2), Append(Partition(T, 1), [Record(b"2")])])
        log.close()
        return firsts, made.stored

    firsts, stored = run(main())
    assert firsts == [3, 0]
    assert stored == {Kind.TOPIC: 6, Kind.STREAM: 0}


def test_answers_that_come_together_wake_the_loop_once():
    log, loop = WatchedLog(), CountingLoop()
    log.create(T)

    async def main():
        made = context(log)
        futures = [made.append([records(1)]) for _ in range(100)]
        await asyncio.sleep(0)  # they are handed to the log together, at the end of the turn
        assert len(log.waiting) == 100
        before = loop.woken
        committer = threading.Thread(target=log.answer)
        committer.start()
        committer.join()  # the loop stands still meanwhile
        firsts = await asyncio.gather(*futures)
        return firsts, loop.woken - before

    firsts, woken = run(main(), lambda: loop)
    assert firsts == [[position] for position in range(100)]
    assert woken == 1


def test_an_error_reaches_the_one_whose_append_it_was():
    log = MemoryLog()
    log.create(T)

    async def main():
        made = context(log)
        good, bad = made.append([records(1)]), made.append([Append(Partition(T, 7), [])])
        return await asyncio.gather(good, bad, return_exceptions=True)

    good, bad = run(main())
    assert good == [0]
    assert "no partition 7" in str(bad)


def test_an_answer_to_a_request_that_was_given_up_is_counted_and_passed_over():
    log = WatchedLog()
    log.create(T)

    async def main():
        made = context(log)
        given_up, kept = made.append([records(2)]), made.append([records(3)])
        given_up.cancel()
        await asyncio.sleep(0)
        log.answer()
        return await kept, made.stored[Kind.TOPIC]

    assert run(main()) == ([2], 5)


def test_a_failed_append_is_remembered_until_one_is_stored():
    class Failing(MemoryLog):
        failing = True

        def submit(self, appends, done):
            if self.failing:
                done(None, LogFailed(reason="full"))
            else:
                super().submit(appends, done)

    log = Failing()
    log.create(T)

    async def main():
        made = context(log, now=5)
        with pytest.raises(LogFailed):
            await made.append([records(1)])
        failed = made.failures, made.failed_at
        log.failing = False
        await made.append([])  # proves nothing of the disk
        empty = made.failed_at
        await made.append([records(1)])
        return failed, empty, made.failed_at

    assert run(main()) == ((1, 5), 5, None)


class TestTopics:
    def test_a_state_is_asked_for_once_and_again_after_forget(self):
        log = WatchedLog()
        log.create(T)

        async def main():
            made = context(log)
            for _ in range(5):
                await made.state(T)
            once = log.described
            made.forget(T)
            await made.state(T)
            return once, log.described

        assert run(main()) == (1, 2)

    def test_a_topic_that_is_absent_is_asked_for_each_time(self):
        log = WatchedLog()

        async def main():
            made = context(log)
            for _ in range(2):
                with pytest.raises(TopicUnknown):
                    await made.state(T)
            log.create(T)
            return await made.state(T)

        assert run(main()).name == T

    def test_many_that_make_one_topic_get_one_topic(self):
        log = WatchedLog()

        async def main():
            made = context(log)
            return await asyncio.gather(*(made.state_or_create(T, ONE, {}) for _ in range(20)))

        states = run(main())
        assert {state.created for state in states} == {log.describe(T).created}
        assert log.names(Kind.TOPIC) == ["t"]

    def test_making_a_topic_twice_is_refused(self):
        async def main():
            made = context(MemoryLog())
            await made.create(T, ONE, {})
            with pytest.raises(TopicExists):
                await made.create(T, ONE, {})

        run(main())

    def test_what_changes_through_the_context_is_kept_as_it_is_now(self):
        log = WatchedLog()

        async def main():
            made = context(log)
            await made.create(T, ONE, {})
            await made.alter(T, add=ONE * 2)
            altered = await made.state(T)
            await made.delete(T)
            with pytest.raises(TopicUnknown):
                await made.state(T)
            return altered

        assert len(run(main()).partitions) == 3
