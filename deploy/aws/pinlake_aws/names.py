"""The topics and streams of a data set, read from its dataset.toml."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinlake_aws.errors import SettingInvalid

FILE = "dataset.toml"


@dataclass(frozen=True)
class Names:
    """What the stack makes for one user id."""

    topics: tuple[str, ...]
    streams: tuple[str, ...]


def names_of(folder: Path, user_id: str) -> Names:
    """Return each table's first topic and stream, as ``pinlake serve --user-id`` makes them."""
    file = folder / FILE
    if not file.is_file():
        raise SettingInvalid("dataset", str(folder), f"name a folder that holds {FILE}")
    tables = tomllib.loads(file.read_text())["tables"].values()
    return Names(
        tuple(name.replace("{id}", user_id) for name in _first(tables, "topics")),
        tuple(name.replace("{id}", user_id) for name in _first(tables, "streams")),
    )


def _first(tables: Any, key: str) -> Iterator[str]:
    """Yield the first name of each table; a name may be text, or a list of text and tables."""
    for table in tables:
        declared = table.get(key, [])
        names = [declared] if isinstance(declared, str | dict) else declared
        if names:
            yield names[0] if isinstance(names[0], str) else names[0]["name"]
