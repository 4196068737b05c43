"""The batch way, the streaming way and plain Python make the same tables, once, whatever breaks."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import duckdb
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from harness.delta_log import actions, assert_sound
from pinlake import dataset
from pinlake.lake import tables
from reference import decode, dirty, dirty_rows
from reference.pinterest import CLEANERS, KEYS, first_of_each
from steps import World

PINTEREST = dataset.load("pinterest")
TABLES = ["pin", "geo", "user"]
TOPIC = "0123456789ab.{}"
STREAM = "streaming-0123456789ab-{}"


UNSHRUNK = (Phase.explicit, Phase.reuse, Phase.generate)  # a smaller seed is no simpler


class Killed(BaseException):
    """The process ends here."""


def values_of(table, seed, count):
    """Return record values of all sorts, good, damaged and junk; their keys meet again."""
    rng = random.Random(seed)
    rows = dirty_rows.make(seed, count)[table]
    return [rng.choice(dirty.variants(row, rng)) for row in rows for _ in range(rng.randint(1, 2))]


def expected(table, values):
    """Return the cleaned rows, how many were rows at all, and the quarantine's places and reasons."""
    columns, cleaned, bad = PINTEREST.tables[table].columns, [], []
    for position, value in enumerate(values):
        for found in decode.decode(value, columns):
            if isinstance(found, decode.Bad):
                bad.append((str(position), found.element, found.reason))
            else:
                row = {name: plain(value) for name, value in found.values.items()}
                cleaned.append(CLEANERS[table](row[KEYS[table]], row))
    return first_of_each(cleaned), len(cleaned), sorted(bad)


def plain(value):
    """Return a decoded value as the lake holds it."""
    return value if not isinstance(value, decode.JsonText) else text_of(value.value)


def text_of(value):
    if isinstance(value, decode.Object):
        return "{" + ",".join(f"{text_of(key)}:{text_of(inner)}" for key, inner in value) + "}"
    if isinstance(value, list):
        return f"[{','.join(map(text_of, value))}]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return str(value) if isinstance(value, decode.Number) else dirty.encode(value).decode()


def by_key(rows):
    return sorted(rows, key=lambda row: row["ind"])


def batch(world, table, chunks):
    """Put each chunk through an object, load and clean; return the outcomes of clean."""
    outcomes, start, after = [], 0, None
    for number, values in enumerate(chunks, start=1):
        key = world.put(TOPIC.format(table.name), values, start)
        loaded = world.load(table, number, key)
        outcomes.append((loaded, world.clean(table, number, after, loaded.version)))
        start, after = start + len(values), loaded.version
    return outcomes


def streamed(world, table, chunks):
    """Put each chunk through a stream; return the outcomes."""
    outcomes, after = [], None
    name = STREAM.format(table.name)
    for number, values in enumerate(chunks, start=1):
        upto = world.post(name, values)
        outcomes.append(world.stream(table, number, name, after, upto))
        after = upto
    return outcomes


def quarantined(world, stage, table):
    rows = world.maps(f"quarantine/{stage}/{table}")
    return sorted((row["position"], row["element"], row["reason"]) for row in rows)


def assert_readers_agree(world, table):
    """Assert that DuckDB reads the rows that deltalake and polars read, and the log is sound."""
    snapshot = tables.snapshot(world.lake, table)
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = tables.read(connection, snapshot)
        rows = [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()]
    assert sorted(map(repr, map(timeless, rows))) == sorted(
        map(repr, map(timeless, world.maps(table)))
    )
    assert_sound(world.folder / table)


def timeless(row):
    """Return a row with its times as text, since readers differ in the names of UTC."""
    return {name: str(v)[:19] if hasattr(v, "year") else v for name, v in row.items()}


@pytest.mark.parametrize("name", TABLES)
@settings(max_examples=8, deadline=None, phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32), count=st.integers(1, 12), cut=st.integers(0, 20))
def test_both_ways_and_the_reference_make_the_same_tables(name, seed, count, cut):
    table = PINTEREST.tables[name]
    values = values_of(name, seed, count)
    chunks = [chunk for chunk in (values[:cut], values[cut:]) if chunk]
    rows, good, bad = expected(name, values)
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        loads = batch(world, table, chunks)
        streams = streamed(world, table, chunks)

        assert by_key(world.maps(f"clean/{name}")) == by_key(rows)
        assert by_key(world.maps(f"stream/{name}")) == by_key(rows)
        assert quarantined(world, "load", name) == bad
        assert quarantined(world, "stream", name) == bad
        assert sum(loaded.rows for loaded, _ in loads) == good
        assert sum(loaded.quarantined for loaded, _ in loads) == len(bad)
        for outcomes in ([cleaned for _, cleaned in loads], streams):
            assert sum(each.rows for each in outcomes) == len(rows)
            assert sum(each.duplicates for each in outcomes) == good - len(rows)
        assert sum(each.quarantined for each in streams) == len(bad)
        for each in (f"raw/{name}", f"clean/{name}", f"stream/{name}"):
            assert_readers_agree(world, each)
        world.engine.close()


@settings(max_examples=4, deadline=None, phases=UNSHRUNK)
@given(seed=st.integers(0, 2**32))
def test_running_any_step_again_changes_nothing(seed):
    table = PINTEREST.tables["geo"]
    values = values_of("geo", seed, 6)
    chunks = [values[:3], values[3:]]
    with TemporaryDirectory() as folder:
        world = World(Path(folder))
        batch(world, table, chunks)
        streamed(world, table, chunks)
        before = {name: (world.versions()[name], world.rows(name)) for name in world.versions()}
        world.restart()
        for number in (2, 1):
            assert world.load(table, number, "topics/none").found_done
            assert world.clean(table, number, None, 1).found_done
            assert world.stream(table, number, STREAM.format("geo"), None, 1).found_done
        assert {
            name: (world.versions()[name], world.rows(name)) for name in world.versions()
        } == before
        world.engine.close()


@pytest.mark.parametrize("written", [0, 1])
@pytest.mark.parametrize("stage", ["load", "stream"])
def test_a_crash_before_or_between_the_two_commits_leaves_nothing_lost_or_doubled(
    tmp_path, stage, written
):
    table = PINTEREST.tables["user"]
    values = values_of("user", 7, 10)
    rows, good, bad = expected("user", values)
    world = World(tmp_path)
    key = world.put(TOPIC.format("user"), values)
    upto = world.post(STREAM.format("user"), values)

    def run():
        if stage == "load":
            return world.load(table, 1, key)
        return world.stream(table, 1, STREAM.format("user"), None, upto)

    with patch.object(tables, "commit", killed_after(written)), pytest.raises(Killed):
        run()
    world.restart()
    assert len(quarantined(world, stage, "user")) == (len(bad) if written else 0)
    outcome = run()

    output = "raw/user" if stage == "load" else "stream/user"
    assert not outcome.found_done
    assert quarantined(world, stage, "user") == bad
    assert len(world.maps(output)) == (good if stage == "load" else len(rows))
    for name in (output, f"quarantine/{stage}/user"):
        assert [
            action["version"] for _, kind, action in actions(world.folder / name) if kind == "txn"
        ] == [1]
        assert_sound(world.folder / name)


def killed_after(commits):
    """Return a commit that works so many times, and then the process is gone."""
    real, done = tables.commit, []

    def commit(*arguments, **options):
        if len(done) == commits:
            raise Killed
        outcome = real(*arguments, **options)
        done.append(1)
        return outcome

    return commit
