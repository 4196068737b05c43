"""Real rows of the Pinterest data set: third-party texts, read where they lie beside the project."""

import json
from pathlib import Path

from requirements_of_tests import require

FOLDER = Path(__file__).parents[2] / "shared" / "data" / "pinterest"
FILES = {"pin": "pinterest_data", "geo": "geolocation_data", "user": "user_data"}


def read():
    """Return the raw rows of each table, in the order in which the classic producer draws them."""
    require(FOLDER.is_dir(), "the real Pinterest rows are not beside the project")
    return {table: _rows(FOLDER / f"{file}.jsonl") for table, file in FILES.items()}


def _rows(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
