"""Delta's column types as DuckDB writes them."""

from __future__ import annotations

import json
from typing import Any

from deltalake import Schema

_PRIMITIVES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "integer": "INTEGER",
    "short": "SMALLINT",
    "byte": "TINYINT",
    "float": "FLOAT",
    "double": "DOUBLE",
    "boolean": "BOOLEAN",
    "binary": "BLOB",
    "date": "DATE",
    "timestamp": "TIMESTAMPTZ",
    "timestamp_ntz": "TIMESTAMP",
}
"""Source: the Delta protocol's primitive types."""


def columns(schema: Schema) -> str:
    """Return a schema's names and types as one line: ``ind INTEGER, title VARCHAR``."""
    return ", ".join(f"{name} {kind}" for name, kind in _fields(_tree(schema)))


def empty_select(schema: Schema) -> str:
    """Return a SELECT of no rows with a schema's columns and types."""
    wanted = ", ".join(
        f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in _fields(_tree(schema))
    )
    return f"SELECT {wanted} LIMIT 0"


def quoted(name: str) -> str:
    """Return a name as SQL takes it, whatever is in it."""
    return '"' + name.replace('"', '""') + '"'


def _tree(schema: Schema) -> Any:
    return json.loads(schema.to_json())


def _fields(struct: Any) -> list[tuple[str, str]]:
    return [(field["name"], _duckdb(field["type"])) for field in struct["fields"]]


def _duckdb(kind: Any) -> str:
    if isinstance(kind, str):
        return _PRIMITIVES.get(kind) or kind.upper()  # decimal(p,s) is written alike
    if kind["type"] == "array":
        return f"{_duckdb(kind['elementType'])}[]"
    if kind["type"] == "map":
        return f"MAP({_duckdb(kind['keyType'])}, {_duckdb(kind['valueType'])})"
    inner = ", ".join(f"{quoted(name)} {inner}" for name, inner in _fields(kind))
    return f"STRUCT({inner})"
