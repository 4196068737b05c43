"""SQL in Spark's dialect, and what DuckDB needs of it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import ClassVar, Literal, cast

from sqlglot import ErrorLevel, Token, TokenType, exp
from sqlglot.dialects.spark import Spark
from sqlglot.errors import ParseError, TokenError, UnsupportedError
from sqlglot.parsers.spark import SparkParser

from pinlake.errors import SqlRefused

CLOSING = {TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE}
STATEMENTS = {"SELECT", "WITH", "(", "CREATE", "INSERT", "UPDATE", "DELETE", "MERGE", "DROP"}
OPENING = {TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE}


class Parser(SparkParser):
    """Spark's parser with our words left alone: sqlglot takes utc_timestamp for MySQL's clock."""

    FUNCTIONS: ClassVar = {
        name: build for name, build in SparkParser.FUNCTIONS.items() if name != "UTC_TIMESTAMP"
    }


class PinlakeSpark(Spark):
    """The dialect in which data sets are written."""

    Parser = Parser


def tokens(sql: str, where: str = "SQL") -> list[Token]:
    """Return the tokens of Spark SQL; ``start`` and ``end`` are their first and last character."""
    try:
        return PinlakeSpark().tokenize(sql)
    except TokenError as error:
        line = 1 + sql[: sql.rfind("'")].count("\n")
        raise SqlRefused(where=where, line=line, reason=_first_line(error)) from error


def statements(sql: str, where: str = "SQL") -> list[exp.Expr]:
    """Parse the statements of a Spark SQL text. Raises SqlRefused with the line."""
    try:
        parsed = PinlakeSpark().parse(sql, error_level=ErrorLevel.IMMEDIATE)
    except ParseError as error:
        raise _unparsed(error, tokens(sql, where), where) from error
    except TokenError:
        tokens(sql, where)
        raise
    return [tree for tree in parsed if tree is not None and not isinstance(tree, exp.Semicolon)]


def select(sql: str, where: str = "SQL") -> exp.Query:
    """Parse the one SELECT that a text must be. Raises SqlRefused with the line."""
    trees = statements(sql, where)
    if len(trees) != 1:
        reason = f"one SELECT is wanted, these are {len(trees)} statements"
        raise SqlRefused(where=where, line=_second(tokens(sql, where)), reason=reason)
    if not isinstance(trees[0], exp.Query):
        reason = f"one SELECT is wanted, this is {trees[0].key.upper()}"
        raise SqlRefused(where=where, line=1, reason=reason)
    return trees[0]


def condition(text: str, where: str = "SQL") -> exp.Select:
    """Parse the one condition that a text must be, as the SELECT of it alone.

    Raises SqlRefused, also where the text would end the SQL that it is put into.
    """
    trees = statements(f"SELECT {text}", where)
    ended = any(token.token_type is TokenType.SEMICOLON for token in tokens(text, where))
    if ended or len(trees) != 1 or not _of_one_condition(trees[0]):
        raise SqlRefused(where=where, line=1, reason="one condition is wanted, and nothing else")
    return cast("exp.Select", trees[0])


@lru_cache(maxsize=256)
def to_duckdb(sql: str, where: str = "SQL") -> str:
    """Return DuckDB's text of one Spark SELECT, equal in meaning with the time zone UTC.

    Raises SqlRefused where the text is no single SELECT, or has no equal in DuckDB.
    """
    return duckdb_text(select(sql, where), where)


def duckdb_text(tree: exp.Expr, where: str = "SQL") -> str:
    """Return DuckDB's text of a Spark tree. Names are quoted, for DuckDB reserves more of them."""
    try:
        return tree.transform(_mended).sql(
            "duckdb", identify=True, comments=False, unsupported_level=ErrorLevel.RAISE
        )
    except UnsupportedError as error:
        raise SqlRefused(where=where, line=1, reason=_first_line(error)) from error


def with_provenance(
    sql: str, columns: Sequence[str], for_engine: Literal["duckdb", "spark"], where: str = "SQL"
) -> str:
    """Return a row-wise SELECT with columns of its input put at the end of its list.

    The text itself stays as it was written; for DuckDB the whole is then translated.
    """
    start = _from(tokens(sql, where)).start
    widened = f"{sql[:start]}, {', '.join(columns)} {sql[start:]}" if columns else sql
    return to_duckdb(widened, where) if for_engine == "duckdb" else widened


def nesting(token: Token) -> int:
    """Return 1 where a token opens a bracket, -1 where it closes one, else 0."""
    return (token.token_type in OPENING) - (token.token_type in CLOSING)


def _of_one_condition(tree: exp.Expr) -> bool:
    """Tell whether a tree is a SELECT of one unnamed condition, from nowhere."""
    given = {name for name, value in tree.args.items() if value}
    if not isinstance(tree, exp.Select) or given != {"expressions"}:
        return False
    return len(tree.selects) == 1 and isinstance(tree.selects[0], exp.Condition)


def _unparsed(error: ParseError, found: Sequence[Token], where: str) -> SqlRefused:
    """Return what a parser said, at the bracket that nobody closes where that is the fault."""
    unclosed: list[Token] = []
    for token in found:
        if nesting(token) > 0:
            unclosed.append(token)
        elif nesting(token) < 0 and unclosed:
            unclosed.pop()
    if unclosed:
        reason = f"the bracket {unclosed[-1].text} is not closed"
        return SqlRefused(where=where, line=unclosed[-1].line, reason=reason)
    first = error.errors[0] if error.errors else {}
    reason = str(first.get("description") or _first_line(error)).rstrip(".")
    if found and found[0].text.upper() not in STATEMENTS:
        reason = f"a statement begins with SELECT or CREATE, this one with {found[0].text}"
        return SqlRefused(where=where, line=found[0].line, reason=reason)
    return SqlRefused(where=where, line=first.get("line") or 1, reason=reason)


def _second(found: Sequence[Token]) -> int:
    """Return the line of the second statement, or 1."""
    types = [token.token_type for token in found]
    place = types.index(TokenType.SEMICOLON) + 1 if TokenType.SEMICOLON in types else 0
    return found[place].line if place < len(found) else 1


def _from(found: Sequence[Token]) -> Token:
    """Return the FROM of the outermost SELECT: the first outside of brackets."""
    depth = 0
    for token in found:
        depth += nesting(token)
        if token.token_type is TokenType.FROM and depth == 0:
            return token
    raise SqlRefused(where="SQL", line=1, reason="one SELECT ... FROM a table is wanted")


def _mended(node: exp.Expr) -> exp.Expr:
    """Mend what sqlglot leaves as it was although DuckDB reads it otherwise."""
    if isinstance(node, exp.Quantile):  # Spark's percentile lies between two values, as a DOUBLE
        between = [exp.cast(node.this, "double"), node.args["quantile"]]
        return exp.Anonymous(this="quantile_cont", expressions=between)
    if isinstance(node, exp.RegexpReplace) and isinstance(node.args["replacement"], exp.Literal):
        node.set("replacement", exp.Literal.string(_re2_replacement(node.args["replacement"].this)))
    return node


def _re2_replacement(java: str) -> str:
    r"""Turn Java's replacement text (``$1``, ``\$``) into RE2's (``\1``, ``$``)."""
    parts = re.findall(r"\\(.)|\$(\d)|(.)", java, re.DOTALL)
    return "".join(
        f"\\{group}" if group else (char or escaped).replace("\\", "\\\\")
        for escaped, group, char in parts
    )


def _first_line(error: Exception) -> str:
    return str(error).split("\n")[0].rstrip(".")
