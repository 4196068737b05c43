"""Checks of a lake in S3: reach, rights, conditional writes, and the clock."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

from pinlake.errors import LakeFailed
from pinlake.lake.store import Lake
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient

SLACK_SECONDS = 300.0
"""AWS refuses requests of a clock that is further off than fifteen minutes."""


def lake(patient: Patient) -> Iterator[Finding]:
    """Write, list, read and delete a file where the lake is, and write it a second time."""
    if urlsplit(patient.lake.url).scheme == "file":
        return
    key = f"progress/doctor/{uuid.uuid4().hex}"
    try:
        faults = list(_tried(patient, key))
    except LakeFailed as error:
        do = (
            "see that the settings lake, s3.endpoint, s3.region, s3.path_style and s3.allow_http "
            "are the server's, that AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or AWS_PROFILE) "
            "are set here, and that they may s3:ListBucket, GetObject, PutObject and DeleteObject"
        )
        yield Finding("error", "", str(error), do)
        return
    yield from faults
    if not faults:
        yield Finding("ok", "", f"{patient.lake.url} is read and written, each name once")


def _tried(patient: Patient, key: str) -> Iterator[Finding]:
    lake = patient.lake
    try:
        yield from _written(lake, key)
        ahead = lake.written(key) - patient.now()
    finally:
        lake.delete(key)
    if abs(ahead) > SLACK_SECONDS:
        what = f"the server's clock and this machine's are {abs(ahead):.0f} seconds apart"
        yield Finding("warning", "", what, "set this machine's clock (`timedatectl`)")


def _written(lake: Lake, key: str) -> Iterator[Finding]:
    lake.create(key, b"first")
    if lake.create(key, b"second") or lake.get(key) != b"first":
        what = f"{lake.url} lets a name be written twice: it does not heed If-None-Match"
        do = "no lake is safe there: take a server that enforces conditional writes (docs/s3.md)"
        yield Finding("error", "", what, do)
    if key.rpartition("/")[2] not in lake.children("progress/doctor"):
        do = "no lake is safe there: take a server whose listings are consistent"
        yield Finding("error", "", f"{lake.url} does not list what was just written", do)
