"""The lake, open for questions: by name, in SQL, or a whole table."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Literal

import msgspec

from pinlake.dataset import Dataset, Question
from pinlake.errors import HomeMissing, QuestionUnknown, TableMissing
from pinlake.lake import tables
from pinlake.lake.store import Lake
from pinlake.lake.tables import Snapshot
from pinlake.query import session, statement
from pinlake.query.answer import Answer, Asked, Column
from pinlake.query.statement import Reference, Statement
from pinlake.settings import Home

Source = Literal["clean", "stream"]


class TableState(msgspec.Struct, frozen=True):
    """A table as it stands at one version."""

    name: str
    table_id: str
    version: int
    rows: int
    columns: tuple[Column, ...]


class OpenLake:
    """A lake that can be asked: questions by name, SQL in Spark's dialect, whole tables.

    Unqualified names in SQL are the cleaned tables of ``source``; ``raw.pin``,
    ``clean.pin``, ``stream.pin`` and ``quarantine.load_pin`` name a table
    wherever it lies. A name with dots goes in backquotes.
    """

    def __init__(self, home: Home, dataset: Dataset) -> None:
        if not home.path.is_dir():
            raise HomeMissing(home=home.path)
        self.home, self.dataset = home, dataset
        self._lake = Lake(home.lake_url)

    def ask(self, question: str, source: Source = "clean") -> Answer:
        """Return the answer to a question's name, or to one SELECT.

        Every table is read at the version it has now. Raises QuestionUnknown,
        TableMissing, or SqlRefused with the line.
        """
        if not _is_sql(question):
            return self._ask_named(question, source)
        return self._answer(
            "SQL", question, statement.read(question, "SQL", self.dataset.functions_sql), source
        )

    def table(self, name: str) -> Answer:
        """Return all rows of a table, such as ``clean/pin``; raise TableMissing."""
        return self._whole(name, self._snapshot(name))

    def select(self, text: str, names: Mapping[str, str], where: str = "SQL") -> Answer:
        """Return the answer to DuckDB's SQL over tables under names of your choice.

        ``names`` is {name in the SQL: table}. Raises TableMissing and SqlRefused.
        """
        tables = {Reference("", name): self._snapshot(table) for name, table in names.items()}
        return self._over(Asked(where, text, text), tables)

    def tables(self) -> list[str]:
        """Return the name of every table as ``folder/name``, sorted."""
        return tables.names(self._lake)

    def describe(self, name: str) -> TableState:
        """Return a table's version, number of rows and columns; raise TableMissing."""
        snapshot = self._snapshot(name)
        whole = self._whole(name, snapshot)
        [[rows]] = whole.to_duckdb().count("*").fetchall()
        return TableState(name, snapshot.table_id, snapshot.version, rows, whole.columns)

    def questions(self) -> dict[str, Question]:
        """Return the questions that can be asked by name, each with its title and SQL."""
        return dict(self.dataset.questions)

    def _ask_named(self, name: str, source: Source) -> Answer:
        question = self.dataset.questions.get(name)
        if question is None:
            raise QuestionUnknown(name=name, known=", ".join(self.dataset.questions))
        cache, where = self.home.path / "cache" / "questions", f"{name}.sql"
        words = self.dataset.functions_sql
        read = statement.read_cached(question.sql, where, words, cache)
        return self._answer(where, question.sql, read, source)

    def _answer(self, where: str, sql: str, read: Statement, source: Source) -> Answer:
        snapshots = {
            reference: self._snapshot(reference.table(source)) for reference in read.references
        }
        return self._over(Asked(where, sql, read.text), snapshots)

    def _whole(self, name: str, snapshot: Snapshot) -> Answer:
        text = "SELECT * FROM whole"
        return self._over(Asked(name, text, text), {Reference("", "whole"): snapshot})

    def _over(self, asked: Asked, snapshots: dict[Reference, Snapshot]) -> Answer:
        spill = self.home.path / "cache" / "spill"
        return Answer(asked, partial(session.connect, self._lake, snapshots, spill))

    def _snapshot(self, name: str) -> Snapshot:
        snapshot = tables.snapshot(self._lake, name) or self._snapshot_in_any_case(name)
        if snapshot is None:
            known = ", ".join(self.tables()) or "none"
            raise TableMissing(table=name, lake=self._lake.url, known=known)
        return snapshot

    def _snapshot_in_any_case(self, name: str) -> Snapshot | None:
        """Find a table whose name differs in case alone, as Spark's SQL does."""
        for known in self.tables():
            if known.casefold() == name.casefold():
                return tables.snapshot(self._lake, known)
        return None


def _is_sql(question: str) -> bool:
    """Tell SQL from a name: a name is one word."""
    return len(question.split()) != 1
