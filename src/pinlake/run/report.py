"""``pinlake report``: what a home holds, as one page."""

from __future__ import annotations

import time
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path

from pinlake.dashboard.flow import flow_counts
from pinlake.dashboard.report import Run, write_report
from pinlake.dataset import Dataset
from pinlake.errors import LogUnusable
from pinlake.log.base import LogReader
from pinlake.log.open import reader_of
from pinlake.query.lake import OpenLake
from pinlake.settings import Home


def run_report(home: Home, dataset: Dataset, path: Path, *, began: datetime) -> tuple[str, ...]:
    """Write the report of a home as it is now; return the questions that had no answer.

    A home on a machine without the log (its lake is elsewhere) has a report all the same.
    Raises LogUnreachable where Kafka or Kinesis do not answer.
    """
    started = time.monotonic()
    with ExitStack() as opened:
        flow = flow_counts(home, dataset, _log(home, opened))
        lake = opened.enter_context(OpenLake(home, dataset))
        run = Run("pinlake report", began, time.monotonic() - started)
        return write_report(path, lake=lake, flow=flow, run=run)


def _log(home: Home, opened: ExitStack) -> LogReader | None:
    try:
        return opened.enter_context(closing(reader_of(home)))
    except LogUnusable:
        return None
