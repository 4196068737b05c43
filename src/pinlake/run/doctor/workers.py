"""Checks of Spark's workers: they need pinlake, and the lake with rights of their own."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pinlake import __version__
from pinlake.engine.spark import failures, files, session
from pinlake.engine.spark.files import Batches, Work
from pinlake.errors import LakeFailed, LibraryMissing, SparkFailed
from pinlake.lake.store import Lake
from pinlake.run.doctor.finding import Finding
from pinlake.run.doctor.patient import Patient

if TYPE_CHECKING:
    import pyarrow as pa

TASKS = 4
"""How many tasks try it: on a cluster they come to several workers, though not to all."""
TOLD = "version string, fault string"


def workers(patient: Patient) -> Iterator[Finding]:
    """Have tasks write, read and delete a file where the lake is, as those of a step would.

    It starts a session, as the stages do. Workers of this machine over a folder are what
    this process is, and are not asked.
    """
    settings = patient.home.settings
    if settings.engine != "spark" or (_is_folder(patient.lake) and not settings.spark.remote):
        return
    try:
        told = _asked(patient)
    except LibraryMissing:  # the check of the engine says so
        return
    except SparkFailed as error:
        do = (
            f"install pinlake {__version__} with its extra spark, on the driver's Python, where "
            "Spark's workers run (docs/spark.md); where it is the session that cannot be had, see "
            "the check engine"
        )
        yield Finding("error", "", f"a task on Spark's workers failed: {error.reason}", do)
        return
    yield from _judged(patient.lake, told)


def _is_folder(lake: Lake) -> bool:
    return urlsplit(lake.url).scheme == "file"


def _asked(patient: Patient) -> list[Any]:
    with closing(session.opened(patient.home.settings.spark)) as opened, failures.told():
        probes = [f"progress/doctor/{uuid.uuid4().hex}" for _ in range(TASKS)]
        keys = files.keys(opened.spark, probes, TASKS)
        return list(keys.mapInArrow(_prober(patient.lake), TOLD).collect())


def _prober(lake: Lake) -> Work:
    """Return what a task does with the keys that it is given; it is sent to the workers."""

    def probe(batches: Batches) -> Iterator[pa.RecordBatch]:
        from pinlake import __version__ as here

        for key in (key for batch in batches for key in batch.column(0).to_pylist()):
            yield files.lines_of(TOLD, [{"version": here, "fault": _fault(lake, key)}])

    return probe


def _fault(lake: Lake, key: str) -> str | None:
    try:
        lake.create(key, b"a worker")
        lake.get(key)
        lake.delete(key)
    except (LakeFailed, OSError) as error:
        return str(error)
    return None


def _judged(lake: Lake, told: list[Any]) -> Iterator[Finding]:
    faults = sorted({each["fault"] for each in told if each["fault"]})
    others = sorted({each["version"] for each in told} - {__version__})
    if faults:
        do = (
            "give the workers a way to the lake and credentials of their own: their environment, "
            "a profile or a role; the driver's are not sent to them"
        )
        yield Finding("error", "", f"from Spark's workers: {faults[0]}", do)
    if others:
        what = f"Spark's workers have pinlake {', '.join(others)}, this is {__version__}"
        yield Finding("error", "", what, f"install pinlake {__version__} where they run")
    if not faults and not others:
        yield Finding("ok", "", f"Spark's workers have pinlake {__version__} and write {lake.url}")
