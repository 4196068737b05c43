"""What Spark raises, as an error of ours that tells its reason in a line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from pinlake.errors import SparkFailed

OF_WORKER = re.compile(
    r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Failed|Torn|Broken|Foreign|Exchanged|Unfit|Busy)): (.+)$"
)
"""The last line of a traceback that a worker sent."""


@contextmanager
def told() -> Iterator[None]:
    """Raise what pyspark, its client or its Java raises as SparkFailed; all else as it is."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.split(".")[0] in {"pyspark", "py4j", "grpc"}:
            raise SparkFailed(reason=reason(str(error))) from error
        raise


def reason(text: str) -> str:
    """Return the line that tells why: the end of a worker's traceback, or what is said first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    ends = [found for line in lines if (found := OF_WORKER.match(line))]
    if "Traceback" in text and ends:
        return f"{ends[0][1]}: {ends[0][2]}".rstrip(".")
    return lines[0].rstrip(".") if lines else "it does not say why"
