"""A lake and a log in a folder, and an engine over both, driven step by step."""

import polars as pl
from deltalake import DeltaTable

from pinlake.engine.base import LogRange, LogRanges, Objects, Step, Versions
from pinlake.engine.duckdb import DuckdbEngine
from pinlake.lake import objects, tables
from pinlake.lake.file import FileLake
from pinlake.lake.objects import ObjectKey
from pinlake.log.memory import MemoryLog
from pinlake.record import Partition, Record, stream


class World:
    def __init__(self, folder, functions_sql="", lake=None):
        self.folder = folder / "lake"
        self.lake = lake or FileLake(self.folder.as_uri())
        self.log = MemoryLog()
        self.functions_sql = functions_sql
        self.engine = DuckdbEngine(self.lake, self.log, functions_sql, memory="300MB")

    def restart(self):
        """Go on as another process would: a new engine, nothing remembered."""
        self.engine.close()
        for table in tables.names(self.lake):
            tables.forget(self.lake, table)
        self.engine = DuckdbEngine(self.lake, self.log, self.functions_sql, memory="300MB")

    def put(self, topic, values, start=0, partition=0):
        """Write an object as the sink does, and return its key."""
        key = ObjectKey(topic, partition, start)
        objects.put(self.lake, key, objects.lines(values))
        return str(key)

    def post(self, name, values, keys=None):
        """Append records to a stream, and return the last one's position."""
        if name not in self.log.names("stream"):
            self.log.create(stream(name))
        records = [
            Record(value, key=None if keys is None else key.encode())
            for value, key in zip(values, keys or [""] * len(values), strict=True)
        ]
        return self.log.append(Partition(stream(name), 0), records)[-1]

    def load(self, table, number, *keys):
        return self.engine.run(Step("load", table, number, Objects(keys)))

    def clean(self, table, number, after, upto):
        raw = tables.snapshot(self.lake, f"raw/{table.name}")
        given = Versions(f"raw/{table.name}", raw.table_id, after, upto)
        return self.engine.run(Step("clean", table, number, given))

    def stream(self, table, number, name, after, upto, takes=None, rivals=()):
        given = LogRange(Partition(stream(name), 0), after, upto, takes, rivals)
        return self.engine.run(Step("stream", table, number, LogRanges((given,))))

    def rows(self, table, *columns):
        """Return a table's rows as deltalake and polars read them, sorted."""
        if tables.snapshot(self.lake, table) is None:
            return []
        told = self.lake.storage_options.items()
        options = {name: text for name, text in told if name.startswith("AWS_")}
        frame = pl.read_delta(self.lake.table_url(table), storage_options=options)
        frame = frame.select(columns) if columns else frame
        return sorted(frame.rows(), key=repr)

    def maps(self, table):
        """Return a table's rows as dicts, as deltalake and polars read them."""
        if tables.snapshot(self.lake, table) is None:
            return []
        return pl.read_delta(str(self.folder / table)).to_dicts()

    def history(self, table):
        return DeltaTable(str(self.folder / table)).history()

    def versions(self):
        """Return the version of every table."""
        return {name: tables.snapshot(self.lake, name).version for name in tables.names(self.lake)}
