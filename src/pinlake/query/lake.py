"""The lake, open for questions: by name, in SQL, or a whole table."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from pinlake.dataset import Dataset, Question
from pinlake.errors import FreshRefused, HomeMissing, QuestionUnknown, TableMissing
from pinlake.lake import tables
from pinlake.lake.open import open_lake
from pinlake.lake.tables import Snapshot
from pinlake.query import as_of, session, statement
from pinlake.query.answer import Answer, Asked, Column
from pinlake.query.as_of import AsOf
from pinlake.query.statement import Reference, Statement
from pinlake.settings import Home

if TYPE_CHECKING:
    from pinlake.query.fresh import FreshTables
    from pinlake.query.spark import SparkTables

Source = Literal["clean", "stream"]
WHOLE = "SELECT * FROM whole"


class TableState(msgspec.Struct, frozen=True):
    """A table as it stands at one version."""

    name: str
    table_id: str
    version: int
    rows: int
    columns: tuple[Column, ...]


class _View(msgspec.Struct, frozen=True):
    """How tables are seen."""

    source: Source = "clean"
    fresh: bool = False
    as_of: AsOf | None = None


class OpenLake:
    """A lake that can be asked: questions by name, SQL in Spark's dialect, whole tables.

    Unqualified names in SQL are the cleaned tables of ``source``; ``raw.pin``,
    ``clean.pin``, ``stream.pin`` and ``quarantine.load_pin`` name a table
    wherever it lies. A name with dots goes in backquotes.
    """

    def __init__(
        self, home: Home, dataset: Dataset, clock: Callable[[], float] = time.time
    ) -> None:
        if not home.path.is_dir():
            raise HomeMissing(home=home.path)
        self.home, self.dataset, self._clock = home, dataset, clock
        self._lake = open_lake(home)
        self._fresh: FreshTables | None = None
        self._spark: SparkTables | None = None
        self._opening = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Release what fresh answers keep between questions, and Spark's session. Idempotent."""
        with self._opening:
            if self._fresh is not None:
                self._fresh.close()
            self._fresh = None
            if self._spark is not None:
                self._spark.close()
            self._spark = None

    def ask(
        self,
        question: str,
        source: Source | None = None,
        *,
        fresh: bool = False,
        as_of: AsOf | None = None,
    ) -> Answer:
        """Return the answer to a question's name, or to one SELECT.

        Unqualified names are tables of ``source``: ``clean``, or ``stream`` where
        ``fresh``. Every table is read at the version it has now, or had ``as_of`` a
        version (of the one table that is asked for) or a time. ``fresh``: with the
        log's records that the stream tables are still to take, so that every record
        acknowledged before is in the answer. Raises QuestionUnknown, TableMissing,
        SqlRefused with the line, FreshRefused, AsOfRefused, VersionGone.
        """
        seen = _View(source or ("stream" if fresh else "clean"), fresh, as_of)
        if not _is_sql(question):
            return self._ask_named(question, seen)
        if self._on_spark(seen):
            return self._ask_spark("SQL", question, seen)
        return self._answer(
            "SQL", question, statement.read(question, "SQL", self.dataset.functions_sql), seen
        )

    def table(self, name: str, *, fresh: bool = False, as_of: AsOf | None = None) -> Answer:
        """Return all rows of a table, such as ``clean/pin``; raise what ``ask`` does."""
        given = {Reference("", "whole"): name}
        return self._over(Asked(name, WHOLE, WHOLE), given, _View("clean", fresh, as_of))

    def spark_name(self, table: str) -> str:
        """Return how Spark's SQL calls a table such as ``clean/pin``, by the setting spark.catalog.

        A name that it finds once the table is there; raises TableMissing where it is not.
        """
        from pinlake.engine.spark.catalog import Catalog

        known = tables.names(self._lake)
        if table not in known:
            missing = ", ".join(known) or "none"
            raise TableMissing(table=table, lake=self._lake.url, known=missing)
        return Catalog(self.home.settings.spark.catalog, self._lake.url).name_of(table)

    def select(self, text: str, names: Mapping[str, str], where: str = "SQL") -> Answer:
        """Return the answer to DuckDB's SQL over tables under names of your choice.

        ``names`` is {name in the SQL: table}. Raises TableMissing and SqlRefused.
        """
        given = {Reference("", name): table for name, table in names.items()}
        return self._over(Asked(where, text, text), given, _View())

    def tables(self) -> list[str]:
        """Return the name of every table as ``folder/name``, sorted."""
        return tables.names(self._lake)

    def describe(self, name: str) -> TableState:
        """Return a table's version, number of rows and columns; raise TableMissing."""
        snapshot = self._snapshot(name)
        whole = self._as_is(Asked(name, WHOLE, WHOLE), {Reference("", "whole"): snapshot})
        [[rows]] = whole.to_duckdb().count("*").fetchall()
        return TableState(name, snapshot.table_id, snapshot.version, rows, whole.columns)

    def questions(self) -> dict[str, Question]:
        """Return the questions that can be asked by name, each with its title and SQL."""
        return dict(self.dataset.questions)

    def _ask_named(self, name: str, seen: _View) -> Answer:
        question = self.dataset.questions.get(name)
        if question is None:
            raise QuestionUnknown(name=name, known=", ".join(self.dataset.questions))
        if self._on_spark(seen):
            return self._ask_spark(f"{name}.sql", question.sql, seen)
        cache, where = self.home.path / "cache" / "questions", f"{name}.sql"
        words = self.dataset.functions_sql
        read = statement.read_cached(question.sql, where, words, cache)
        return self._answer(where, question.sql, read, seen)

    def _answer(self, where: str, sql: str, read: Statement, seen: _View) -> Answer:
        given = {reference: reference.table(seen.source) for reference in read.references}
        return self._over(Asked(where, sql, read.text), given, seen)

    def _over(self, asked: Asked, given: Mapping[Reference, str], seen: _View) -> Answer:
        """Return an answer over tables by their names in the SQL."""
        if seen.fresh:
            return self._freshly(asked, given, seen)
        return self._as_is(asked, self._snapshots(given, seen))

    def _snapshots(self, given: Mapping[Reference, str], seen: _View) -> dict[Reference, Snapshot]:
        """Return each table at the version that it is seen at."""
        if seen.as_of is None:
            return {each: self._snapshot(name) for each, name in given.items()}
        moment = as_of.meant(seen.as_of, len(given))
        return {each: self._past(name, moment) for each, name in given.items()}

    def _on_spark(self, seen: _View) -> bool:
        """Tell whether Spark answers; what is fresh is the embedded engine's on every setting."""
        return self.home.settings.engine == "spark" and not seen.fresh

    def _ask_spark(self, where: str, sql: str, seen: _View) -> Answer:
        from pinlake.query import spark_text

        written = spark_text.read(sql, where)
        given = {each: each.table(seen.source) for each in written.references}
        snapshots = self._snapshots(given, seen)
        return self._spark_tables().answer(written, snapshots)

    def _spark_tables(self) -> SparkTables:
        from pinlake.query.spark import SparkTables

        with self._opening:
            if self._spark is None:
                settings, words = self.home.settings.spark, self.dataset.functions_sql
                self._spark = SparkTables(settings, words)
            return self._spark

    def _as_is(self, asked: Asked, snapshots: dict[Reference, Snapshot]) -> Answer:
        spill = self.home.path / "cache" / "spill"
        return Answer(asked, partial(session.connect, self._lake, snapshots, spill))

    def _freshly(self, asked: Asked, given: Mapping[Reference, str], seen: _View) -> Answer:
        streams = {each: name for each, name in given.items() if name.startswith("stream/")}
        if seen.as_of is not None:
            raise FreshRefused(reason="what is fresh is of now; leave --as-of away")
        if not streams:
            asks = ", ".join(given.values()) or "no table"
            raise FreshRefused(reason=f"this asks {asks}; ask with --from stream")
        tables = self._fresh_tables()
        fed = {each: name for each, name in streams.items() if tables.feeds(name)}
        as_is = {each: self._snapshot(name) for each, name in given.items() if each not in fed}
        return Answer(asked, tables.moment(fed, as_is), lasting=False)

    def _fresh_tables(self) -> FreshTables:
        from pinlake.query.fresh import FreshTables

        with self._opening:
            if self._fresh is None:
                self._fresh = FreshTables(self.home, self.dataset, self._lake)
            return self._fresh

    def _past(self, name: str, moment: int | datetime) -> Snapshot:
        known = name if tables.head(self._lake, name) else self._in_any_case(name) or name
        return as_of.snapshot(self._lake, known, moment, self._clock())

    def _snapshot(self, name: str) -> Snapshot:
        snapshot = tables.snapshot(self._lake, name)
        if snapshot is None and (known := self._in_any_case(name)):
            snapshot = tables.snapshot(self._lake, known)
        if snapshot is None:
            known = ", ".join(self.tables()) or "none"
            raise TableMissing(table=name, lake=self._lake.url, known=known)
        return snapshot

    def _in_any_case(self, name: str) -> str | None:
        """Return a table whose name differs in case alone, as Spark's SQL does."""
        for known in self.tables():
            if known.casefold() == name.casefold():
                return known
        return None


def _is_sql(question: str) -> bool:
    """Tell SQL from a name: a name is one word."""
    return len(question.split()) != 1
