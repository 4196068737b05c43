"""What data-set SQL may say: the part of Spark's dialect that every engine answers alike."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from sqlglot import exp

from pinlake.dataset import Dataset
from pinlake.declaration import FILE
from pinlake.engine import dialect, functions
from pinlake.engine.agreement import (
    AGGREGATES,
    ROW_WISE,
    check_expressions,
    line_of,
    refuse,
    refuse_other_rows,
)
from pinlake.engine.expectations import check_expectation
from pinlake.engine.rehearsal import rehearse
from pinlake.errors import SqlRefused
from pinlake.table import Table

CLEANING_ONLY = "a cleaning makes one row of each row"
REFUSED_CLAUSES = {
    "with_": "WITH",
    "distinct": "DISTINCT",
    "laterals": "LATERAL VIEW",
    "joins": "a join",
    "where": "WHERE",
    "group": "GROUP BY",
    "having": "HAVING",
    "qualify": "QUALIFY",
    "windows": "WINDOW",
    "order": "ORDER BY",
    "sort": "SORT BY",
    "cluster": "CLUSTER BY",
    "distribute": "DISTRIBUTE BY",
    "limit": "LIMIT",
    "offset": "OFFSET",
}


def check_dataset(dataset: Dataset) -> list[SqlRefused]:
    """Return what is wrong with a data set's SQL: each file's first fault, with its line.

    In dataset.toml that is the fault of each expectation. Files without a fault
    are then rehearsed over empty tables on DuckDB.
    """
    own = dataset.functions_sql
    words = partial(check_functions, own, dataset.path / "functions.sql")
    cleanings = [
        partial(check_cleaning, table.clean_sql, table.clean_path, own)
        for table in dataset.tables.values()
    ]
    questions = [partial(check_question, q.sql, q.path, own) for q in dataset.questions.values()]
    return (
        _faults([words])
        or _faults(cleanings + questions) + check_expectations(dataset)
        or rehearse(dataset)
    )


def check_expectations(dataset: Dataset, *tables: Table) -> list[SqlRefused]:
    """Return the faults of what these tables expect, or all, with their lines in dataset.toml."""
    path, words = dataset.path / FILE, _words(dataset.functions_sql)
    return _faults(
        [
            partial(check_expectation, expectation, path, words)
            for table in tables or dataset.tables.values()
            for expectation in table.expectations
        ]
    )


def _faults(checks: Sequence[Callable[[], None]]) -> list[SqlRefused]:
    faults = []
    for check in checks:
        try:
            check()
        except SqlRefused as fault:
            faults.append(fault)
    return faults


def check_cleaning(sql: str, path: Path, own: str = "") -> None:
    """Raise SqlRefused with the line unless this is one row-wise SELECT of the table.

    The table is the one that the file is called after; ``own`` is the text of
    the data set's own functions.
    """
    where = str(path)
    tree = dialect.select(sql, where)
    _refuse_clauses(tree, sql, where)
    _refuse_other_inputs(tree, path.stem, where)
    refuse_other_rows(tree, where, CLEANING_ONLY)
    _refuse_outputs(tree, where)
    check_expressions(tree, where, _words(own), allowed=ROW_WISE)


def check_question(sql: str, path: Path, own: str = "") -> None:
    """Raise SqlRefused with the line unless this SELECT means the same on every engine."""
    where = str(path)
    tree = dialect.select(sql, where)
    if not tree.args.get("order"):
        line = len(sql.rstrip().splitlines())
        raise SqlRefused(
            where=where, line=line, reason="rows come in a fixed order: end it with ORDER BY"
        )
    check_expressions(tree, where, _words(own), allowed=ROW_WISE + AGGREGATES)


def check_functions(own: str, path: Path) -> None:
    """Raise SqlRefused with the line unless each of a data set's functions is row-wise and safe."""
    functions.read(own, str(path))
    for tree in dialect.statements(own, str(path)):
        if not tree.find(exp.TemporaryProperty):
            refuse(str(path), tree, "CREATE TEMPORARY FUNCTION is wanted: others stay in Spark")
        refuse_other_rows(tree.expression, str(path), CLEANING_ONLY)
        check_expressions(tree.expression, str(path), _words(own), allowed=ROW_WISE)


def _words(own: str) -> set[str]:
    return {function.name.lower() for function in functions.read(functions.words(own))}


def _refuse_clauses(tree: exp.Query, sql: str, where: str) -> None:
    if not isinstance(tree, exp.Select):
        refuse(where, tree, f"this is a {tree.key.upper()}: {CLEANING_ONLY}")
    for clause, value in tree.args.items():
        if value and clause not in {"expressions", "from_", "kind", "hint"}:
            name = REFUSED_CLAUSES.get(clause, clause.upper())
            node = value[0] if isinstance(value, list) else value
            words = (t.line for t in dialect.tokens(sql, where) if t.text.upper() == name)
            line = next(words, line_of(node))
            raise SqlRefused(where=where, line=line, reason=f"{name} is refused: {CLEANING_ONLY}")


def _refuse_other_inputs(tree: exp.Query, table: str, where: str) -> None:
    source = tree.args["from_"].this if tree.args.get("from_") else None
    plain = isinstance(source, exp.Table) and not (source.args.keys() & _set(source, "alias"))
    if not plain or source is None or source.name != table or source.db:
        refuse(where, source or tree, f"the rows come FROM `{table}`, and from nowhere else")


def _set(node: exp.Expr, *but: str) -> set[str]:
    """Return the names of a node's arguments that are set, without its own name and these."""
    return {name for name, value in node.args.items() if value and name not in {"this", *but}}


def _refuse_outputs(tree: exp.Query, where: str) -> None:
    taken: set[str] = set()
    for output in tree.selects:
        name = output.alias_or_name
        if isinstance(output, exp.Star) or output.find(exp.Star):
            refuse(where, output, "* is refused: name the columns, they are the table's contract")
        if not name:
            refuse(where, output, "this column has no name: put AS name behind it")
        if name.startswith("_"):
            refuse(where, output, f"{name} is refused: names with _ in front are pinlake's own")
        if name.lower() in taken:
            refuse(where, output, f"there are two columns {name}")
        taken.add(name.lower())
