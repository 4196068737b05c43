"""Every key of an S3 sink connector that we know, and what the sink makes of it.

Source: docs.confluent.io/kafka-connectors/s3-sink/current/configuration_options.html, the
connector's own S3SinkConnectorConfig, and Kafka Connect's configuration of sink connectors.
"""

from __future__ import annotations

import difflib

_NO_S3 = "objects are files of the lake, no requests to S3"
_NO_CONVERTER = (
    "a value is written as it was sent, as JsonConverter without schemas does; what is no JSON "
    "is a JSON string of its base64"
)
_NO_SCHEMA = "records have no schema here: none is projected and none cuts an object"
_ONLY_JSON = "objects are JSON lines"
_NO_WORKER = "the sink is no worker of Kafka Connect"
_NO_NULLS = "a null record is a line `null`, so that every offset is in the lake"
_NO_KEYS = "objects hold values alone; keys and headers stay in the log"
_NO_HIVE = "nothing is registered with Hive"
_NO_ERRORS = (
    "no record is an error to the sink: every one is written, load puts aside what is no row"
)

HONOURED = {
    "topics": "the topics that the sink takes, separated by commas",
    "topics.regex": "the topics whose whole name it matches",
    "flush.size": "an object is closed at so many records of its partition, in all folders",
    "rotate.interval.ms": (
        "by time: closed at a record so much later than its first, or of another folder; "
        "Default and Field: closed so long after its first record came"
    ),
    "rotate.schedule.interval.ms": "closed at multiples of it since midnight in `timezone`",
    "rotate.file.on.partition.change": "false: a record of another folder closes nothing",
    "topics.dir": "the folder of all objects, below the lake's root",
    "file.delim": "what stands between topic, partition and offset; no digits",
    "directory.delim": "`/`; any other is refused, since objects lie in folders",
    "filename.offset.zero.pad.width": "digits of the offset in a name, at least",
    "partitioner.class": "Default, Field, TimeBased, Hourly, Daily; any other is refused",
    "partition.field.name": "the fields whose values are folders, separated by commas",
    "partition.field.format.path": "false: a folder is the value without `field=`",
    "partition.duration.ms": "how long a folder of time is",
    "path.format": "the folder of a time, Joda's pattern",
    "locale": "English; any other is refused where the pattern writes words",
    "timezone": "where the clock of folders and of the schedule hangs",
    "timestamp.extractor": "Wallclock, Record, RecordField; any other is refused",
    "timestamp.field": "the field of RecordField: milliseconds, or ISO 8601 (UTC without a zone)",
    "s3.compression.type": "`none` or `gzip` (objects end in .json.gz)",
    "format.class": "JsonFormat; any other is refused, since load reads JSON lines",
    "connector.class": "S3SinkConnector; any other is refused",
    "transforms": "empty; anything else is refused, since records would be other ones",
    "name": "names the connector; the sink has no other name",
}
"""What the sink honours, and how far."""

IGNORED = {
    "tasks.max": "one process writes every topic",
    "storage.class": "objects are files of the lake",
    "store.url": "objects are files of the lake; see the setting `lake`",
    "s3.bucket.name": "objects go to the lake; see the setting `lake`",
    "s3.region": _NO_S3,
    "s3.part.size": "an object is written whole; the setting sink.rotate_bytes bounds it",
    "s3.compression.level": "gzip's own default is taken",
    "s3.object.tagging": _NO_S3,
    "s3.object.behavior.on.tagging.error": _NO_S3,
    "s3.credentials.provider.class": _NO_S3,
    "aws.access.key.id": _NO_S3,
    "aws.secret.access.key": _NO_S3,
    "s3.ssea.name": _NO_S3,
    "s3.sse.key": _NO_S3,
    "s3.sse.customer.key": _NO_S3,
    "s3.sse.kms.key.id": _NO_S3,
    "s3.acl.canned": _NO_S3,
    "s3.wan.mode": _NO_S3,
    "s3.path.style.access.enabled": _NO_S3,
    "s3.part.retries": _NO_S3,
    "s3.retry.backoff.ms": _NO_S3,
    "s3.http.send.expect.continue": _NO_S3,
    "s3.proxy.url": _NO_S3,
    "s3.proxy.user": _NO_S3,
    "s3.proxy.password": _NO_S3,
    "s3.elastic.buffer.enable": _NO_S3,
    "s3.elastic.buffer.init.capacity": _NO_S3,
    "s3.schema.partition.affix.type": _NO_SCHEMA,
    "send.digest": _NO_S3,
    "retry.backoff.ms": "a topic that fails is tried again, at 0.2 s first and 30 s at most",
    "partitioner.max.open.files": "a plan's objects are written one after another",
    "append.late.data": "a late record lies in the folder of its own time",
    "behavior.on.null.values": _NO_NULLS,
    "tombstone.encoded.partition": _NO_NULLS,
    "report.null.records.to.dlq": _NO_NULLS,
    "store.kafka.keys": _NO_KEYS,
    "store.kafka.headers": _NO_KEYS,
    "keys.format.class": _NO_KEYS,
    "headers.format.class": _NO_KEYS,
    "format.bytearray.extension": _ONLY_JSON,
    "format.bytearray.separator": _ONLY_JSON,
    "avro.codec": _ONLY_JSON,
    "parquet.codec": _ONLY_JSON,
    "json.decimal.format": "numbers keep their digits",
    "enhanced.avro.schema.support": _NO_SCHEMA,
    "connect.meta.data": _NO_SCHEMA,
    "allow.optional.map.keys": _NO_SCHEMA,
    "schema.cache.size": _NO_SCHEMA,
    "schemas.cache.config": _NO_SCHEMA,
    "schema.compatibility": _NO_SCHEMA,
    "schema.generator.class": _NO_SCHEMA,
    "key.converter": _NO_KEYS,
    "value.converter": _NO_CONVERTER,
    "header.converter": _NO_KEYS,
    "predicates": "without transforms they do nothing",
    "config.action.reload": _NO_WORKER,
    "max.file.scan.limit": _NO_S3,
    "table.name.format": _NO_HIVE,
    "hive.integration": _NO_HIVE,
    "hive.metastore.uris": _NO_HIVE,
    "hive.database": _NO_HIVE,
    "confluent.license": _NO_WORKER,
    "confluent.topic": _NO_WORKER,
}
"""What the sink does not honour, with the reason."""

FAMILIES = {
    "key.converter.": _NO_KEYS,
    "value.converter.": _NO_CONVERTER,
    "header.converter.": _NO_KEYS,
    "transforms.": "without transforms they do nothing",
    "predicates.": "without transforms they do nothing",
    "errors.": _NO_ERRORS,
    "consumer.override.": "the sink reads the log itself",
    "admin.override.": _NO_WORKER,
    "producer.override.": _NO_WORKER,
    "confluent.topic.": _NO_WORKER,
    "topic.creation.": _NO_WORKER,
    "reporter.": _NO_ERRORS,
    "s3.credentials.provider.": _NO_S3,
    "hive.": _NO_HIVE,
}
"""The same for all keys that begin so."""


def reason_not(key: str) -> str | None:
    """Return why a key is not honoured, or None where it is."""
    if key in HONOURED:
        return None
    if key in IGNORED:
        return IGNORED[key]
    family = next((name for name in FAMILIES if key.startswith(name)), None)
    if family is not None:
        return FAMILIES[family]
    nearest = difflib.get_close_matches(key, [*HONOURED, *IGNORED], n=1)
    return "it is unknown" + (f"; did you mean {nearest[0]}?" if nearest else "")
