"""Rewriting files of a table: the same rows in other files, as one commit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from pinlake.errors import TableBroken
from pinlake.lake import commits
from pinlake.lake.draft import Draft, DraftTable
from pinlake.lake.handle import Handle, handle_of
from pinlake.lake.store import ArrowStream, Lake

OPTIMIZE = "OPTIMIZE"


def replace(
    lake: Lake, table: str, files: Sequence[str], rows: ArrowStream, counts: Mapping[str, int]
) -> int | None:
    """Put ``rows``, the rows of some live files, in those files' place, durably, as OPTIMIZE.

    ``files`` are paths below the table. Returns the commit's version. None, and
    nothing is changed, where one of them is live no more: another process
    rewrote it. Appends that come in between lose nothing: the commit takes the
    version after them. Raises TableBroken, and changes nothing, where the rows
    are not as many as the files' statistics tell.
    """
    handle = handle_of(lake, table)
    with handle.lock:
        head = handle.newest(writing=True)
        if head is None or not handle.live.keys() >= set(files):
            return None
        drafts = DraftTable(lake, table, head.schema)
    try:
        draft = drafts.write(rows, "", 0, counts)
        return _committed(lake, table, handle, draft, files)
    finally:
        drafts.close()


def _committed(
    lake: Lake, table: str, handle: Handle, draft: Draft, files: Sequence[str]
) -> int | None:
    done = None
    try:
        with handle.lock:
            content = _content(table, handle, draft, files)
            while (head := handle.newest()) and handle.live.keys() >= set(files):
                if lake.create(commits.path(table, head.version + 1), content):
                    done = head.version + 1
                    return done
        return None
    finally:
        for file in draft.files if done is None else ():
            lake.delete(file)


def _content(table: str, handle: Handle, draft: Draft, files: Sequence[str]) -> bytes:
    """Turn a draft's actions into those of a commit that changes no row."""
    lines = filter(None, draft.content.split(b"\n"))
    actions: list[dict[str, Any]] = [msgspec.json.decode(each) for each in lines]
    facts = next(each["commitInfo"] for each in actions if "commitInfo" in each)
    added = [each["add"] | {"dataChange": False} for each in actions if "add" in each]
    _check_rows(table, handle, files, added)
    facts = facts | {"operation": OPTIMIZE, "operationParameters": {}}
    # A removal without a time leaves no mark in checkpoints: theirs would grow with every commit.
    removed = [{"path": file, "dataChange": False} for file in files]
    rewritten = [
        {"commitInfo": facts},
        *({"remove": each} for each in removed),
        *({"add": each} for each in added),
    ]
    return b"".join(msgspec.json.encode(each) + b"\n" for each in rewritten)


def _check_rows(
    table: str, handle: Handle, files: Sequence[str], added: Sequence[dict[str, Any]]
) -> None:
    told = [handle.live[file].rows for file in files if file in handle.live]
    found = sum(msgspec.json.decode(each["stats"])["numRecords"] for each in added)
    if len(told) == len(files) and all(told) and sum(told) != found:
        reason = f"its files hold {found} rows, its log tells of {sum(told)}; rebuild it"
        raise TableBroken(table=table, reason=reason)
