"""What a doctor finds: how bad it is, what it is, and what to do about it."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec

from pinlake.lake.open import open_lake
from pinlake.settings import Home

Severity = Literal["ok", "warning", "error"]


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at. ``do`` is empty where nothing is to be done."""

    severity: Severity
    check: str
    what: str
    do: str = ""

    def __str__(self) -> str:
        """Return it for people, what to do on lines of its own."""
        lines = [f"{self.severity:8}{self.check}: {self.what}"]
        return "\n".join([*lines, *(f"        {line}" for line in self.do.splitlines())])


def rebuild_raw(home: Home, table: str) -> str:
    """Say how to make a raw table again from the objects, with what follows from it."""
    made = [f"raw/{table}", f"quarantine/load/{table}", f"progress/load/{table}"]
    steps = [_remove(home, [*made, *_clean(table)]), _run(home, "load", table)]
    return _steps(home, [*steps, _run(home, "clean", table)])


def rebuild_clean(home: Home, table: str) -> str:
    """Say how to make a clean table again from the raw one."""
    return _steps(home, [_remove(home, _clean(table)), _run(home, "clean", table)])


def rebuild_stream(home: Home, table: str) -> str:
    """Say how to make a stream table again from what the log still holds."""
    made = [f"stream/{table}", f"quarantine/stream/{table}", f"progress/stream/{table}"]
    return _steps(home, [_remove(home, made), _run(home, "stream")])


def rebuild_objects(home: Home, topic: str, roots: Iterable[str], table: str) -> str:
    """Say how to make a topic's objects again from the log, with what follows from them."""
    made = [f"{root}/{topic}" for root in roots]
    made += [f"offsets/{each}" for each in made] + [f"progress/sink/{topic}"]
    return "\n".join(
        [
            _steps(home, [_remove(home, made), _run(home, "sink")]),
            "and then, since objects may begin elsewhere:",
            rebuild_raw(home, table),
        ]
    )


def _clean(table: str) -> list[str]:
    return [f"clean/{table}", f"quarantine/clean/{table}", f"progress/clean/{table}"]


def _steps(_home: Home, steps: Iterable[str]) -> str:
    return "\n".join(["stop `pinlake up` and the stages, then:", *(f"  {each}" for each in steps)])


def _remove(home: Home, keys: Iterable[str]) -> str:
    lake = open_lake(home)
    if urlsplit(lake.url).scheme == "file":
        return "rm -rf " + " ".join(shlex.quote(str(lake.path(key))) for key in keys)
    endpoint = home.settings.s3.endpoint
    command = [
        "aws",
        "s3",
        "rm",
        "--recursive",
        *(["--endpoint-url", endpoint] if endpoint else []),
    ]
    return "\n  ".join(shlex.join([*command, lake.table_url(f"{key}/")]) for key in keys)


def _run(home: Home, stage: str, table: str = "") -> str:
    words = ["pinlake", stage, *([table] if table else []), "--once", "--home", str(home.path)]
    return shlex.join(words)


def command(home: Path, *words: str) -> str:
    """Return a command of ours on a home as one would type it."""
    return f"`{shlex.join(['pinlake', *words, '--home', str(home)])}`"
