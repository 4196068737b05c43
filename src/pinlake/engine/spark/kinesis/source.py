"""The data source ``kinesis``: micro-batches of a stream's records, each shard in its order."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from pyspark.sql.datasource import DataSource, DataSourceStreamReader, InputPartition

from pinlake.engine.spark.kinesis import options
from pinlake.engine.spark.kinesis.shards import ShardReader
from pinlake.log.kinesis.answers import Record, Records, Shard, shard_id

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession
    from pyspark.sql.types import StructType

SCHEMA = (
    "partitionKey string, data binary, stream string, shardId string, sequenceNumber string,"
    " approximateArrivalTimestamp timestamp"
)
"""The columns of Databricks' own source (its documentation, "Kinesis connector reference")."""

Offset = dict[str, Any]
"""By ``<stream>/<shard>``: {"after": where it was read to, "closed": it is closed and read}."""


def register(spark: SparkSession) -> None:
    """Let a session read ``format("kinesis")``."""
    spark.dataSource.register(KinesisSource)


class KinesisSource(DataSource):  # type: ignore[misc] # pyspark has no types for mypy
    """Reads streams of Kinesis, or of what speaks its API, such as pinlake's gateway.

    Options: streamName (one or several, by commas), region, initialPosition (latest,
    trim_horizon, earliest, {"at_timestamp": …}), awsAccessKey, awsSecretKey, endpointUrl,
    minFetchPeriod, maxRecordsPerTrigger.
    """

    @classmethod
    def name(cls) -> str:
        """Return what ``format`` takes."""
        return "kinesis"

    def schema(self) -> str:
        """Return the six columns of a record."""
        return SCHEMA

    def streamReader(self, schema: StructType) -> KinesisReader:  # noqa: N802 - Spark's name
        """Return the reader of a streaming query."""
        return KinesisReader(options.read(self.options))


class ShardRange(InputPartition):  # type: ignore[misc]
    """Records of one shard, after < sequence number <= upto; one task reads them."""

    def __init__(self, stream: str, shard: str, after: str, upto: str) -> None:
        self.stream, self.shard, self.after, self.upto = stream, shard, after, upto


class KinesisReader(DataSourceStreamReader):  # type: ignore[misc]
    """Plans micro-batches in the driver, and reads their ranges where the workers are.

    Kinesis does not tell how far a shard goes, so that looking for the latest offset reads
    the records once, and a task reads them again: exactly these, also after a restart. A
    shard that came of others is read once they are read to their end.
    """

    def __init__(self, given: options.Options) -> None:
        self._options = given
        self._last: Offset | None = None
        self._looked = 0.0
        self._kept: ShardReader | None = None

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_kept": None}  # a connection stays where it was opened

    def initialOffset(self) -> Offset:  # noqa: N802 - Spark's name
        """Return where a query without a checkpoint begins."""
        start = self._options.start
        if start == "@":
            start = f"@{int(time.time() * 1000)}"
        found: Offset = {}
        for key, shard in self._shards():
            if start.startswith("@"):
                found[key] = {"after": start, "closed": shard.closed}
            elif not shard.parents:
                found[key] = {"after": start, "closed": False}
        return found

    def latestOffset(self, start: Offset | None = None, limit: Any = None) -> Offset:  # noqa: N802
        """Return how far the shards go now, at most ``maxRecordsPerTrigger`` records each.

        Spark 4.2 tells where the last batch ended. Before, it tells so once by a call of
        ``partitions`` after a restart; to begin anywhere else would give a batch of what
        the sink has already, and none thereafter.
        """
        base = start or self._last
        if base is None:
            base = self.initialOffset()
        self._pause()
        shards = self._shards()
        there = {key for key, _ in shards}
        found = dict(base)
        for key, shard in shards:
            if key not in found and self._is_due(key, shard, found, there):
                found[key] = {"after": "", "closed": False}
            if key in found and not found[key]["closed"]:
                found[key] = self._reached(key, found[key]["after"])
        self._last = found
        return found

    def partitions(self, start: Offset, end: Offset) -> Sequence[ShardRange]:
        """Return a range for each shard that has new records."""
        self._last = end
        found = []
        for key, reached in end.items():
            after = start.get(key, {"after": ""})["after"]
            if reached["after"] != after:
                stream, _, shard = key.rpartition("/")
                found.append(ShardRange(stream, shard, after, reached["after"]))
        return found

    def read(self, partition: InputPartition) -> Iterator[pa.RecordBatch]:
        """Yield a range's records as Arrow batches of the six columns."""
        assert isinstance(partition, ShardRange)
        for answer in self._reader.read(partition.stream, partition.shard, partition.after):
            records, done = _upto(answer, int(partition.upto))
            if records:
                yield _batch(partition, records)
            if done:
                return

    @property
    def _reader(self) -> ShardReader:
        if self._kept is None:
            self._kept = ShardReader(self._options)
        return self._kept

    def _pause(self) -> None:
        time.sleep(max(0.0, self._looked + self._options.pause - time.monotonic()))
        self._looked = time.monotonic()

    def _shards(self) -> list[tuple[str, Shard]]:
        """Return every shard by its key, parents before what came of them."""
        return [
            (f"{stream}/{shard.shard_id}", shard)
            for stream in self._options.streams
            for shard in self._reader.shards(stream)
        ]

    def _is_due(self, key: str, shard: Shard, found: Mapping[str, Any], there: set[str]) -> bool:
        """Tell whether a new shard's parents are read to their end, or long gone."""
        stream = key.rpartition("/")[0]
        parents = [f"{stream}/{shard_id(parent)}" for parent in shard.parents]
        return all(
            found[parent]["closed"] if parent in found else parent not in there
            for parent in parents
        )

    def _reached(self, key: str, after: str) -> dict[str, Any]:
        """Return how far a shard can be read now."""
        stream, _, shard = key.rpartition("/")
        count, reached = 0, after
        for answer in self._reader.read(stream, shard, after):
            count += len(answer.records)
            if answer.records:
                reached = answer.records[-1].sequence_number
            if answer.next_shard_iterator is None:
                return {"after": reached, "closed": True}
            if count >= self._options.most or not (answer.records or answer.millis_behind_latest):
                break
        return {"after": reached, "closed": False}


def _upto(answer: Records, upto: int) -> tuple[list[Record], bool]:
    """Return an answer's records up to a sequence number, and whether that was the last."""
    records = answer.records
    if not records or int(records[-1].sequence_number) < upto:
        return records, False
    return [each for each in records if int(each.sequence_number) <= upto], True


def _batch(partition: ShardRange, records: Sequence[Record]) -> pa.RecordBatch:
    import pyarrow as pa

    count = len(records)
    times = [round(each.approximate_arrival_timestamp * 1_000_000) for each in records]
    columns = {
        "partitionKey": pa.array([each.partition_key for each in records], pa.string()),
        "data": pa.array([each.data for each in records], pa.binary()),
        "stream": pa.array([partition.stream] * count, pa.string()),
        "shardId": pa.array([partition.shard] * count, pa.string()),
        "sequenceNumber": pa.array([each.sequence_number for each in records], pa.string()),
        "approximateArrivalTimestamp": pa.array(times, pa.timestamp("us", "UTC")),
    }
    return pa.RecordBatch.from_arrays(list(columns.values()), names=list(columns))
