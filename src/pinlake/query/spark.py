"""Questions on Spark: the text as it is written, over the same versions of the same files."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

import duckdb

from pinlake.engine.spark import cleaning, files, session
from pinlake.errors import SqlRefused
from pinlake.lake.tables import Snapshot
from pinlake.query.answer import Answer, Asked, check_twins
from pinlake.query.session import OFFLINE
from pinlake.query.spark_text import Written
from pinlake.query.statement import Reference, line_of
from pinlake.settings import Spark

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

ROWS = "FROM answer"
_LINE = re.compile(r"[( ]line (\d+), pos")
_STATE = re.compile(r" SQLSTATE: \w+")


class SparkTables:
    """The lake's tables in a Spark session, for one question after another.

    Raises LibraryMissing without pyspark.
    """

    def __init__(self, settings: Spark, functions_sql: str) -> None:
        self._opened = session.opened(settings)
        self._spark: SparkSession = self._opened.spark
        self._views = itertools.count(1)
        self._worded = cleaning.define(self._spark, functions_sql)

    def close(self) -> None:
        """Stop the session, if it is ours. Idempotent."""
        self._opened.close()

    def answer(self, written: Written, snapshots: Mapping[Reference, Snapshot]) -> Answer:
        """Return the answer to a SELECT over these versions of its tables.

        Raises SqlRefused where Spark refuses it; its rows are computed when they are read.
        """
        asked = Asked(written.where, written.sql, ROWS)
        text = written.over({each: self._shown(found) for each, found in snapshots.items()})
        with _refusing(asked):
            return SparkAnswer(asked, Rows(self._spark.sql(self._worded(text)), asked))

    def _shown(self, snapshot: Snapshot) -> str:
        """Make a version of a table a view that no other answer changes, and return its name."""
        name = f"pinlake_{id(self):x}_{next(self._views)}"
        self._rows(snapshot).createOrReplaceTempView(name)
        return name

    def _rows(self, snapshot: Snapshot) -> DataFrame:
        if snapshot.plain:
            return files.rows(self._spark, snapshot.lake, snapshot.schema, snapshot.files)
        read = self._spark.read.format("delta").option("versionAsOf", snapshot.version)
        return read.load(snapshot.lake.table_url(snapshot.table))


class SparkAnswer(Answer):
    """An answer whose rows come of Spark; a reading brings all of them to this process."""

    def __init__(self, asked: Asked, rows: Rows) -> None:
        self._rows = rows
        super().__init__(asked, rows.connect)

    def _refused(self, error: duckdb.Error) -> SqlRefused:
        """Return what Spark said, where it was Spark: DuckDB hands on the text alone."""
        return self._rows.refused or super()._refused(error)


class Rows:
    """A frame's rows as an Arrow stream, which Spark computes each time that one is asked for."""

    def __init__(self, frame: DataFrame, asked: Asked) -> None:
        self._frame, self._asked = frame, asked
        self.refused: SqlRefused | None = None
        check_twins(asked, frame.columns)
        self._kind: pa.Schema = frame.limit(0).toArrow().schema  # runs no job

    def connect(self) -> duckdb.DuckDBPyConnection:
        """Return a connection that sees the rows as the view ``answer``."""
        connection = duckdb.connect(":memory:", config=OFFLINE)
        connection.execute("SET TimeZone = 'UTC'")
        return connection.register("answer", self)

    def __arrow_c_schema__(self) -> object:
        """Return the columns, for which nothing is computed."""
        return self._kind.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        """Return the rows, computed; raise SqlRefused where Spark refuses a value of them."""
        self.refused = None
        try:
            with _refusing(self._asked):
                found = self._frame.toArrow()
        except SqlRefused as refused:
            self.refused = refused
            raise
        return found.__arrow_c_stream__(requested_schema)


@contextmanager
def _refusing(asked: Asked) -> Iterator[None]:
    from pyspark.errors import PySparkException

    try:
        yield
    except PySparkException as error:
        text = str(error)
        line = _LINE.search(text)
        raise SqlRefused(
            where=asked.where,
            line=int(line[1]) if line else line_of(asked.sql, _quoted(text)),
            reason=_reason(text),
        ) from error


def _reason(text: str) -> str:
    """Return Spark's own words for what is wrong, without where it was and Java's stack."""
    first = text.strip().split("\n")[0]
    return _STATE.sub("", first).partition("; line ")[0].rstrip(" .;")


def _quoted(text: str) -> str:
    """Return a message with names in the quotes that DuckDB puts them in."""
    return text.split("\n", maxsplit=1)[0].replace("`", '"')
