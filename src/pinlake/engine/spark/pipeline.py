"""A data set as the datasets of a declarative pipeline: plain SQL and expectations, no session."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from pinlake.dataset import Dataset
from pinlake.engine import dialect, functions
from pinlake.engine.cleaning import PROVENANCE
from pinlake.engine.spark.cleaning import quoted
from pinlake.table import Action, Question, Table

FIRSTS = """WITH {table} AS (SELECT * FROM {raw})
SELECT * EXCEPT ({provenance}, _place) FROM (
  SELECT *, row_number() OVER (PARTITION BY {key} ORDER BY {provenance}) AS _place
  FROM (
{cleaned}
  )
  WHERE {key} IS NOT NULL
)
WHERE _place = 1"""
"""The cleaned rows of a raw table, one a key: the first by topic, partition, offset, element."""


class Declared(msgspec.Struct, frozen=True):
    """A dataset of a pipeline: one SELECT, and what is expected of its rows by name.

    Rows that do not meet ``expect`` are counted; by one that does not meet ``expect_or_fail``
    the update fails. A pipeline needs no function defined, for the words of cleaning are
    written out in the SQL.
    """

    name: str
    comment: str
    sql: str
    expect: Mapping[str, str] = {}
    expect_or_fail: Mapping[str, str] = {}


def declared(dataset: Dataset, raw: Mapping[str, str]) -> list[Declared]:
    """Return each cleaned table, then each question over them.

    ``raw`` is how Spark's SQL calls the raw table of each table.
    """
    text = functions.words(dataset.functions_sql)
    tables = [_cleaned(table, raw[name], text) for name, table in dataset.tables.items()]
    return tables + [_asked(question, text) for question in dataset.questions.values()]


def _cleaned(table: Table, raw: str, text: str) -> Declared:
    where = str(table.clean_path)
    cleaned = dialect.with_provenance(table.clean_sql, PROVENANCE, "spark", where)
    sql = FIRSTS.format(
        table=quoted(table.name),
        raw=raw,
        provenance=", ".join(PROVENANCE),
        key=quoted(table.key),
        cleaned=functions.inline(cleaned, text),
    )
    return Declared(
        table.name,
        f"Cleaned rows of {table.name}, one a {table.key}",
        sql,
        _expected(table, "warn", text),
        _expected(table, "fail", text),
    )


def _expected(table: Table, action: Action, text: str) -> dict[str, str]:
    return {
        each.name: functions.inline(each.constraint, text)
        for each in table.expectations
        if each.action == action
    }


def _asked(question: Question, text: str) -> Declared:
    return Declared(question.name, question.title, functions.inline(question.sql, text))
