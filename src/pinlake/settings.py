"""Every setting, in one place: defaults, then pinlake.toml, then the environment."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from pinlake.errors import SettingInvalid, SettingUnknown

FILE = "pinlake.toml"
PREFIX = "PINLAKE_"
KAFKA = "kafka://"
KINESIS = "kinesis://"

Count = Annotated[int, Meta(ge=1)]
Milliseconds = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(gt=0)]
Hours = Annotated[float, Meta(ge=0)]


class Gateway(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[gateway]``: where it listens and what it takes."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65535)] = 8082
    """Kafka REST's own port; 0 takes a free one."""
    max_body_bytes: Count = 10 * 1024 * 1024
    auto_create_topics: bool = True
    auto_create_streams: bool = True


class Post(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[post]``: how the producer is let in."""

    api_key: str = ""
    """Sent as ``x-api-key``, which API Gateway asks for; empty: none is sent."""


class Log(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[log]``: how long the embedded log keeps records, and how large it may be. 0: no limit."""

    retention_hours: Hours = 168.0
    stream_retention_hours: Hours = 24.0
    retention_bytes: Annotated[int, Meta(ge=0)] = 0
    """Of values and keys, for each partition."""
    max_bytes: Annotated[int, Meta(ge=0)] = 0
    """Of ``log.db``; what does not fit is answered with 503."""
    min_free_bytes: Annotated[int, Meta(ge=0)] = 64 * 1024 * 1024
    """Of the disk, left for the stages; at most a tenth of it."""
    segment_bytes: Count = 8 * 1024 * 1024
    segment_seconds: Seconds = 600.0
    """Records are forgotten by segments of a partition, none larger or longer than these."""
    trim_seconds: Seconds = 1.0


class Kinesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[kinesis]``: how our Kinesis API behaves, and how a real Kinesis is reached.

    From ``endpoint`` on for ``streams = "kinesis://<region>"``. Without keys the
    credentials are those that boto3 finds.
    """

    account_id: Annotated[str, Meta(pattern=r"^\d{12}$")] = "123456789012"
    region: str = "us-east-1"
    create_ms: Milliseconds = 500
    shard_limit: Count = 500
    limits: Literal["classic", "current"] = "classic"
    enforce_limits: bool = False
    endpoint: str = ""
    """Of a server that is not AWS: ``http://host:port``."""
    access_key: str = ""
    secret_key: str = ""
    session_token: str = ""
    only: str = ""
    """Patterns with commas between them of the streams that are read, ``pins-*``; empty: all."""
    fetch_seconds: Annotated[float, Meta(ge=0)] = 0.2
    """The least time between two GetRecords of a shard: Kinesis allows five a second."""
    buffer_bytes: Count = 96 * 1024 * 1024
    """What a process holds of fetched records, so that each is fetched once."""
    put_seconds: Seconds = 10.0
    """For how long a record is put again that Kinesis did not take."""
    queue_bytes: Count = 64 * 1024 * 1024
    """What may wait for Kinesis; what is over is refused."""
    trimmed: Literal["stop", "skip"] = "stop"
    """What stage stream does where Kinesis trimmed the record it stood at."""


class Sink(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[sink]``: when an object is closed, by Kafka Connect's rules."""

    flush_size: Count = 10_000
    rotate_seconds: Seconds = 10.0
    rotate_bytes: Count = 64 * 1024 * 1024
    connector: str = ""
    """A file with an S3 sink connector's properties, relative to pinlake.toml's folder."""


class Batch(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[batch]``: the pace of load and clean, and how much one plan takes."""

    every_seconds: Seconds = 60.0
    plan_bytes: Count = 256 * 1024 * 1024


class Stream(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[stream]``: the pace of the streaming stage, and how much one plan takes."""

    trigger_ms: Milliseconds = 500
    plan_bytes: Count = 64 * 1024 * 1024
    topics: bool = False
    """Stream the claimed topics too, not the streams alone."""


class Spark(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[spark]``: where ``engine = "spark"`` runs. A session that is active already is taken."""

    master: str = "local[2]"
    remote: str = ""
    """A Spark Connect address, ``sc://host:15002``, in place of a master."""
    packages: str = "io.delta:delta-spark_2.13:4.0.0"
    """Maven coordinates that a session of our own fetches; empty where the jars are there."""
    ivy: str = ""
    """The folder that they are kept in; empty: Spark's own."""
    catalog: str = ""
    """Where Spark's SQL finds the tables: by path (empty), in a schema of Unity Catalog
    (``main.pinlake``), or below a mount of an old workspace (``/mnt/pinlake``).
    """


class Upkeep(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[upkeep]``: when small files become large ones, and how long old versions stay."""

    compact_after_commits: Annotated[int, Meta(ge=2)] = 100
    target_bytes: Count = 128 * 1024 * 1024
    retention_hours: Annotated[float, Meta(ge=0)] = 168.0
    versions: Count = 10_000
    """So many newest versions all stay; of older ones one an hour."""
    grace_hours: Annotated[float, Meta(ge=0)] = 1.0
    """Versions so young all stay, however many there are."""


class S3(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[s3]``: how a lake at ``s3://`` is reached. Credentials are AWS's own affair."""

    endpoint: str = ""
    """Of a server that is not AWS: ``https://host:port``."""
    region: str = ""
    """Empty: AWS_REGION, the profile's, or us-east-1."""
    path_style: bool = False
    """The bucket is in the path, not in the host's name."""
    allow_http: bool = False
    cache_bytes: Count = 4 * 1024**3
    """How many bytes of the lake's Parquet files stay as copies in the home."""


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a user may set; the rest follows from the home.

    An empty ``topics``, ``streams``, ``lake`` or ``source`` means the embedded
    default under the home.
    """

    dataset: str = ""
    topics: str = ""
    streams: str = ""
    lake: str = ""
    source: str = ""
    engine: Literal["duckdb", "spark"] = "duckdb"
    log_level: Literal["debug", "info", "warning", "error"] = "warning"
    gateway: Gateway = Gateway()
    post: Post = Post()
    log: Log = Log()
    kinesis: Kinesis = Kinesis()
    sink: Sink = Sink()
    batch: Batch = Batch()
    stream: Stream = Stream()
    spark: Spark = Spark()
    upkeep: Upkeep = Upkeep()
    s3: S3 = S3()
    kafka: dict[str, str] = {}
    """``[kafka]``: librdkafka's own settings by their own names, for ``topics = "kafka://…"``."""


class Places(msgspec.Struct, frozen=True):
    """Where logs and lake are, as the settings of these names say it; empty: the home's own."""

    topics: str = ""
    streams: str = ""
    lake: str = ""


class Home(msgspec.Struct, frozen=True):
    """The folder that holds everything of one pipeline, and the settings for it."""

    path: Path
    settings: Settings = Settings()

    def with_connector(self, path: Path) -> Home:
        """Return the home with another connector configuration for its sink."""
        sink = msgspec.structs.replace(self.settings.sink, connector=str(path.absolute()))
        return Home(self.path, msgspec.structs.replace(self.settings, sink=sink))

    @property
    def places(self) -> Places:
        """Where its logs and its lake are."""
        return Places(self.settings.topics, self.settings.streams, self.settings.lake)

    def at(self, places: Places) -> Home:
        """Return the home with its logs and lake elsewhere; raise SettingInvalid."""
        moved = msgspec.structs.replace(self.settings, **msgspec.structs.asdict(places))
        home = Home(self.path, moved)
        _check_streams(home)
        return home

    @property
    def log_url(self) -> str:
        """The embedded log, by default of topics and streams: ``sqlite:///<home>/log.db``."""
        named = (self.settings.streams, self.settings.topics)
        here = [each for each in named if each and not each.startswith((KAFKA, KINESIS))]
        return here[0] if here else f"sqlite:///{self.path / 'log.db'}"

    @property
    def topics_url(self) -> str:
        """The log of topics: ``kafka://host:9092``, or the embedded one."""
        return self.settings.topics or self.log_url

    @property
    def streams_url(self) -> str:
        """The log of streams: ``kinesis://us-east-1``, or the embedded one."""
        return self.settings.streams or self.log_url

    @property
    def has_embedded_log(self) -> bool:
        """Whether topics or streams are in the embedded log."""
        return self.log_url in {self.topics_url, self.streams_url}

    @property
    def lake_url(self) -> str:
        """The lake's root: ``file:///<home>/lake``, or ``s3://<bucket>/<prefix>``."""
        return self.settings.lake or (self.path / "lake").as_uri()

    @property
    def source_url(self) -> str:
        """The source database, an SQLAlchemy URL: ``sqlite:///<home>/source.db``."""
        return self.settings.source or f"sqlite:///{self.path / 'source.db'}"

    @property
    def producer_path(self) -> Path:
        """Where producers keep how far they came."""
        return self.path / "producer"

    @property
    def report_path(self) -> Path:
        """The demo's report."""
        return self.path / "report.html"


def read(
    home: Path | None = None,
    *,
    environment: Mapping[str, str] = os.environ,
    folder: Path | None = None,
) -> Home:
    """Return the home and its settings: ``pinlake.toml`` in ``folder``, then ``PINLAKE_*``.

    ``home`` None takes PINLAKE_HOME or ``.pinlake``. Raises SettingUnknown (with
    the nearest name) and SettingInvalid.
    """
    folder = folder or Path.cwd()
    path = home or Path(environment.get(PREFIX + "HOME", ".pinlake"))
    values = _from_file(folder / FILE)
    _merge_environment(values, environment)
    found = Home((folder / path).absolute(), _anchored(_convert(values), folder))
    _check_streams(found)
    _check_catalog(found.settings.spark.catalog)
    return found


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Return the settings with the connector's file as it is called from everywhere."""
    if not settings.sink.connector:
        return settings
    path = str((folder / settings.sink.connector).absolute())
    sink = msgspec.structs.replace(settings.sink, connector=path)
    return msgspec.structs.replace(settings, sink=sink)


def _check_streams(home: Home) -> None:
    """Refuse a second embedded log, streams in Kafka and topics in Kinesis."""
    streams, topics = home.settings.streams, home.settings.topics
    if topics.startswith(KINESIS):
        reason = "Kinesis takes streams alone: set `streams`"
        raise SettingInvalid(where="settings", name="topics", value=topics, reason=reason)
    if not streams or streams.startswith(KINESIS):
        return
    if streams.startswith(KAFKA) or not topics.startswith((KAFKA, streams)):
        reason = (
            "topics and streams are in one embedded log, or topics in Kafka, or streams in Kinesis "
            f"({KINESIS}<region>); leave it empty"
        )
        raise SettingInvalid(where="settings", name="streams", value=streams, reason=reason)


def _check_catalog(catalog: str) -> None:
    """Refuse what is none of the three forms."""
    if not re.fullmatch(r"|(\w[\w-]*\.){0,1}\w[\w-]*|(/[\w.-]+)+", catalog):
        reason = (
            "say nothing for tables by path, <catalog>.<schema> for Unity Catalog, such as "
            "main.pinlake, or a mount, such as /mnt/pinlake"
        )
        raise SettingInvalid(where="settings", name="spark.catalog", value=catalog, reason=reason)


def variables() -> dict[str, tuple[type, Any]]:
    """Return each setting by its dotted name with its type and default."""
    return dict(_leaves(Settings, ""))


def environment_name(name: str) -> str:
    """Return the variable that sets a setting: ``sink.flush_size`` is PINLAKE_SINK_FLUSH_SIZE."""
    return PREFIX + name.replace(".", "_").upper()


def _leaves(struct: type[msgspec.Struct], prefix: str) -> list[tuple[str, tuple[Any, Any]]]:
    found: list[tuple[str, tuple[Any, Any]]] = []
    hints = typing.get_type_hints(struct, include_extras=True)
    for field in msgspec.structs.fields(struct):
        kind = hints[field.name]
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            found += _leaves(kind, f"{prefix}{field.name}.")
        else:
            found.append((prefix + field.name, (kind, field.default)))
    return found


def _from_file(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {}
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingInvalid(where=path, name="file", value=path.name, reason=error) from error
    known = variables()
    kafka = values.pop("kafka", {})
    for name in _dotted(values):
        if name not in known:
            _unknown(str(path), name, list(known))
    if not isinstance(kafka, dict):
        reason = "it is a table of librdkafka's settings"
        raise SettingInvalid(where=path, name="kafka", value="***", reason=reason)
    return values | {"kafka": {name: _text(kafka, name) for name in _dotted(kafka)}}


def _text(table: Mapping[str, Any], name: str) -> str:
    """Return a setting of ``[kafka]`` as text, whether its name was quoted or not."""
    found: Any = table
    for part in [name] if name in table else name.split("."):
        found = found[part]
    return str(found).lower() if isinstance(found, bool) else str(found)


def _dotted(values: Mapping[str, Any], prefix: str = "") -> list[str]:
    names: list[str] = []
    for key, value in values.items():
        names += _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else [prefix + key]
    return names


def _merge_environment(values: dict[str, Any], environment: Mapping[str, str]) -> None:
    known = {environment_name(name): name for name in variables() if name != "kafka"}
    for variable, text in environment.items():
        if not variable.startswith(PREFIX) or variable in RESERVED:
            continue
        if variable.startswith(PREFIX + "KAFKA_"):
            option = variable.removeprefix(PREFIX + "KAFKA_").lower().replace("_", ".")
            values.setdefault("kafka", {})[option] = text
            continue
        if variable not in known:
            _unknown("environment", variable, list(known))
        *sections, leaf = known[variable].split(".")
        at = values
        for section in sections:
            at = at.setdefault(section, {})
        at[leaf] = text


RESERVED = frozenset(
    PREFIX + name for name in ("HOME", "PARENT", "REQUIRE_ALL", "WRITE_SCREENSHOT")
)
"""Variables that are no setting: the home, a supervisor's process id, switches of the tests."""


def _convert(values: dict[str, Any]) -> Settings:
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        reason, _, where = str(error).partition(" - at `$.")
        name = where.rstrip("`")
        value: Any = values
        for part in name.split("."):
            value = value.get(part, "") if isinstance(value, Mapping) else ""
        shown = "***" if name in SECRETS else value
        raise SettingInvalid(where="settings", name=name, value=shown, reason=reason) from error


SECRETS = frozenset(
    {"kinesis.access_key", "kinesis.secret_key", "kinesis.session_token", "post.api_key"}
)
"""Settings whose values are never shown."""


def _unknown(where: str, name: str, known: list[str]) -> typing.NoReturn:
    nearest = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
    raise SettingUnknown(where=where, name=name, nearest=nearest[0])


__all__ = [
    "S3",
    "Batch",
    "Gateway",
    "Home",
    "Kinesis",
    "Log",
    "Places",
    "Post",
    "Settings",
    "Sink",
    "Spark",
    "Stream",
    "Upkeep",
    "read",
    "variables",
]
