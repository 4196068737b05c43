"""What the engines agree on: the functions, casts and regexps that data-set SQL may use."""

from __future__ import annotations

import difflib
import re
from typing import NoReturn

from sqlglot import exp

from pinlake.errors import SqlRefused

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

PARTS_OF_DATES = (exp.Year, exp.Month, exp.Day)
NUMBERS = (exp.Floor, exp.Length, exp.StrPosition, exp.Literal, exp.Null, exp.Neg)
SAFE_CASTS = (*AGGREGATES, exp.Window, exp.WithinGroup, *PARTS_OF_DATES, *NUMBERS)
"""What may be cast: whole numbers whose width the engines see differently, and constants."""

FRACTIONS = exp.DataType.REAL_TYPES

REGEXP_TRAPS = (
    (r"\$", r"$ as an end lets a newline follow in Spark: write \\z"),
    (r"\.", r"a bare . differs on line ends: write [^\\n], or [.] for the dot"),
    (r"\\[sSwWbBZ]", r"this class differs between engines: name the characters in brackets"),
    (r"\(\?[^:]", "flags and look-around differ between engines: do without"),
)


def check_expressions(
    tree: exp.Expr, where: str, words: set[str], allowed: tuple[type[exp.Expr], ...]
) -> None:
    """Raise SqlRefused at the first call, cast or regexp that is not known to agree.

    ``words`` are the names of cleaning functions, ``allowed`` the kinds of SQL's own.
    """
    for node in tree.find_all(exp.Func):
        if isinstance(node, exp.TsOrDsToDate) and isinstance(node.parent, PARTS_OF_DATES):
            continue  # sqlglot puts it into year(...)
        if isinstance(node, exp.Anonymous):
            _refuse_unless(node.name.lower() in words, where, node, _no_word(node, words))
        elif isinstance(node, GUARDED):
            reason = "differs outside of ASCII: use it where RLIKE has judged the text"
            _refuse_unless(_guarded(node), where, node, reason)
        elif isinstance(node, exp.Cast):
            _check_cast(node, where)
        elif not isinstance(node, (*OPERATORS, *allowed)):
            refuse(where, node, f"{name_of(node)} is not known to be the same on every engine")
        _check_arguments(node, where)


def refuse_other_rows(tree: exp.Expr, where: str, rule: str) -> None:
    """Raise SqlRefused at the first part of a tree that looks at other rows than its own."""
    for node in tree.find_all(exp.Window, exp.Query, *AGGREGATES):
        if node is not tree:
            refuse(where, node, f"{name_of(node)} looks at other rows: {rule}")


def _no_word(node: exp.Anonymous, words: set[str]) -> str:
    """Say that a name is no function, and what comes near it."""
    near = difflib.get_close_matches(node.name.lower(), sorted(words), n=1)
    meant = f"; did you mean {near[0]}()?" if near else ""
    return f"is no function that every engine has, nor one of functions.sql{meant}"


def _check_cast(node: exp.Cast, where: str) -> None:
    """Refuse casts that throw on one engine and not on the other, or read text differently."""
    operand = node.this.unnest()
    safe = isinstance(operand, SAFE_CASTS)
    if not node.args.get("safe") and not safe:
        reason = "CAST of input throws on Spark: use whole_number, utc_timestamp or try_cast"
        refuse(where, node, reason)
    if not (safe or _guarded(node) or node.to.is_type(*exp.DataType.TEXT_TYPES)):
        reason = "the engines read text differently: use whole_number or utc_timestamp,"
        refuse(where, node, f"{reason} or try_cast in a CASE WHEN column RLIKE ... THEN")
    if isinstance(operand, exp.Cast) and operand.to.is_type(*FRACTIONS) and _is_integer(node.to):
        refuse(where, node, "the engines round differently: floor() it first")


def _is_integer(kind: exp.DataType) -> bool:
    return kind.is_type(*exp.DataType.INTEGER_TYPES)


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
        refuse(where, node, "a regexp must be a text in quotes, so that it can be checked")
    outside = re.sub(r"\\\\|\\[.$]|\[\^?\]?(?:\\.|[^\]\\])*\]", "", pattern.this)
    for trap, reason in REGEXP_TRAPS:
        if re.search(trap, outside):
            refuse(where, node, reason)


def _refuse_unless(condition: object, where: str, node: exp.Expr, reason: str) -> None:
    if not condition:
        refuse(where, node, f"{name_of(node)} {reason}")


def refuse(where: str, node: exp.Expr, reason: str) -> NoReturn:
    """Raise SqlRefused at the line of a node."""
    raise SqlRefused(where=where, line=line_of(node), reason=reason)


def line_of(node: exp.Expr) -> int:
    """Return the first line that a node's names stand on, or that of what is around it."""
    while True:
        lines = [part.meta["line"] for part in node.walk() if "line" in part.meta]
        if lines or not node.parent:
            return min(lines, default=1)
        node = node.parent


def name_of(node: exp.Expr) -> str:
    """Return what a node is called in SQL."""
    if isinstance(node, (exp.Anonymous, exp.TsOrDsToDate)):
        return f"{node.name}()" if isinstance(node, exp.Anonymous) else "to_date()"
    return f"{node.sql_name().lower()}()" if isinstance(node, exp.Func) else node.key.upper()
