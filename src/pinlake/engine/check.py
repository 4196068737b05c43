"""What data-set SQL may say: the part of Spark's dialect that every engine answers alike."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NoReturn

from sqlglot import exp

from pinlake.dataset import Dataset
from pinlake.engine import dialect, functions
from pinlake.engine.rehearsal import rehearse
from pinlake.errors import SqlRefused

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

OPERATORS = (exp.And, exp.Or, exp.Xor, exp.Case, exp.If, exp.Cast, exp.TryCast, exp.RegexpLike)
ROW_WISE: tuple[type[exp.Expr], ...] = (
    exp.Coalesce,
    exp.Nullif,
    exp.Concat,
    exp.ConcatWs,
    exp.StartsWith,
    exp.EndsWith,
    exp.Contains,
    exp.StrPosition,
    exp.Length,
    exp.Substring,
    exp.Left,
    exp.Right,
    exp.Pad,
    exp.Replace,
    exp.Translate,
    exp.SplitPart,
    exp.RegexpReplace,
    exp.RegexpExtract,
    exp.Greatest,
    exp.Least,
    exp.Floor,
    exp.Struct,
    exp.Year,
    exp.Month,
    exp.Day,
    exp.TsOrDsToDate,  # what sqlglot puts into year(...)
)
AGGREGATES: tuple[type[exp.Expr], ...] = (
    exp.Count,
    exp.Sum,
    exp.Min,
    exp.Max,
    exp.PercentileDisc,
    exp.Rank,
    exp.DenseRank,
    exp.RowNumber,
)
GUARDED = (exp.Lower, exp.Upper, exp.Trim)
"""Functions that differ outside of ASCII, so that a regexp must have judged the text before."""

WHOLE = (*AGGREGATES, exp.Window, exp.WithinGroup, exp.Floor, exp.Year, exp.Month, exp.Day)
"""What an integer may be cast from: whole numbers whose width the engines see differently."""

SAFE_CASTS = (*WHOLE, exp.Length, exp.StrPosition, exp.Literal, exp.Null, exp.Neg)

REGEXP_TRAPS = (
    (r"\$", r"$ as an end lets a newline follow in Spark: write \\z"),
    (r"\.", r"a bare . differs on line ends: write [^\\n], or [.] for the dot"),
    (r"\\[sSwWbBZ]", r"this class differs between engines: name the characters in brackets"),
    (r"\(\?[^:]", "flags and look-around differ between engines: do without"),
)


def check_dataset(dataset: Dataset) -> list[SqlRefused]:
    """Return what is wrong with a data set's SQL: each file's first fault, with its line.

    Files without a fault are then rehearsed over empty tables on DuckDB.
    """
    own, folder = dataset.functions_sql, dataset.path
    checks: list[Callable[[], None]] = [lambda: check_functions(own, folder / "functions.sql")]
    checks += [
        partial(check_cleaning, t.clean_sql, t.clean_path, own) for t in dataset.tables.values()
    ]
    checks += [partial(check_question, q.sql, q.path, own) for q in dataset.questions.values()]
    faults = [fault for check in checks for fault in _faults(check)]
    return faults or rehearse(dataset)


def _faults(check: Callable[[], None]) -> Iterator[SqlRefused]:
    try:
        check()
    except SqlRefused as fault:
        yield fault


def check_cleaning(sql: str, path: Path, own: str = "") -> None:
    """Raise SqlRefused with the line unless this is one row-wise SELECT of the table.

    The table is the one that the file is called after; ``own`` is the text of
    the data set's own functions.
    """
    where = str(path)
    tree = dialect.select(sql, where)
    _refuse_clauses(tree, where)
    _refuse_other_inputs(tree, path.stem, where)
    _refuse_other_rows(tree, where)
    _refuse_outputs(tree, where)
    _check_expressions(tree, where, _words(own), allowed=ROW_WISE)


def check_question(sql: str, path: Path, own: str = "") -> None:
    """Raise SqlRefused with the line unless this SELECT means the same on every engine."""
    where = str(path)
    tree = dialect.select(sql, where)
    if not tree.args.get("order"):
        line = len(sql.rstrip().splitlines())
        raise SqlRefused(
            where=where, line=line, reason="rows come in a fixed order: end it with ORDER BY"
        )
    _check_expressions(tree, where, _words(own), allowed=ROW_WISE + AGGREGATES)


def check_functions(own: str, path: Path) -> None:
    """Raise SqlRefused with the line unless each of a data set's functions is row-wise and safe."""
    functions.read(own, str(path))
    for tree in dialect.statements(own, str(path)):
        _refuse_other_rows(tree.expression, str(path))
        _check_expressions(tree.expression, str(path), _words(own), allowed=ROW_WISE)


def _words(own: str) -> set[str]:
    return {function.name.lower() for function in functions.read(functions.words(own))}


def _refuse_clauses(tree: exp.Query, where: str) -> None:
    if not isinstance(tree, exp.Select):
        _refuse(where, tree, f"this is a {tree.key.upper()}: {CLEANING_ONLY}")
    for clause, value in tree.args.items():
        if value and clause not in {"expressions", "from_", "kind", "hint"}:
            name = REFUSED_CLAUSES.get(clause, clause.upper())
            node = value[0] if isinstance(value, list) else value
            _refuse(where, node, f"{name} is refused: {CLEANING_ONLY}")


