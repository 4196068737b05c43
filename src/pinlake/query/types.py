"""Column types by the names that Spark gives them."""

from __future__ import annotations

from typing import Any

NAMES = {
    "boolean": "BOOLEAN",
    "tinyint": "TINYINT",
    "smallint": "SMALLINT",
    "integer": "INT",
    "bigint": "BIGINT",
    "utinyint": "SMALLINT",
    "usmallint": "INT",
    "uinteger": "BIGINT",
    "ubigint": "DECIMAL(20,0)",
    "hugeint": "DECIMAL(38,0)",
    "float": "FLOAT",
    "double": "DOUBLE",
    "varchar": "STRING",
    "blob": "BINARY",
    "date": "DATE",
    "timestamp": "TIMESTAMP_NTZ",
    "timestamp with time zone": "TIMESTAMP",
    '"null"': "VOID",
}
"""DuckDB's names and Spark's. A TIMESTAMPTZ is Spark's TIMESTAMP: an instant, shown in UTC."""

WHOLE = frozenset({"TINYINT", "SMALLINT", "INT", "BIGINT", "DECIMAL(20,0)", "DECIMAL(38,0)"})


def spark_name(kind: Any) -> str:
    """Return the name of a DuckDB type as Spark's DDL writes it.

    ``STRUCT<latitude: DOUBLE, longitude: DOUBLE>``; a type that Spark has not
    keeps DuckDB's name. Source: org.apache.spark.sql.types.DataType.sql.
    """
    if kind.id == "struct":
        fields = ", ".join(f"{name}: {spark_name(child)}" for name, child in kind.children)
        return f"STRUCT<{fields}>"
    if kind.id == "list":
        return f"ARRAY<{spark_name(kind.children[0][1])}>"
    if kind.id == "map":
        key, value = (spark_name(child) for _, child in kind.children)
        return f"MAP<{key}, {value}>"
    if kind.id == "decimal":
        precision, scale = (number for _, number in kind.children)
        return f"DECIMAL({precision},{scale})"
    return NAMES.get(str(kind.id).lower(), str(kind))


def is_number(name: str) -> bool:
    """Tell whether a type, by its Spark name, is a number."""
    return name in WHOLE or name in {"FLOAT", "DOUBLE"} or name.startswith("DECIMAL")
