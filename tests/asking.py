"""Asking a home in this process, for tests that ask much."""

import io
import json

import pinlake
from pinlake.query.format import write


def ask(home, question, source="clean"):
    """Return the rows that `pinlake query --format json` prints, without a process each."""
    printed = io.StringIO()
    write(pinlake.open(home).ask(question, source=source), "json", printed)
    return json.loads(printed.getvalue())
