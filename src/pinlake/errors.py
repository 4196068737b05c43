"""The errors a user may meet: what happened, the value, what to do about it."""

from __future__ import annotations

import inspect
from typing import Any


class PinlakeError(Exception):
    """Something that pinlake was asked to do cannot be done.

    A subclass's docstring is its message: the first paragraph is a format
    string over the keyword arguments, so that an error reads the same in the
    documentation and on the screen. The arguments stay attributes.
    """

    def __init__(self, **values: Any) -> None:
        template = inspect.cleandoc(type(self).__doc__ or "").split("\n\n")[0]
        super().__init__(" ".join(template.format(**values).split()))
        self.__dict__.update(values)


class SettingUnknown(PinlakeError):
    """{where}: there is no setting {name!r}; did you mean {nearest!r}?"""


class SettingInvalid(PinlakeError):
    """{where}: {name} = {value!r} is not usable: {reason}."""


class DatasetInvalid(PinlakeError):
    """{path}:{line}: {reason}."""

    path: Any
    line: int
    reason: str


class DatasetUnknown(PinlakeError):
    """There is no data set {name!r}: pass a folder with a dataset.toml, or one of {known}."""


class HomeForeign(PinlakeError):
    """{home} holds the data set {held!r}, not {wanted!r}: one home holds one data set;
    choose another with --home.
    """


class HomeMissing(PinlakeError):
    """There is no pinlake home at {home}: run `pinlake demo`, `pinlake up` or `pinlake serve`
    first, or name another with --home.
    """


class HomeMoved(PinlakeError):
    """{home} was moved: its {name} is {held!r} since, and the settings say {set!r}. Set {name} in
    pinlake.toml, or by {variable}; or run `pinlake move` to move it to where the settings point.
    """


class HomeMoving(PinlakeError):
    """{home} is being moved, and neither place can be used before that is done: run
    `pinlake move` again, which goes on where it stopped.
    """


class MoveRefused(PinlakeError):
    """The home is not moved: {reason}. Nothing was switched."""


class HomeUnusable(PinlakeError):
    """{home} cannot be used as a pinlake home ({reason}): mend it,
    or choose another with --home.
    """


class HomeVersion(PinlakeError):
    """{home} was written in format {found} by pinlake {by}, this one reads format {known} and
    older: use the version that wrote it, or start a new home.
    """


class LibraryMissing(PinlakeError):
    """{feature} needs the library {library}: pip install "pinlake[{extra}]"."""


class LakeFailed(PinlakeError):
    """The lake {url} could not be read or written: {reason}; nothing is lost, what was begun is
    carried out again. `pinlake doctor` looks at how it is reached.
    """


class LakeTaken(PinlakeError):
    """{lake} cannot become a copy of this lake: {reason}; name a place where nothing is yet, or
    move away what is there.
    """


class LakeMoving(PinlakeError):
    """{lake} is not whole: {source} is being moved to it. Run `pinlake move` again, which goes on
    where it stopped, before a stage works on it.
    """


class LakeDiffers(PinlakeError):
    """The copy of the lake is not equal to it: {what} is {found} and should be {expected}; nothing
    was switched. See that nobody else writes to either place, and run `pinlake move` again.
    """


class SparkFailed(PinlakeError):
    """Spark could not do its part: {reason}; nothing is lost, what was begun is carried out again.
    `pinlake doctor` looks at how it is reached.
    """

    reason: str


class CatalogTaken(PinlakeError):
    """{name} is a table at {found} already, and the lake's is at {wanted}: name another schema
    by spark.catalog, or drop the table from the catalog (its files stay where it is external).
    """


class TopicUnknown(PinlakeError):
    """{kind} {name!r} does not exist; create it first or post a record to it."""


class PartitionUnknown(PinlakeError):
    """{kind} {name!r} has no partition {number}."""


class TopicExists(PinlakeError):
    """{kind} {name!r} exists already."""


class LogInUse(PinlakeError):
    """{path} is held by another process: one gateway at a time appends to a log;
    stop the other one, or choose another --home.
    """


class LogUnusable(PinlakeError):
    """{path} is not a pinlake log: {reason}; move it away or choose another --home."""


class LogVersion(LogUnusable):
    """{path} is a log of format {found}, and this pinlake reads formats up to {known}:
    use the version that wrote it, or a newer one; choose another --home to start anew.
    """


class LogFailed(PinlakeError):
    """The log could not store the records: {reason}; nothing was acknowledged, send them again."""

    reason: str


class LogFull(LogFailed):
    """The log is full: {reason}; nothing was acknowledged, send them again later. Records leave
    the log once they are past log.retention_hours and no stage needs them: run the stages,
    make room on the disk, or raise log.max_bytes.
    """


