"""Schemas of the tables that steps write."""

from __future__ import annotations

import json
from typing import Any

from deltalake import Schema
from duckdb import DuckDBPyRelation

from pinlake.lake import types

_DELTA = {
    "varchar": "string",
    "json": "string",
    "integer": "integer",
    "bigint": "long",
    "smallint": "short",
    "tinyint": "byte",
    "float": "float",
    "double": "double",
    "boolean": "boolean",
    "blob": "binary",
    "date": "date",
    "timestamp with time zone": "timestamp",
}
"""DuckDB's types by their ids. A plain ``timestamp`` is not among them: the lowest Delta
protocol has none, so times are TIMESTAMPTZ."""


def of(relation: DuckDBPyRelation, key: str | None = None) -> Schema:
    """Return the Delta schema of a relation, with its key marked.

    Raises TypeError for what Delta cannot hold.
    """
    tree = _struct(zip(relation.columns, relation.dtypes, strict=True))
    for field in tree["fields"]:
        if field["name"] == key:
            field["metadata"][types.KEY] = True
    return Schema.from_json(json.dumps(tree))


def _struct(fields: Any) -> dict[str, Any]:
    return {
        "type": "struct",
        "fields": [
            {"name": name, "type": _delta(kind), "nullable": True, "metadata": {}}
            for name, kind in fields
        ],
    }


def _delta(kind: Any) -> Any:
    if kind.id == "struct":
        return _struct(kind.children)
    if kind.id == "list":
        element = _delta(kind.children[0][1])
        return {"type": "array", "elementType": element, "containsNull": True}
    if kind.id == "map":
        (_, key), (_, value) = kind.children
        return {
            "type": "map",
            "keyType": _delta(key),
            "valueType": _delta(value),
            "valueContainsNull": True,
        }
    if kind.id == "decimal":
        (_, precision), (_, scale) = kind.children
        return f"decimal({precision},{scale})"
    if kind.id not in _DELTA:
        raise TypeError(f"a Delta table has no type for DuckDB's {kind}")
    return _DELTA[kind.id]
