"""The key index against a set: whatever is committed, by whom, and whatever happens to files."""

import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from pinlake.engine import keys as key_index
from pinlake.engine import schema
from pinlake.engine.keys import Extent, KeyIndex
from pinlake.engine.statements import literal
from pinlake.lake import compaction, erase, tables
from pinlake.lake.file import FileLake

TABLE = "clean/t"
KINDS = {
    "INTEGER": st.integers(-(2**31), 2**31 - 1).map(str),
    "BIGINT": st.integers(-(2**63), 2**63 - 1).map(str),
    "VARCHAR": st.text(st.characters(exclude_categories=["Cs"]), max_size=3),
    "DOUBLE": st.floats(allow_nan=False).map(repr),
    "DATE": st.dates().map(str),
    "TIMESTAMPTZ": st.datetimes().map(lambda each: f"{each}+00"),
    "DECIMAL(9,3)": st.decimals(-999999, 999999, places=3).map(str),
    "BOOLEAN": st.booleans().map(str),
}
CHOICE = st.lists(st.integers(0, 24), min_size=1, max_size=8)


def extent(connection):
    return Extent(*connection.sql("SELECT count(key), min(key), max(key) FROM batch").fetchall()[0])


class IndexMachine(RuleBasedStateMachine):
    """A writer with an index, a writer without one, and the upkeep of their table."""

    @initialize(data=st.data(), kind=st.sampled_from(sorted(KINDS)), eager=st.booleans())
    def begin(self, data, kind, eager):
        self.folder = tempfile.TemporaryDirectory()
        self.lake = FileLake(Path(self.folder.name, "lake").as_uri())
        self.kind, self.number, self.held = kind, 0, set()
        self.connection = duckdb.connect()
        self.connection.execute("SET TimeZone = 'UTC'")
        drawn = data.draw(st.lists(KINDS[kind], min_size=1, max_size=25))
        self.pool = sorted(self.texts(f"SELECT key FROM ({self.values(drawn)})"))
        # What takes millions of keys elsewhere is to happen to a few.
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(key_index, "PART", 3)
        if eager:
            self.patch.setattr(key_index, "WORTH_STORING", 0.2)
            self.patch.setattr(key_index, "WORTH_FILTERING", 1)
        self.open()

    def teardown(self):
        if hasattr(self, "folder"):
            self.patch.undo()
            self.index.close()
            self.connection.close()
            tables.forget(self.lake, TABLE)
            self.folder.cleanup()

    @rule(
        happens=st.sampled_from(["open", "compact", "rebuild", "lose_what_is_stored"]),
        choice=CHOICE,
    )
    def disturb(self, happens, choice):
        getattr(self, happens)()
        self.write(choice, committed=False)

    def open(self):
        kind = str(self.connection.sql(self.values(self.pool)).dtypes[0])
        spill = Path(self.folder.name, "spill")
        self.index = KeyIndex(self.connection, self.lake, TABLE, "key", kind=kind, folder=spill)

    @rule(choice=CHOICE, committed=st.sampled_from([True, True, False]))
    def next_batch(self, choice, committed):
        self.write(choice, committed=committed)

    def write(self, choice, *, committed):
        """Ask for a batch's keys, commit those that are new, or fail to."""
        batch = self.chosen(choice)
        held = self.ask(batch)
        assert held == self.held & batch
        if committed:
            self.connection.execute(
                f"CREATE OR REPLACE TEMP TABLE firsts AS {self.values(batch - held)}"
            )
            self.index.add("firsts", self.commit(batch - held))
            self.held |= batch

    @rule(choice=CHOICE)
    def another_writes(self, choice):
        new = self.chosen(choice) - self.held
        self.commit(new)
        self.held |= new
        if choice[0] % 2:
            self.write(choice, committed=False)

    def compact(self):
        compaction.compact(self.lake, TABLE, target_bytes=1 << 20, least=2)

    @rule(choice=CHOICE)
    def erase(self, choice):
        gone = self.chosen(choice) & self.held
        if gone and self.kind in {"INTEGER", "BIGINT"}:
            erase.delete(self.lake, TABLE, [f"key IN ({', '.join(sorted(gone))})"])
            self.held -= gone
            self.write(choice, committed=False)

    def rebuild(self):
        self.lake.delete_tree(TABLE)
        self.held, self.number = set(), 0

    def lose_what_is_stored(self):
        if self.index._stored is not None:
            self.index._stored._open.close()

    def ask(self, batch):
        self.connection.execute(f"CREATE OR REPLACE TEMP TABLE batch AS {self.values(batch)}")
        held = self.index.held("batch", extent(self.connection))
        return self.texts(f"SELECT key FROM batch SEMI JOIN {held} USING (key)")

    def commit(self, keys):
        self.number += 1
        rows = self.connection.sql(self.values(keys))
        kind = schema.of(rows, "key")
        given = {"app_id": TABLE, "number": self.number, "counts": {}}
        return tables.commit(self.lake, TABLE, kind, rows if keys else None, **given).version

    def chosen(self, choice):
        return {self.pool[place % len(self.pool)] for place in choice}

    def values(self, keys):
        listed = ", ".join(f"CAST({literal(key)} AS {self.kind})" for key in keys)
        return f"SELECT DISTINCT unnest(CAST([{listed}] AS {self.kind}[])) AS key"

    def texts(self, select):
        """Return keys as DuckDB writes them."""
        query = f"SELECT DISTINCT CAST(key AS VARCHAR) FROM ({select})"
        return {text for (text,) in self.connection.execute(query).fetchall()}


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)


def test_millions_of_keys_move_to_disk_part_by_part_and_are_found_there(tmp_path):
    connection, lake = duckdb.connect(), FileLake((tmp_path / "lake").as_uri())
    rows = connection.sql("SELECT (i * 2)::BIGINT AS key FROM range(120000) AS r(i)")
    tables.commit(lake, TABLE, schema.of(rows), rows, app_id=TABLE, number=1, counts={})
    index = KeyIndex(connection, lake, TABLE, "key", kind="BIGINT", folder=tmp_path / "spill")
    connection.execute(
        "CREATE TEMP TABLE batch AS SELECT (i * 6001)::BIGINT AS key FROM range(40) AS r(i)"
    )
    for _ in range(5):
        held = index.held("batch", extent(connection))
        found = connection.execute(f"SELECT key FROM batch SEMI JOIN {held} USING (key)").fetchall()
        assert sorted(key for (key,) in found) == list(range(0, 240000, 12002))
    assert connection.execute(f"SELECT count(*) FROM {index._name}").fetchall() == [(0,)]
    assert list((tmp_path / "spill").iterdir()) == [], "the file has no name"
    index.close()
