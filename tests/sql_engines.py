"""DuckDB and Spark behind one face, so that a test asks both the same Spark SQL."""

import pyarrow as pa

from pinlake.engine import dialect, functions

ARROW = {"STRING": pa.string(), "INT": pa.int32(), "BIGINT": pa.int64(), "DOUBLE": pa.float64(),
         "BOOLEAN": pa.bool_(), "TIMESTAMP": pa.timestamp("us", "UTC")}  # fmt: skip
TYPES = {"INTEGER": "int", "BIGINT": "bigint", "VARCHAR": "string", "DOUBLE": "double", "BOOLEAN": "boolean",
         "TIMESTAMP WITH TIME ZONE": "timestamp"}  # fmt: skip
STRUCT = {"STRUCT(latitude DOUBLE, longitude DOUBLE)": "struct<latitude:double,longitude:double>"}


class DuckEngine:
    """The embedded engine's SQL: macros, and Spark SQL translated."""

    def __init__(self, connection):
        self.connection = connection
        functions.define(connection)

    def load(self, name, columns, rows):
        """Make a table of dicts; ``columns`` maps names to Spark's types."""
        schema = pa.schema([(column, ARROW[kind]) for column, kind in columns.items()])
        self.connection.register("rows_of_test", pa.Table.from_pylist(rows, schema))
        self.connection.execute(f'CREATE OR REPLACE TABLE "{name}" AS FROM rows_of_test')

    def ask(self, sql):
        """Return ([(column, Spark's type)], rows as tuples)."""
        relation = self.connection.sql(dialect.to_duckdb(sql))
        kinds = [
            (TYPES | STRUCT).get(str(kind).replace('"', ""), str(kind)) for kind in relation.types
        ]
        return list(zip(relation.columns, kinds, strict=True)), relation.fetchall()


class SparkEngine:
    """Spark 4 with ANSI on: its functions, and the text as it is written."""

    def __init__(self, session):
        self.session = session
        self.frames = {}
        for statement in functions.spark_statements(functions.words()):
            session.sql(statement.replace("CREATE TEMP", "CREATE OR REPLACE TEMP", 1))

    def load(self, name, columns, rows):
        """Make a view of dicts; ``columns`` maps names to Spark's types."""
        schema = ", ".join(f"`{column}` {kind}" for column, kind in columns.items())
        values = [tuple(row[column] for column in columns) for row in rows]
        self.frames[name] = self.session.createDataFrame(values, schema).cache()
        self.frames[name].createOrReplaceTempView(f"`{name}`")

    def in_front(self):
        """Show this engine's tables again, for all engines of a session share its views."""
        for name, frame in self.frames.items():
            frame.createOrReplaceTempView(f"`{name}`")
        return self

    def ask(self, sql):
        """Return ([(column, type)], rows as tuples)."""
        frame = self.session.sql(sql)
        return frame.dtypes, [tuple(row.values()) for row in frame.toArrow().to_pylist()]
