"""The shards of a stream as the source reads them, by the client that reads a log's streams."""

from __future__ import annotations

from collections.abc import Iterator

from pinlake.engine.spark.kinesis.options import Options
from pinlake.log.kinesis.answers import Records, Shard
from pinlake.log.kinesis.client import GONE_ITERATOR, Client, Patience, Refused
from pinlake.log.kinesis.connection import Connection, Signer
from pinlake.settings import Kinesis

PATIENCE = Patience(away=30.0, throttled=60.0)
"""Longer than a stage waits, which goes on after an error: one that a task meets ends a query."""


class ShardReader:
    """Lists and reads shards; raises what the client does, and ValueError without credentials."""

    def __init__(self, options: Options) -> None:
        settings = Kinesis(
            endpoint=options.endpoint,
            access_key=options.access_key,
            secret_key=options.secret_key,
        )
        connection = Connection(options.region, settings)
        if Signer(connection).credentials() is None:
            raise ValueError(
                "kinesis: there are no AWS credentials: set awsAccessKey and awsSecretKey, or"
                " what the AWS command line goes by"
            )
        self._client = Client(connection, PATIENCE)

    def shards(self, stream: str) -> list[Shard]:
        """Return the shards of a stream, closed ones too, parents before what came of them."""
        return self._client.shards(stream)

    def read(self, stream: str, shard: str, after: str) -> Iterator[Records]:
        """Yield the answers of GetRecords from a start on, for ever or to the shard's end.

        ``after`` is a sequence number, "" for the oldest record, or "@<milliseconds>".
        """
        iterator: str | None = self._iterator(stream, shard, after)
        while iterator:
            try:
                answer = self._client.records(iterator)
            except Refused as refused:
                if refused.kind != GONE_ITERATOR:
                    raise
                iterator = self._iterator(stream, shard, after)
                continue
            if answer.records:
                after = answer.records[-1].sequence_number
            yield answer
            iterator = answer.next_shard_iterator

    def _iterator(self, stream: str, shard: str, after: str) -> str:
        if not after:
            return self._client.iterator(stream, shard, "TRIM_HORIZON")
        if after.startswith("@"):
            seconds = int(after[1:]) / 1000
            return self._client.iterator(stream, shard, "AT_TIMESTAMP", Timestamp=seconds)
        kind = "AFTER_SEQUENCE_NUMBER"
        return self._client.iterator(stream, shard, kind, StartingSequenceNumber=after)
