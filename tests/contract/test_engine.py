"""What every engine does with a step: the same rows, quarantine, counts and transactions."""

import json
from pathlib import Path

import pytest

import lakes
from pinlake.dataset import Column, StreamRoute, Table
from pinlake.engine.duckdb import DuckdbEngine
from pinlake.lake import tables
from pinlake.lake.tables import forget
from steps import World

SALE = Table(
    name="sale",
    topics=("{id}.sale",),
    streams=(StreamRoute("sales"),),
    key="id",
    columns=(
        Column("id", "INT", required=True, aliases=("ident",)),
        Column("price", "STRING"),
        Column("sold", "STRING"),
        Column("share", "DOUBLE"),
    ),
    clean_sql=(
        "SELECT id, abbreviated_number(price) AS price, utc_timestamp(sold) AS sold, share,\n"
        "  named_struct('low', share, 'high', share * 2) AS span\nFROM sale"
    ),
)
DIRT = [
    {"id": 1, "price": "9k", "sold": "2018-03-01 12:00:00", "share": 0.5},
    {"ident": 2, "price": None, "sold": "never", "share": 1},
    {"id": "3", "price": "5", "more": {"a": [1]}},
    [{"id": 1, "price": "later"}, {"id": 4, "price": "é 💰"}],
    {"id": 5.5},
    {"price": "no key"},
    "junk",
    7,
]
VALUES = [json.dumps(each).encode() for each in DIRT] + [b"\xff\xfe", b'{"id": 8, "share": NaN}']


class SparkWorld(World):
    """A World whose steps run on Spark."""

    def __init__(self, folder, session, lake):
        super().__init__(folder, lake=lake)
        self.engine.close()
        self.session = session
        self.engine = self._spark()

    def restart(self):
        for table in tables.names(self.lake):
            forget(self.lake, table)
        self.engine = self._spark()

    def _spark(self):
        from pinlake.engine.spark.engine import SparkEngine
        from pinlake.engine.spark.session import Opened

        return SparkEngine(self.lake, self.log, "", Opened(self.session, ours=False))


ON_SPARK = [pytest.mark.spark, pytest.mark.slow]


@pytest.fixture(
    params=[
        "duckdb file",
        "duckdb s3",
        pytest.param("spark file", marks=ON_SPARK),
        pytest.param("spark s3", marks=ON_SPARK),
    ]
)
def world(request, tmp_path):
    engine, store = request.param.split()
    place = lakes.file_place(tmp_path)
    if store == "s3":
        place = lakes.s3_place(request.getfixturevalue("s3_endpoint"), tmp_path)
        Path(place.home).mkdir()
    if engine == "spark":
        made = SparkWorld(tmp_path, request.getfixturevalue("spark"), place.open())
    else:
        made = World(tmp_path, lake=place.open())
    yield made
    made.engine.close()


@pytest.fixture
def twin(tmp_path):
    """The embedded engine over a lake of its own, to compare with."""
    made = World(tmp_path / "twin")
    yield made
    made.engine.close()


def loaded(world, *starts):
    keys = [world.put("0123456789ab.sale", VALUES, start) for start in starts or (0,)]
    return world.load(SALE, 1, *keys)


def everything(world):
    """Return every table's rows with their types."""
    return {
        name: (tables.head(world.lake, name).schema.to_json(), world.rows(name))
        for name in tables.names(world.lake)
    }


def test_load_clean_and_stream_give_what_the_embedded_engine_gives(world, twin):
    for each in (world, twin):
        loaded(each, 0, 100)
        each.clean(SALE, 1, None, tables.head(each.lake, "raw/sale").version)
        each.post("sales", VALUES)
        each.stream(SALE, 1, "sales", None, len(VALUES) - 1)
    assert everything(world) == everything(twin)


def test_every_element_of_a_batch_is_counted(world, twin):
    for step in (loaded, lambda each: each.clean(SALE, 1, None, 1)):
        assert step(world) == step(twin)


def test_a_step_that_is_run_again_adds_nothing(world):
    first = loaded(world)
    before = everything(world)
    again = loaded(world)
    assert (first.found_done, again.found_done) == (False, True)
    world.restart()
    assert loaded(world).found_done
    assert everything(world) == before


def test_a_key_that_the_table_holds_stays(world):
    world.post("sales", [b'{"id": 1, "price": "1"}', b'{"id": 2, "price": "2"}'])
    world.stream(SALE, 1, "sales", None, 1)
    world.restart()
    world.post("sales", [b'{"id": 2, "price": "9"}', b'{"id": 3, "price": "3"}', b'{"id": 3}'])
    outcome = world.stream(SALE, 2, "sales", 1, 4)
    assert (outcome.rows, outcome.duplicates, outcome.quarantined) == (1, 2, 0)
    assert world.rows("stream/sale", "id", "price") == [(1, 1), (2, 2), (3, 3)]


def test_a_step_that_finds_only_duplicates_is_a_transaction_all_the_same(world):
    world.post("sales", [b'{"id": 1}', b'{"id": 1}'])
    world.stream(SALE, 1, "sales", None, 0)
    outcome = world.stream(SALE, 2, "sales", 0, 1)
    assert (outcome.rows, outcome.duplicates) == (0, 1)
    assert tables.committed(world.lake, "stream/sale", "stream/sale") == 2


def test_what_nobody_claims_is_kept_as_it_was_sent(world, twin):
    table = Table("things")
    for each in (world, twin):
        each.load(table, 1, each.put("things", VALUES))
        each.post("things", VALUES, keys=["k"] * len(VALUES))
        each.stream(table, 1, "things", None, len(VALUES) - 1)
    assert everything(world) == everything(twin)


def test_the_engines_take_turns_on_one_table(world):
    world.post("sales", [b'{"id": 1, "share": 0.5}', b'{"id": 2}'])
    world.stream(SALE, 1, "sales", None, 1)
    world.post("sales", [b'{"id": 2, "share": 1.5}', b'{"id": 3}'])
    other = DuckdbEngine(world.lake, world.log)
    forget(world.lake, "stream/sale")
    mine, world.engine = world.engine, other
    outcome = world.stream(SALE, 2, "sales", 1, 3)
    assert (outcome.rows, outcome.duplicates) == (1, 1)
    other.close()
    world.engine = mine
    world.post("sales", [b'{"id": 3, "share": 1.5}', b'{"id": 4}'])
    outcome = world.stream(SALE, 3, "sales", 3, 5)
    assert (outcome.rows, outcome.duplicates) == (1, 1)
    assert world.rows("stream/sale", "id") == [(1,), (2,), (3,), (4,)]
