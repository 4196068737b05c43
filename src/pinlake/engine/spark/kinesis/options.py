"""The options of the data source ``kinesis``, by the names of Databricks' own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

TUNING = frozenset(
    {
        "shardsPerTask",
        "shardFetchInterval",
        "maxFetchRate",
        "maxFetchDuration",
        "maxRecordsPerFetch",
        "fetchBufferSize",
        "consumerMode",
        "consumerName",
    }
)
"""What tunes Databricks' source and means nothing here: taken, and left alone."""
KNOWN = (
    "streamName",
    "region",
    "initialPosition",
    "awsAccessKey",
    "awsSecretKey",
    "endpointUrl",
    "minFetchPeriod",
    "maxRecordsPerTrigger",
)
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Options(msgspec.Struct, frozen=True):
    """What a reader is told.

    ``start`` is where a shard begins that no checkpoint knows: "" (the oldest record),
    "@" (now) or "@<milliseconds>". ``pause`` is the least seconds between two looks for
    new records, ``most`` how many records of a shard one micro-batch takes.
    """

    streams: tuple[str, ...]
    region: str
    start: str = "@"
    access_key: str = ""
    secret_key: str = ""
    endpoint: str = ""
    pause: float = 0.4
    most: int = 100_000

    def __repr__(self) -> str:
        return f"<Options of {', '.join(self.streams)} in {self.region}>"


def read(given: Mapping[str, str]) -> Options:
    """Return the options that Spark hands over, whose names it gives in small letters.

    Raises ValueError with what to do for one that is missing, unknown or unusable.
    """
    found = dict(given)
    values = {name: found.pop(name.lower(), "") for name in KNOWN}
    unknown = found.keys() - {name.lower() for name in TUNING}
    if unknown:
        raise ValueError(
            f"kinesis: option {', '.join(sorted(unknown))} is not known;"
            f" there are {', '.join(KNOWN)}"
        )
    streams = tuple(filter(None, (name.strip() for name in values["streamName"].split(","))))
    if not streams:
        raise ValueError("kinesis: option streamName is missing: name a stream, or several by ,")
    if bool(values["awsAccessKey"]) != bool(values["awsSecretKey"]):
        raise ValueError("kinesis: awsAccessKey and awsSecretKey go together")
    return Options(
        streams,
        region=values["region"] or _region_of(values["endpointUrl"]),
        start=_start(values["initialPosition"] or "latest"),
        access_key=values["awsAccessKey"],
        secret_key=values["awsSecretKey"],
        endpoint=values["endpointUrl"],
        pause=_seconds(values["minFetchPeriod"] or "400ms"),
        most=_count(values["maxRecordsPerTrigger"] or "100000"),
    )


def _region_of(endpoint: str) -> str:
    """Return a region for an endpoint of one's own, which has none; refuse to guess for AWS."""
    if not endpoint:
        raise ValueError("kinesis: option region is missing, as in us-east-1")
    return "us-east-1"


def _start(position: str) -> str:
    if position.lower() == "latest":
        return "@"
    if position.lower() in {"trim_horizon", "earliest"}:
        return ""
    return f"@{_time(position)}"


def _time(position: str) -> int:
    """Return the milliseconds of {"at_timestamp": "<ISO 8601>"}."""
    wanted = 'latest, trim_horizon, earliest, or {"at_timestamp": "2026-01-31T12:00:00Z"}'
    try:
        found: Any = json.loads(position)
        return round(datetime.fromisoformat(found["at_timestamp"]).timestamp() * 1000)
    except (ValueError, KeyError, TypeError) as error:
        reason = f"kinesis: initialPosition {position!r} is none of {wanted}"
        raise ValueError(reason) from error


def _seconds(period: str) -> float:
    """Return the seconds of a period such as 400ms, 2s or 1m."""
    text = period.strip().lower()
    for unit in ("ms", "s", "m"):
        number = text.removesuffix(unit).strip()
        if text.endswith(unit) and number.replace(".", "", 1).isdecimal():
            return float(number) * UNITS[unit]
    raise ValueError(f"kinesis: minFetchPeriod {period!r} is no period such as 400ms or 2s")


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) == 0:
        raise ValueError(f"kinesis: maxRecordsPerTrigger {text!r} is no positive number")
    return int(text)
