"""Copies of a remote lake's files: bounded, whole, and not taken from under a reader."""

import pytest

from pinlake.lake.copies import IN_USE_SECONDS, Copies
from pinlake.lake.file import DRAFT


class Clock:
    def __init__(self):
        self.now = 1_000_000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def copies(tmp_path, clock):
    return Copies(tmp_path / "copies", 1000, clock)


def add(copies, name, size=100):
    path = copies.folder / "raw" / name
    with copies.draft(path) as draft:
        draft.write_bytes(b"x" * size)
    assert copies.use(path)
    return path


def cut(draft):
    draft.write_bytes(b"half of it")
    raise OSError("cut")


def test_a_copy_is_there_once_it_is_whole(copies):
    path = copies.folder / "raw" / "a"
    with pytest.raises(OSError, match="cut"), copies.draft(path) as draft:
        cut(draft)
    assert not copies.use(path)
    assert list(path.parent.iterdir()) == []
    assert add(copies, "a").read_bytes() == b"x" * 100


def test_past_the_bound_what_was_not_used_for_longest_goes(copies, clock):
    paths = []
    for number in range(10):
        paths.append(add(copies, f"{number}"))
        clock.now += 60
    clock.now += IN_USE_SECONDS + 600
    assert copies.use(paths[0])
    add(copies, "more")
    kept = [path for path in paths if path.exists()]
    assert kept == [paths[0], *paths[4:]]


def test_what_was_used_within_the_hour_stays_though_there_is_more_than_the_bound(copies, clock):
    paths = [add(copies, f"{number}") for number in range(20)]
    clock.now += IN_USE_SECONDS / 2
    add(copies, "more")
    assert all(path.exists() for path in paths)


def test_nothing_goes_while_there_is_room(copies, clock):
    path = add(copies, "a")
    clock.now += 10 * IN_USE_SECONDS
    copies.trim()
    assert path.exists()


def test_a_draft_that_a_killed_process_left_goes_once_it_is_old(copies, clock):
    left = add(copies, "a").with_name(f"{DRAFT}1-1")
    left.write_bytes(b"half")
    assert copies.use(left)
    copies.trim()
    assert left.exists()
    clock.now += IN_USE_SECONDS + 1
    copies.trim()
    assert not left.exists()


def test_processes_share_the_copies_of_a_folder(copies, clock):
    path = add(copies, "a")
    other = Copies(copies.folder, 1000, clock)
    assert other.use(path)
