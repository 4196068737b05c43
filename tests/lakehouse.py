"""Homes whose lake holds real Delta tables, for the tests of query and dashboard."""

from __future__ import annotations

from pathlib import Path
from threading import Event

import duckdb
import msgspec
from deltalake import write_deltalake

from pinlake.dataset import Dataset, Emulation, Question, Table
from pinlake.home import open_home
from pinlake.log.open import open_log
from pinlake.query.lake import OpenLake
from pinlake.record import Partition, Record, stream, topic
from pinlake.settings import Home, Settings
from pinlake.source.sample import generate
from pinlake.stage.loop import run_stage

USER = "0abc12345678"
FOLDER = Path(__file__).parent

GEO = """
SELECT * FROM (VALUES
  (1, 'Albania', {'latitude': -89.98::DOUBLE, 'longitude': 1.5::DOUBLE}, TIMESTAMPTZ '2018-03-01 12:00:00+00'),
  (2, 'Lao People''s Democratic Republic', NULL, TIMESTAMPTZ '2019-07-09 00:00:01+00'),
  (3, NULL, {'latitude': 0::DOUBLE, 'longitude': NULL::DOUBLE}, NULL)
) AS geo(ind, country, coordinates, "timestamp")
"""
PIN = """
SELECT * FROM (VALUES
  (1::INTEGER, 'art', '<b>Bold & "quoted"</b>', 9000::BIGINT),
  (2::INTEGER, 'art', '🎨 画家', NULL),
  (3::INTEGER, 'travel', NULL, 9223372036854775807::BIGINT)
) AS pin(ind, category, poster_name, follower_count)
"""
QUARANTINE = """
SELECT * FROM (VALUES
  ('t.pin', '0', '7', 0, 'no JSON', '<script>alert(1)</script>'::BLOB),
  ('t.pin', '0', '9', 0, 'ind is missing', '\\xFF{}'::BLOB)
) AS rows(topic, "partition", "position", element, reason, "value")
"""


def home(path: Path) -> Home:
    """Make a home's folder and return it."""
    path.mkdir(parents=True, exist_ok=True)
    return Home(path, Settings())


def write_table(home: Home, name: str, sql: str) -> None:
    """Append the rows of a DuckDB SELECT to a Delta table of the lake."""
    with duckdb.connect(":memory:") as connection:
        connection.execute("SET TimeZone = 'UTC'")
        target = home.path / "lake" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        write_deltalake(str(target), connection.sql(sql), mode="append")


def dataset(path: Path, **questions: str) -> Dataset:
    """Return a data set of two tables that knows these questions."""
    return Dataset(
        name="small",
        path=path,
        tables={
            name: Table(name, topics=(f"t.{name}",), key="ind", clean_sql=f"SELECT * FROM {name}")
            for name in ("pin", "geo")
        },
        questions={
            name: Question(name, name.replace("_", " "), sql, path / f"{name}.sql")
            for name, sql in questions.items()
        },
        producer=Emulation(),
        rows=3,
    )


def small_lake(path: Path, **questions: str) -> OpenLake:
    """Return a lake with clean, stream, raw and quarantine tables of three posts."""
    made = home(path)
    for folder in ("clean", "stream"):
        write_table(made, f"{folder}/pin", PIN)
        write_table(made, f"{folder}/geo", GEO)
    write_table(made, "raw/0abc12345678.pin", PIN)
    write_table(made, "quarantine/load/pin", QUARANTINE)
    return OpenLake(made, dataset(path, **questions))


def posted_home(path: Path, posts: int) -> tuple[Home, Dataset]:
    """Make a home whose log holds sample posts by both routes, and take them through every stage.

    Every tenth post is sent twice, and each topic and stream gets one record that lacks its columns.
    """
    home, known = open_home(path, "pinterest", create=True)
    log = open_log(home.log_url)
    for table in known.producer.order:
        rows = [msgspec.json.encode(row) for row in generate(known, table, 0, posts)]
        values = [*rows, *rows[::10], b'{"no": "key"}']
        for name in (topic(f"{USER}.{table}"), stream(f"streaming-{USER}-{table}")):
            log.create(name)
            log.append(Partition(name, 0), [Record(value) for value in values])
    log.close()
    for stage in ("sink", "load", "clean", "stream"):
        run_stage(stage, home, known, table=None, once=True, stop=Event())
    return home, known