class LogBusy(LogFailed):
    """The log takes no more for now: {reason}; nothing was acknowledged, send them again a little
    later. Its room is queue.buffering.max.kbytes and .messages of [kafka].
    """


class LogUnreachable(LogFailed):
    """Kafka at {servers} does not answer as it should: {reason}; what was not acknowledged may be
    sent again. See whether the brokers run, and whether `topics` and [kafka] are right.
    """


class StreamsUnreachable(LogFailed):
    """Kinesis at {endpoint} does not answer as it should: {reason}; what was not acknowledged may
    be sent again. `pinlake doctor` looks at `streams` and [kinesis].
    """


class StreamsBusy(LogFailed):
    """Kinesis takes no more for now: {reason}; nothing was acknowledged, send it again a little
    later. The room of what waits is kinesis.queue_bytes; the stream's is its shards.
    """


class LogSignInRefused(LogUnreachable):
    """Kafka at {servers} does not let us sign in: {reason}. See to sasl.mechanism, sasl.username
    and sasl.password (PINLAKE_KAFKA_SASL_PASSWORD) of [kafka]; what was not acknowledged may be
    sent again.
    """


class LogUntrusted(LogUnreachable):
    """Kafka at {servers} and we do not trust each other: {reason}. Its certificate has expired, or
    is for another name, or its authority is not in ssl.ca.location of [kafka] (`pinlake doctor`
    tells which); what was not acknowledged may be sent again.
    """


class LogForbidden(LogFailed):
    """Kafka at {servers} forbids this for {what}: {reason}. Grant the user of [kafka] what it needs
    by an ACL: Describe and Write for the gateway (and Create, unless gateway.auto_create_topics
    is false), Describe and Read for the stages; `pinlake doctor` tells which is missing.
    """


class LogCannot(PinlakeError):
    """Kafka cannot {what}: {do}."""


class KinesisCannot(LogCannot):
    """Kinesis cannot {what}: {do}."""


class TopicNotTaken(PinlakeError):
    """Topic {name!r} is not taken here: topics.regex of [kafka] names those that are, and names
    that begin with __ are Kafka's own.
    """


class RecordTooLarge(PinlakeError):
    """A record for {name} is too large for Kafka: {reason}; nothing of its request was
    acknowledged. Send a smaller one, or raise message.max.bytes of [kafka] and of the topic.
    """


class ExtraMissing(PinlakeError):
    """{what} needs a part that is not installed: pip install 'pinlake[{extra}]'."""


class RecordsGone(PinlakeError):
    """{partition} was read up to position {after}, and in the log it begins at {beginning} now:
    {count} records, positions {first} to {last}, are gone unread.
    Bring the log back from a copy, or go on without them: run the stage once by hand
    with --once --accept-loss.
    """

    last: int


class LogNotEmpty(PinlakeError):
    """{partition} is to begin at position {before:,}, and holds records below it: delete the topic
    if nobody needs them, or name a log without it.
    """


class RecordsTrimmed(RecordsGone):
    """{partition} was read up to sequence number {after}, and Kinesis holds that record no more:
    {what}. Its retention ({hours} hours) is over before the stage came back. Raise it there and
    keep the stage running; what is lost is lost. To go on with what is left, rebuild the table, or
    set kinesis.trimmed = "skip" (docs/kinesis-log.md), and back to "stop" afterwards.
    """


class PartitionGone(RecordsGone):
    """The shard {partition} was closed and its retention is over before it was read to its end:
    how many of its records are lost cannot be told. Rebuild the table from what the stream still
    holds (docs/kinesis-log.md), and keep the stage running.
    """


class LogClosed(PinlakeError):
    """The log is closed; start the gateway again and repeat the request."""


class LogExchanged(PinlakeError):
    """{stage} {name} read {partition} of log {planned!r} so far, and this log is {found!r}:
    this lake was fed by another log; choose another --home, or rebuild the lake.
    """


class CheckpointExchanged(LogExchanged):
    """{table} is fed by {planned}, up to number {number}, and this is {found}: it would take
    records twice or leave some out. Go on with what feeds the table; or {do}.
    """


class CheckpointUnfit(PinlakeError):
    """The checkpoint {checkpoint} comes with batch {batch}, and {table} stands after number
    {number}, or has other records under this one: one of the two was rebuilt, or put back from a
    copy, without the other. Put the other back too; or {do}.
    """


class QueryExchanged(LogExchanged):
    """stream {name} is fed by the streaming query {query}, and only its checkpoint tells how far:
    stage stream would take the records again. Go on with the query; or {do}, and run the stage.
    """


class RecordsUnfit(PinlakeError):
    """These are no records of a stream or topic: {found}. A streaming DataFrame of
    format("kinesis") or format("kafka") is wanted, with its own columns.
    """


