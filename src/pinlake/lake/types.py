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

KEY = "pinlake.key"
"""Marks the key's column in a table's schema, by its field metadata."""

_WIDER = {
    "byte": {"short", "integer", "long", "float", "double"},
    "short": {"integer", "long", "float", "double"},
    "integer": {"long", "double"},
    "float": {"double"},
}
"""Types that hold every value of another one exactly, as numbers."""
_DIGITS = {"byte": 3, "short": 5, "integer": 10, "long": 19}


def columns(schema: Schema) -> str:
    """Return a schema's names and types as one line: ``ind INTEGER, title VARCHAR``."""
    return ", ".join(f"{name} {kind}" for name, kind in _fields(_tree(schema)))


def empty_select(schema: Schema) -> str:
    """Return a SELECT of no rows with a schema's columns and types."""
    wanted = ", ".join(
        f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in _fields(_tree(schema))
    )
    return f"SELECT {wanted} LIMIT 0"


def fitted(relation: Any, schema: Schema) -> Any:
    """Return a DuckDB relation with exactly a schema's columns: NULL for one it does not have."""
    wanted = relation.query("found", empty_select(schema))
    if wanted.columns == relation.columns and wanted.dtypes == relation.dtypes:
        return relation
    kinds = dict(zip(relation.columns, relation.dtypes, strict=True))
    columns = zip(wanted.columns, wanted.dtypes, strict=True)
    return relation.project(", ".join(_fitted(name, kind, kinds) for name, kind in columns))


def key(schema: Schema) -> str | None:
    """Return the column that is marked as the table's key, or None."""
    marked = (field["name"] for field in _tree(schema)["fields"] if field["metadata"].get(KEY))
    return next(marked, None)


def unfit(found: Schema, wanted: Schema) -> str | None:
    """Return why a table of one schema cannot get another, or None: it can.

    It can where columns are only new and types only wider.
    """
    if key(found) != key(wanted) and key(found) and key(wanted):
        return f"its key is {key(found)}, the data set's is {key(wanted)}"
    return _unfit_struct("column ", _tree(found), _tree(wanted))


def widened(found: Schema, wanted: Schema) -> bool:
    """Tell whether a column of a table has another type in a schema that fits."""
    known = dict(_fields(_tree(found)))
    return any(known.get(name, kind) != kind for name, kind in _fields(_tree(wanted)))


def merged(found: Schema, wanted: Schema) -> Schema:
    """Return the wanted columns; those that were found keep NOT NULL and what is noted of them."""
    known = {field["name"]: field for field in _tree(found)["fields"]}
    tree = _tree(wanted)
    for field in tree["fields"]:
        before = known.get(field["name"], {"nullable": True, "metadata": {}})
        field["nullable"] = before["nullable"]
        field["metadata"] = before["metadata"] | field["metadata"]
    return Schema.from_json(json.dumps(tree))


def part(schema: Schema, wanted: Schema) -> Schema:
    """Return those columns of a schema that another one has too."""
    tree, names = _tree(schema), dict(_fields(_tree(wanted)))
    tree["fields"] = [field for field in tree["fields"] if field["name"] in names]
    return Schema.from_json(json.dumps(tree))


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


def _fitted(column: str, kind: Any, kinds: dict[str, Any]) -> str:
    given = quoted(column) if column in kinds else "NULL"
    if kinds.get(column) == kind:
        return given
    return f"CAST({given} AS {kind}) AS {quoted(column)}"


def _unfit_struct(place: str, found: Any, wanted: Any) -> str | None:
    kinds = {field["name"]: field["type"] for field in wanted["fields"]}
    for field in found["fields"]:
        name = f"{place}{field['name']}"
        if field["name"] not in kinds:
            return f"{name} is gone"
        if reason := _unfit(name, field["type"], kinds[field["name"]]):
            return reason
    return None


def _unfit(place: str, found: Any, wanted: Any) -> str | None:
    if found == wanted:
        return None
    if isinstance(found, dict) and isinstance(wanted, dict) and found["type"] == wanted["type"]:
        return _unfit_nested(place, found, wanted)
    if isinstance(found, str) and isinstance(wanted, str) and _is_wider(found, wanted):
        return None
    return f"{place} is {_duckdb(found)} and cannot become {_duckdb(wanted)}"


def _unfit_nested(place: str, found: Any, wanted: Any) -> str | None:
    if found["type"] == "struct":
        return _unfit_struct(f"{place}.", found, wanted)
    parts = ("elementType",) if found["type"] == "array" else ("keyType", "valueType")
    reasons = (_unfit(place, found[part], wanted[part]) for part in parts)
    return next((reason for reason in reasons if reason), None)


def _is_wider(found: str, wanted: str) -> bool:
    if wanted in _WIDER.get(found, ()):
        return True
    room, scale = _decimal(wanted)
    if found in _DIGITS:
        return room >= _DIGITS[found]
    held, held_scale = _decimal(found)
    return 0 <= held <= room and held_scale <= scale


def _decimal(kind: str) -> tuple[int, int]:
    """Return a decimal's digits in front of the point and behind it; none of another type."""
    if not kind.startswith("decimal"):
        return -1, -1
    precision, scale = map(int, kind[len("decimal(") : -1].split(","))
    return precision - scale, scale
