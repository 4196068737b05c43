"""The words of cleaning: Spark SQL functions, and the same for engines that have none."""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from pathlib import Path

import msgspec
from duckdb import DuckDBPyConnection
from sqlglot import Token, TokenType, exp

from pinlake.engine import dialect
from pinlake.errors import SqlRefused

SHIPPED = Path(__file__).with_suffix(".sql")


class Function(msgspec.Struct, frozen=True):
    """One function: its parameters' names and types, its result's type, and its text."""

    name: str
    parameters: tuple[tuple[str, str], ...]
    returns: str
    body: str
    statement: str


def words(own: str = "") -> str:
    """Return the SQL of pinlake's functions and then of a data set's own."""
    return f"{SHIPPED.read_text(encoding='utf-8')}\n{own}"


def spark_statements(text: str) -> list[str]:
    """Return the statements that define the functions on Spark 4 and Databricks, as written."""
    return [function.statement for function in read(text)]


def define(connection: DuckDBPyConnection, own: str = "") -> None:
    """Define pinlake's functions and a data set's own on a DuckDB connection."""
    for macro in duckdb_macros(words(own)):
        connection.execute(macro)


def duckdb_macros(text: str) -> list[str]:
    """Return the statements that define the functions on a DuckDB connection, as macros."""
    return [_macro(function) for function in read(text)]


def inline(sql: str, text: str) -> str:
    """Return Spark SQL with each call of a function replaced by what the function returns."""
    return _inlined(sql, {function.name.lower(): function for function in read(text)})


@lru_cache(maxsize=16)
def read(text: str, where: str = "functions.sql") -> tuple[Function, ...]:
    """Parse CREATE TEMPORARY FUNCTION statements. Raises SqlRefused with the line."""
    trees = dialect.statements(text, where)
    pieces = _pieces(dialect.tokens(text, where))
    return tuple(
        _function(tree, text, piece, where) for tree, piece in zip(trees, pieces, strict=True)
    )


def _pieces(found: list[Token]) -> list[list[Token]]:
    """Split the tokens at semicolons."""
    pieces: list[list[Token]] = [[]]
    for token in found:
        if token.token_type is TokenType.SEMICOLON:
            pieces.append([])
        else:
            pieces[-1].append(token)
    return [piece for piece in pieces if piece]


def _function(tree: exp.Expr, text: str, piece: list[Token], where: str) -> Function:
    signature, returns = tree.this, tree.find(exp.ReturnsProperty)
    marks = [token for token in piece if token.text.upper() == "RETURN"]
    if not isinstance(signature, exp.UserDefinedFunction) or not returns or not marks:
        reason = "CREATE TEMPORARY FUNCTION name(a TYPE) RETURNS TYPE RETURN expression is wanted"
        raise SqlRefused(where=where, line=piece[0].line, reason=reason)
    name = signature.this.name
    if name.upper() in dialect.Parser.FUNCTIONS:
        raise SqlRefused(
            where=where, line=piece[0].line, reason=f"SQL has a function {name} already"
        )
    return Function(
        name=name,
        parameters=tuple((p.name, p.args["kind"].sql("spark")) for p in signature.expressions),
        returns=returns.this.sql("spark"),
        body=text[marks[0].end + 1 : piece[-1].end + 1].strip(),
        statement=text[piece[0].start : piece[-1].end + 1],
    )


def _macro(function: Function) -> str:
    """Return a macro; its casts do nothing where the types agree, and hold it to its signature."""
    names = ", ".join(name for name, _ in function.parameters)
    typed = {name: f"CAST({name} AS {kind})" for name, kind in function.parameters}
    body = f"SELECT CAST(({_substituted(function.body, typed)}) AS {function.returns})"
    text = dialect.to_duckdb(body, f"function {function.name}").removeprefix("SELECT ")
    return f"CREATE OR REPLACE TEMPORARY MACRO {function.name}({names}) AS ({text})"


def _substituted(body: str, values: dict[str, str]) -> str:
    """Return an expression with each parameter replaced by a text."""
    by_name = {name.lower(): value for name, value in values.items()}
    for token in reversed(dialect.tokens(body)):
        if token.token_type in {TokenType.VAR, TokenType.IDENTIFIER}:
            value = by_name.get(token.text.lower())
            body = body if value is None else body[: token.start] + value + body[token.end + 1 :]
    return body


def _inlined(sql: str, functions: dict[str, Function]) -> str:
    found = dialect.tokens(sql)
    for place, (name, following) in enumerate(pairwise(found)):
        function = functions.get(name.text.lower())
        if function and following.token_type is TokenType.L_PAREN:
            arguments, end = _arguments(sql, found[place + 1 :])
            called = _called(function, [_inlined(each, functions) for each in arguments], functions)
            return sql[: name.start] + called + _inlined(sql[end:], functions)
    return sql


def _arguments(sql: str, found: list[Token]) -> tuple[list[str], int]:
    """Return the texts between the brackets that ``found`` starts with, and where these end."""
    arguments: list[str] = []
    depth, start = 0, found[0].end + 1
    for token in found:
        depth += dialect.nesting(token)
        if depth == 0 or (depth == 1 and token.token_type is TokenType.COMMA):
            arguments.append(sql[start : token.start])
            start = token.end + 1
        if depth == 0:
            break
    return arguments, start


def _called(function: Function, arguments: list[str], functions: dict[str, Function]) -> str:
    if len(arguments) != len(function.parameters):
        reason = f"{function.name} takes {len(function.parameters)} arguments"
        raise SqlRefused(where="SQL", line=1, reason=reason)
    values = {
        name: f"CAST(({argument}\n) AS {kind})"
        for (name, kind), argument in zip(function.parameters, arguments, strict=True)
    }
    return (
        f"CAST(({_substituted(_inlined(function.body, functions), values)}) AS {function.returns})"
    )
