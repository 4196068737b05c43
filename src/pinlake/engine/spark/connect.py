"""A session behind a Spark Connect address."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from pinlake.errors import LibraryMissing, SparkFailed

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PORT = 15002
"""Spark Connect's own."""
ANSWER_SECONDS = 5.0
RETRIES = 7
LONGEST_PAUSE_MS = 10_000
"""A request is repeated for half a minute; pyspark's own policy takes ten."""


def session(remote: str) -> SparkSession:
    """Return a new session of a server. Raises SparkFailed where none answers, LibraryMissing."""
    reach(remote)
    try:
        from pyspark.sql.connect.client.retries import DefaultPolicy
    except ImportError as error:
        raise LibraryMissing(
            feature="spark.remote", library="grpcio", extra="spark,spark-connect"
        ) from error
    from pyspark.sql import SparkSession

    made = SparkSession.builder.remote(remote).getOrCreate()
    policy = DefaultPolicy(max_retries=RETRIES, max_backoff=LONGEST_PAUSE_MS)
    made.client.set_retry_policies([policy])
    return made


def reach(remote: str) -> None:
    """Raise SparkFailed where nothing listens at an address; its token stays unsaid."""
    parts = urlsplit(remote)
    host, port = parts.hostname or "", parts.port or PORT
    try:
        socket.create_connection((host, port), ANSWER_SECONDS).close()
    except OSError as error:
        reason = f"nothing answers at spark.remote, sc://{host}:{port} ({error})"
        raise SparkFailed(reason=reason) from None
