"""The contract of a lake's store: a folder, and S3 on each server that we can have."""

import threading

import pytest

import lakes
from harness import s3_server
from pinlake.errors import LakeFailed
from pinlake.lake import objects
from pinlake.lake.objects import ObjectKey


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    """Each S3 server, started when it is first asked for."""
    running, opened = {}, []

    def endpoint(name):
        if name not in running:
            serving = getattr(s3_server, name)(tmp_path_factory.mktemp(name))
            running[name] = serving.__enter__()
            opened.append(serving)
        return running[name]

    yield endpoint
    for serving in opened:
        serving.__exit__(None, None, None)


@pytest.fixture(params=["file", "versitygw", "moto"])
def lake(request, servers, tmp_path):
    if request.param == "file":
        return lakes.file_place(tmp_path).open()
    return lakes.s3_place(servers(request.param), tmp_path).open()


def numbered(number):
    return f"some/{number:020}.json"


def test_what_is_missing_is_told_as_missing(lake):
    assert lake.get("a/b") is None
    assert not lake.exists("a/b")
    assert lake.identity("a/b") is None
    assert lake.children("a") == []
    assert list(lake.files("a")) == []
    assert lake.numbered("a", 0) == []
    assert list(lake.contents(["a/b", "a/c"])) == [None, None]
    for ask in (lambda: lake.sizes(["a/b"]), lambda: lake.written("a/b")):
        with pytest.raises(FileNotFoundError):
            ask()
    lake.delete("a/b")
    lake.delete_tree("a")


def test_a_file_is_read_as_it_was_put_the_last_time(lake):
    lake.put("a/b", b"first")
    lake.put("a/b", b"second one")
    assert lake.get("a/b") == b"second one"
    assert lake.sizes(["a/b"]) == [10]
    assert [bytes(each) for each in lake.contents(["a/b"])] == [b"second one"]


@pytest.mark.parametrize("name", ["a b", "ü湖", "a%2Fb", "x=1,y=2", "~", "a+b", "#?&"])
def test_a_key_of_any_letters_is_found_again(lake, name):
    lake.put(f"topics/{name}/x.json", b"1")
    assert lake.get(f"topics/{name}/x.json") == b"1"
    assert lake.children("topics") == [name]
    assert list(lake.files("topics")) == [f"topics/{name}/x.json"]
    lake.delete(f"topics/{name}/x.json")
    assert list(lake.files("topics")) == []


def test_a_key_that_is_taken_is_not_created_again(lake):
    assert lake.create("a/b", b"first")
    assert not lake.create("a/b", b"second")
    assert lake.get("a/b") == b"first"


def test_of_many_writers_of_a_key_one_creates_it(lake):
    won = []
    barrier = threading.Barrier(8)

    def race(writer):
        barrier.wait()
        content = f"{writer}".encode()
        won.extend((key, content) for key in range(10) if lake.create(f"a/{key}", content))

    threads = [threading.Thread(target=race, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [(key, lake.get(f"a/{key}")) for key in range(10)]


def test_numbered_files_are_found_from_one_on_up_to_the_first_gap(lake):
    for number in (0, 1, 2, 3, 5):
        lake.put(numbered(number), f"{number}".encode())
    lake.put("some/00000000000000000002.checkpoint.parquet", b"")
    lake.put("some/_last_checkpoint", b"")
    assert [each.number for each in lake.numbered("some", 1)] == [1, 2, 3]
    assert [each.number for each in lake.numbered("some", 5)] == [5]
    assert lake.numbered("some", 4) == []
    assert lake.numbered("some", 3)[0].identity == lake.identity(numbered(3))


def test_a_file_that_another_one_replaced_has_another_identity(lake):
    lake.put("a/b", b"first")
    before = lake.identity("a/b")
    lake.delete("a/b")
    lake.put("a/b", b"another")
    assert lake.identity("a/b") not in {before, None}


@pytest.mark.parametrize("lake", ["file", "versitygw"], indirect=True)
def test_more_files_than_one_page_of_a_listing_are_all_listed(lake):
    keys = [f"topics/t/partition=0/{number:04}" for number in range(1100)]
    threads = [
        threading.Thread(
            target=lambda some: [lake.put(key, b"") for key in some], args=(keys[at::8],)
        )
        for at in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(lake.files("topics")) == keys
    assert set(keys[1000:]) <= set(lake.files("topics", after=keys[999]))
    assert lake.children("topics/t/partition=0") == [key[-4:] for key in keys]
    lake.delete_tree("topics/t")
    assert lake.children("topics") == []


def test_a_listing_from_the_last_object_on_misses_none(lake):
    starts = [0, 9, 999_999_998, 999_999_999, 1_000_000_000, 9_999_999_999, 10_000_000_000]
    keys = [ObjectKey("t", 0, start) for start in starts]
    for key in [*keys, ObjectKey("t", 1, 7)]:
        objects.put(lake, key, b"{}\n")
    for place, last in enumerate(keys):
        found = objects.listing(lake, "t", {0: last.start})
        assert [each for each in found if each.partition == 0 and each > last] == keys[place + 1 :]
        assert ObjectKey("t", 1, 7) in found


def test_contents_come_in_order_though_some_are_large(lake):
    sizes = [3, 17 * 1024 * 1024, 0, 2 * 1024 * 1024, 5]
    keys = [f"a/{place}" for place in range(len(sizes))]
    for key, size in zip(keys, sizes, strict=True):
        lake.put(key, b"x" * size)
    assert lake.sizes(keys) == sizes
    assert [len(each) for each in lake.contents(keys)] == sizes


def test_files_that_are_adopted_are_read_by_every_machine(lake):
    folder = lake.scratch("raw/t") / "_draft-1"
    folder.mkdir()
    names = ["a.parquet", "b.parquet"]
    for name in names:
        (folder / name).write_bytes(name.encode() * 1000)
    lake.adopt(folder, names, "raw/t")
    assert [lake.get(f"raw/t/{name}") for name in names] == [name.encode() * 1000 for name in names]
    for name in names:  # as on another machine
        if not lake.may_tear:
            lake.path(f"raw/t/{name}").unlink()
    paths = [str(lake.path(f"raw/t/{name}")) for name in names]
    lake.fetch([*paths, str(lake.path("raw/t/gone.parquet"))])
    assert [lake.path(f"raw/t/{name}").read_bytes() for name in names] == [
        name.encode() * 1000 for name in names
    ]
    assert not lake.path("raw/t/gone.parquet").exists()


@pytest.mark.parametrize("name", ["versitygw", "moto"])
def test_a_bucket_that_is_missing_is_an_error_and_not_an_empty_lake(servers, tmp_path, name):
    lake = lakes.Place("s3://nowhere/lake", servers(name), str(tmp_path)).open()
    for ask in (
        lambda: lake.get("a"),
        lambda: lake.children(""),
        lambda: list(lake.files("a")),
        lambda: lake.put("a", b""),
        lambda: lake.create("a", b""),
        lambda: lake.numbered("a", 0),
    ):
        with pytest.raises(LakeFailed, match="bucket"):
            ask()
