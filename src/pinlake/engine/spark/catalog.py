"""Where Spark's SQL finds the tables: by path, in a schema of a catalog, or below a mount."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinlake.engine.spark.cleaning import quoted
from pinlake.errors import CatalogTaken

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class Catalog:
    """The setting ``spark.catalog`` for one lake.

    A schema's tables are external: each is registered at its place in the lake, which stays
    the truth. A mount is for reading alone, since a file system that is mounted has no
    put-if-absent, by which pinlake commits; it writes by the lake's own URL.
    """

    def __init__(self, setting: str, lake_url: str) -> None:
        self._mount = setting if setting.startswith("/") else ""
        self._schema = "" if self._mount else setting
        self._url = lake_url.rstrip("/")
        self._known: set[str] = set()

    def name_of(self, table: str) -> str:
        """Return how Spark's SQL calls a table of the lake, such as ``clean/pin``."""
        if self._schema:
            return f"{self._schema_name}.{quoted(table.replace('/', '_'))}"
        return f"delta.{quoted(f'{self._mount or self._url}/{table}')}"

    def register(self, spark: SparkSession, table: str) -> None:
        """Have a table that is there be one of the schema's; nothing to do in the other forms.

        Raises CatalogTaken where its name is another table's, and what Spark does.
        """
        if not self._schema or table in self._known:
            return
        name, place = self.name_of(table), f"{self._url}/{table}"
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {self._schema_name}")
        spark.sql(f"CREATE TABLE IF NOT EXISTS {name} USING DELTA LOCATION '{_escaped(place)}'")
        found = spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]["location"]
        if _place(found) != _place(place):
            raise CatalogTaken(name=name, found=found, wanted=place)
        self._known.add(table)

    @property
    def _schema_name(self) -> str:
        return ".".join(map(quoted, self._schema.split(".")))


def _place(url: str) -> tuple[str, str]:
    """Return a URL's bucket and path: schemes may differ, as s3 and s3a, file:/ and file:///."""
    parts = urlsplit(url.rstrip("/"))
    return parts.netloc, parts.path


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'")