def _refuse_other_inputs(tree: exp.Query, table: str, where: str) -> None:
    source = tree.args["from_"].this if tree.args.get("from_") else None
    plain = isinstance(source, exp.Table) and not (source.args.keys() & _set(source, "alias"))
    if not plain or source is None or source.name != table or source.db:
        _refuse(where, source or tree, f"the rows come FROM `{table}`, and from nowhere else")


def _refuse_other_rows(tree: exp.Expr, where: str) -> None:
    for node in tree.find_all(exp.Window, exp.Query, *AGGREGATES):
        if node is not tree:
            _refuse(where, node, f"{_name(node)} looks at other rows: {CLEANING_ONLY}")


def _set(node: exp.Expr, *but: str) -> set[str]:
    """Return the names of a node's arguments that are set, without its own name and these."""
    return {name for name, value in node.args.items() if value and name not in {"this", *but}}


def _refuse_outputs(tree: exp.Query, where: str) -> None:
    taken: set[str] = set()
    for output in tree.selects:
        name = output.alias_or_name
        if isinstance(output, exp.Star) or output.find(exp.Star):
            _refuse(where, output, "* is refused: name the columns, they are the table's contract")
        if not name:
            _refuse(where, output, "this column has no name: put AS name behind it")
        if name.startswith("_"):
            _refuse(where, output, f"{name} is refused: names with _ in front are pinlake's own")
        if name.lower() in taken:
            _refuse(where, output, f"there are two columns {name}")
        taken.add(name.lower())


def _check_expressions(
    tree: exp.Expr, where: str, words: set[str], allowed: tuple[type[exp.Expr], ...]
) -> None:
    for node in tree.find_all(exp.Func):
        if isinstance(node, exp.Anonymous):
            _refuse_unless(node.name.lower() in words, where, node, "is no function of data sets")
        elif isinstance(node, GUARDED):
            reason = "differs outside of ASCII: use it where RLIKE has judged the text"
            _refuse_unless(_guarded(node), where, node, reason)
        elif isinstance(node, exp.Cast):
            _check_cast(node, where)
        elif not isinstance(node, (*OPERATORS, *allowed)):
            _refuse(where, node, f"{_name(node)} is not known to be the same on every engine")
        _check_arguments(node, where)


def _check_cast(node: exp.Cast, where: str) -> None:
    """Refuse casts that throw on one engine and not on the other, or read text differently."""
    operand = node.this.unnest()
    safe = isinstance(operand, SAFE_CASTS)
    if not node.args.get("safe") and not safe:
        _refuse(
            where,
            node,
            "CAST of input throws on Spark: use whole_number, utc_timestamp or try_cast",
        )
    if not (safe or _guarded(node) or node.to.is_type(*exp.DataType.TEXT_TYPES)):
        reason = "the engines read text differently: use whole_number or utc_timestamp,"
        _refuse(where, node, f"{reason} or try_cast in a CASE WHEN column RLIKE ... THEN")


def _guarded(node: exp.Expr) -> bool:
    """Tell whether a branch of CASE that RLIKE opened leads to the node."""
    while node.parent:
        branch, node = node, node.parent
        if isinstance(node, exp.If) and branch.arg_key == "true" and node.this.find(exp.RegexpLike):
            return True
    return False


def _check_arguments(node: exp.Expr, where: str) -> None:
    if isinstance(node, (exp.RegexpLike, exp.RegexpReplace, exp.RegexpExtract)):
        _check_regexp(node, where)
    elif isinstance(node, exp.Substring):
        start = node.args.get("start")
        _refuse_unless(not start or start.name != "0", where, node, "counts characters from 1")
    elif isinstance(node, (exp.Left, exp.Right)):
        _refuse_unless(not node.expression.find(exp.Neg), where, node, "wants 0 or more characters")


def _check_regexp(node: exp.Expr, where: str) -> None:
    pattern = node.expression
    if not (isinstance(pattern, exp.Literal) and pattern.is_string):
        _refuse(where, node, "a regexp must be a text in quotes, so that it can be checked")
    outside = re.sub(r"\\\\|\\[.$]|\[\^?\]?(?:\\.|[^\]\\])*\]", "", pattern.this)
    for trap, reason in REGEXP_TRAPS:
        if re.search(trap, outside):
            _refuse(where, node, reason)


def _refuse_unless(condition: object, where: str, node: exp.Expr, reason: str) -> None:
    if not condition:
        _refuse(where, node, f"{_name(node)} {reason}")


def _refuse(where: str, node: exp.Expr, reason: str) -> NoReturn:
    raise SqlRefused(where=where, line=_line(node), reason=reason)


def _line(node: exp.Expr) -> int:
    """Return the first line that a node's names stand on, or that of what is around it."""
    while True:
        lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
        if lines or not node.parent:
            return min(lines, default=1)
        node = node.parent


def _name(node: exp.Expr) -> str:
    """Return what a node is called in SQL."""
    if isinstance(node, exp.Anonymous):
        return f"{node.name}()"
    return f"{node.sql_name().lower()}()" if isinstance(node, exp.Func) else node.key.upper()
