"""A statement: SQL in Spark's dialect, read once into DuckDB's and the tables it names."""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from pinlake.errors import SqlRefused

if TYPE_CHECKING:
    from sqlglot import exp

SCHEMAS = ("raw", "clean", "stream", "quarantine")


class Reference(msgspec.Struct, frozen=True, order=True):
    """A table as a statement names it: ``schema`` is empty where it is not qualified."""

    schema: str
    name: str

    def table(self, source: str) -> str:
        """Return the table that is meant, such as ``clean/pin`` or ``quarantine/load/pin``.

        An unqualified name is a table of ``source``; ``quarantine.load_pin`` is
        what stage load set aside for pin.
        """
        if self.schema == "quarantine":
            return "quarantine/" + self.name.replace("_", "/", 1)
        return f"{self.schema or source}/{self.name}"


class Statement(msgspec.Struct, frozen=True):
    """One SELECT in DuckDB's dialect, and the tables it reads."""

    text: str
    references: tuple[Reference, ...]


@lru_cache(maxsize=256)
def read(sql: str, where: str, words: str = "") -> Statement:
    """Read one SELECT in Spark's dialect; raise SqlRefused with its line for anything else.

    ``words`` are the SQL functions of a data set; pinlake's own are always there.
    """
    from pinlake.engine import dialect, functions

    tree = dialect.select(sql, where)
    references = tuple(sorted({found for _, found in tables_in(tree, sql, where)}))
    inlined = functions.inline(sql, functions.words(words))
    if inlined == sql:
        return Statement(dialect.duckdb_text(tree, where), references)
    return Statement(dialect.to_duckdb(inlined, where), references)


def read_cached(sql: str, where: str, words: str, folder: Path) -> Statement:
    """Read a statement, or find in ``folder`` what an earlier process read of the same text.

    The name of an entry is the hash of the text and of all that translates it,
    so an entry never grows stale; one that is torn is written again.
    """
    path = folder / f"{_fingerprint(sql, words)}.json"
    with contextlib.suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(path.read_bytes(), type=Statement)
    statement = read(sql, where, words)
    with contextlib.suppress(OSError):
        _write(path, msgspec.json.encode(statement))
    return statement


def line_of(sql: str, message: str) -> int:
    """Return the line of the first name in an engine's message that the SQL holds, else 1."""
    names = [part for part in message.replace("name ", '"').split('"')[1:] if part.split()]
    words = [word for part in names for word in (part, part.split()[0])]
    lines = sql.casefold().splitlines()
    for word in words:
        for number, line in enumerate(lines, start=1):
            if word.casefold() in line:
                return number
    return 1


def tables_in(tree: exp.Query, sql: str, where: str) -> Iterator[tuple[exp.Table, Reference]]:
    """Yield where a SELECT names tables, and which; raise SqlRefused for an unknown schema."""
    from sqlglot.errors import SqlglotError
    from sqlglot.optimizer.scope import traverse_scope

    try:
        scopes = traverse_scope(tree)
    except SqlglotError as error:
        raise SqlRefused(where=where, line=1, reason=error) from error
    for scope in scopes:
        for table in scope.tables:
            if table.name and not _is_local(table, scope):
                yield table, _reference(table, sql, where)


def _is_local(table: exp.Table, scope: Any) -> bool:
    """Tell whether a name is a common table expression's that the scope can see."""
    return not table.db and table.name in scope.cte_sources


def _reference(table: exp.Table, sql: str, where: str) -> Reference:
    schema, named = table.db.lower(), f"{table.catalog}.{table.db}".lstrip(".")
    if table.catalog or (schema and schema not in SCHEMAS):
        raise SqlRefused(
            where=where,
            line=line_of(sql, f'"{table.db}"'),
            reason=f"there is no schema {named!r}; there are {', '.join(SCHEMAS)}",
        )
    return Reference(schema, table.name)


def _fingerprint(sql: str, words: str) -> str:
    digest = hashlib.sha256()
    version = importlib.metadata.version("sqlglot")
    for part in (sql.encode(), words.encode(), version.encode(), *_translators()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


def _translators() -> list[bytes]:
    """Return the text of everything of ours that shapes a translation, without importing it."""
    engine = Path(__file__).parents[1] / "engine"
    paths = sorted((*engine.glob("dialect*"), *engine.glob("functions*"), Path(__file__)))
    return [path.read_bytes() for path in paths if path.is_file()]


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(f".{os.getpid()}")
    draft.write_bytes(content)
    draft.replace(path)
