"""``pinlake quality``: a data set's expectations, held against its tables as they are now."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from pinlake.dataset import Dataset
from pinlake.declaration import FILE
from pinlake.errors import TableMissing
from pinlake.lake.open import open_lake
from pinlake.query.lake import OpenLake, Source
from pinlake.query.quality import Finding, findings
from pinlake.run.present import Presenter
from pinlake.settings import Home
from pinlake.table import Table


class Summary(msgspec.Struct):
    """How many expectations are met, how many are not and warn or fail; tables not made yet."""

    met: int = 0
    warned: int = 0
    failed: int = 0
    missing: int = 0

    def __str__(self) -> str:
        """Return it for people."""
        text = f"expectations: {self.met} met, {self.warned} warn, {self.failed} fail"
        return f"{text}; tables that are missing: {self.missing}" if self.missing else text


def run_quality(
    home: Home, dataset: Dataset, table: str | None, source: Source, *, json: bool
) -> bool:
    """Print how each expectation is met, and a summary; tell whether none with ``fail`` is unmet.

    A table that is not made yet is told; one that is named by ``table`` is
    TableMissing then, or where the data set has none such. Raises SqlRefused.
    """
    presenter, summary = Presenter(json=json), Summary()
    tables = [each for each in _chosen(home, dataset, table) if each.expectations]
    if not tables:
        _tell_how(presenter, dataset, table)
        return True
    with OpenLake(home, dataset) as lake:
        for each in tables:
            try:
                _tell(presenter, summary, findings(lake, each, source))
            except TableMissing:
                if table is not None:
                    raise
                _tell_missing(presenter, summary, f"{source}/{each.name}")
    presenter.report(summary)
    return not summary.failed


def _chosen(home: Home, dataset: Dataset, name: str | None) -> Collection[Table]:
    if name is None:
        return dataset.tables.values()
    if name not in dataset.tables:
        known = ", ".join(dataset.tables)
        raise TableMissing(table=name, lake=open_lake(home).url, known=known)
    return [dataset.tables[name]]


def _tell_how(presenter: Presenter, dataset: Dataset, name: str | None) -> None:
    """Say that nothing is expected, and what to write."""
    table = dataset.tables[name or next(iter(dataset.tables))]
    example = (
        f'[tables.{table.name}.expectations]\n{table.key}_is_there = "{table.key} IS NOT NULL"'
    )
    text = f"{name or dataset.name} has no expectations; write them into {dataset.path / FILE}:"
    presenter.say(f"{text}\n\n{example}", expectations=0, write=example)


def _tell_missing(presenter: Presenter, summary: Summary, table: str) -> None:
    summary.missing += 1
    presenter.say(f"missing {table}: it is not there yet", table=table, missing=True)


def _tell(presenter: Presenter, summary: Summary, found: Iterable[Finding]) -> None:
    for finding in found:
        outcome = finding.action if finding.failed else "met"
        summary.met += outcome == "met"
        summary.warned += outcome == "warn"
        summary.failed += outcome == "fail"
        fields = {"outcome": outcome, "percent": finding.percent}
        presenter.say(_text(outcome, finding), **fields, **msgspec.structs.asdict(finding))


def _text(outcome: str, finding: Finding) -> str:
    """Return a finding for people."""
    text = f"{outcome:8}{finding.table} {finding.expectation}: "
    if not finding.failed:
        return f"{text}{finding.rows:,} rows"
    text += f"{finding.failed:,} of {finding.rows:,} rows do not meet it ({finding.percent:.3g} %)"
    examples = ", ".join(map(str, finding.examples))
    return f"{text}, such as {finding.key} {examples}" if examples else text