class StreamForeign(PinlakeError):
    """{table} takes nothing of {kind} {name!r}: give its query the streams or topics that
    dataset.toml names for it.
    """


class LogLost(PinlakeError):
    """There is no log at {url}, and {stage} has read from one: put it back; or, if it is gone for
    good, what no stage had taken is lost with it, and a new log needs a lake of its own (--home).
    """


class WriterBusy(PinlakeError):
    """Another process runs {stage} {name}: one writer a table; stop it, or wait for it."""


class TableMissing(PinlakeError):
    """There is no table {table!r} in {lake} yet; there are: {known}."""


class KeyMissing(PinlakeError):
    """{table} declares no key in dataset.toml, so none of its rows can be named."""


class RulesChanged(PinlakeError):
    """{stage} {name} was stopped in the middle of plan {number}, and the data set has changed
    since: put its folder back as it was, run `pinlake {stage} --once`, then change it.
    """


class TableBroken(PinlakeError):
    """The table {table!r} cannot be read: {reason}."""


class VersionGone(PinlakeError):
    """{table} has no version {version} to read; there are: {kept}. Older ones are let go by the
    settings of [upkeep].
    """


class ColumnsChanged(PinlakeError):
    """{table} holds the columns {found}, the data set declares {wanted}:
    rebuild the table, or give the data set its old columns.
    """


class ColumnsUnfit(ColumnsChanged):
    """{table} cannot follow its data set: {reason}. Give the data set its old columns again;
    or rebuild the table and what is made of it: stop the stage, delete the table's folder, its
    quarantine and its progress, and start the stage.

    A column may be added and a type may become wider; everything else changes what
    the rows that are there mean.
    """


class SqlRefused(PinlakeError):
    """{where}:{line}: {reason}."""

    where: Any
    line: int
    reason: Any


class FreshRefused(PinlakeError):
    """Fresh answers come from the stream tables: {reason}."""


class AsOfRefused(PinlakeError):
    """There is no answer as of {as_of}: {reason}."""


class QuestionUnknown(PinlakeError):
    """There is no question {name!r}; there are: {known}."""


class SourceFailed(PinlakeError):
    """The source {url} could not be read: {reason}."""


class SourceChanged(PinlakeError):
    """{name} is not what it was when its rows were planned: {reason}; give it back as it was
    and put new rows behind the old ones (in a new file, where it is a file), or rebuild the table.
    """


class GatewayUnreachable(PinlakeError):
    """{url} could not be reached: {reason}; is `pinlake serve` running there?"""


class GatewayForbids(PinlakeError):
    """The gateway at {url} does not let this producer in: {reason}. Set post.api_key, or
    PINLAKE_POST_API_KEY; nothing was passed over, the next run goes on here.
    """


class AddressRefused(PinlakeError):
    """{host} is not a loopback address and this gateway has neither keys nor TLS:
    bind 127.0.0.1, or say --insecure if the network is trusted.
    """


class AddressTaken(PinlakeError):
    """{host}:{port} cannot be listened on: {reason}; choose another with --port."""


class SourceTableForeign(PinlakeError):
    """{url} has a table {table!r} that `pinlake sample` did not write, and it stays as it is:
    name another database with --to, or drop the table yourself.
    """


class SampleInvalid(PinlakeError):
    """{path} cannot make rows: {reason}."""


class NothingToPost(PinlakeError):
    """No table of the data set {dataset!r} has topics or streams, so there is nothing to post;
    `pinlake load` reads the tables that have a source.
    """


class ProducerStateUnusable(PinlakeError):
    """{path} does not say how far the producer came ({reason}):
    delete it to post from the first draw again.
    """


class TableExchanged(PinlakeError):
    """{stage} {name} read {table} {planned} so far, and the table there is {found} now:
    it was rebuilt alone; rebuild what follows it too.
    """


class ObjectForeign(PinlakeError):
    """{key} is no object of the sink: its name does not tell topic, partition and offset;
    move it out of the lake's topics/ folder.
    """


class ConnectorUnreadable(PinlakeError):
    """{path} is no connector configuration: {reason};
    give a .properties file, or the JSON that Kafka Connect takes.
    """


class ConnectorInvalid(PinlakeError):
    """{path}: {key} = {value!r} cannot be honoured: {reason}."""


class ObjectsInTheWay(PinlakeError):
    """{topic} partition {partition} has objects that this sink did not write, such as {example}:
    move them out of the lake, or post to another topic; load takes them without a sink.
    """


class PlanTorn(PinlakeError):
    """{path} is no plan any more ({reason}): put a copy of it back, or rebuild the table from
    upstream, without its plans.
    """


class ObjectTorn(PinlakeError):
    """{key} is not what the sink wrote: {reason};
    `pinlake doctor --deep` says how to rebuild it.
    """
