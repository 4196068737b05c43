"""What a month costs, part by part, at rest; and what comes on top by use."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pinlake_aws.size import SIZES, Size

PRICES = Path(__file__).parent / "prices.toml"
HOURS = 730  # of a month, as AWS counts
AIRFLOW_GIB = 10  # of its own database


@dataclass(frozen=True)
class Line:
    """So many of something that has a price."""

    part: str
    what: str
    count: float
    usd: float  # a month, all of them


def estimate(size: Size, *, streams: int, alarms: int, source: bool) -> list[Line]:
    """Return what a stack costs a month while nothing happens."""
    table = _table()["prices"]
    return [
        Line(part, what, count, count * _monthly(table[what]))
        for part, what, count in _counted(size, streams, alarms, source=source)
    ]


def by_part(lines: list[Line]) -> dict[str, float]:
    """Return the sum of each part, in the order of the parts."""
    parts = dict.fromkeys((line.part for line in lines), 0.0)
    for line in lines:
        parts[line.part] += line.usd
    return parts


def told(size: Size, lines: list[Line]) -> str:
    """Return an estimate as people read it when they synthesise."""
    table = _table()
    rows = [f"  {part:<12}{usd:>10,.2f}" for part, usd in by_part(lines).items()]
    total = sum(line.usd for line in lines)
    head = f"A month of size {size.name} at rest, USD ({table['region']}, {table['date']}):"
    return "\n".join([head, *rows, f"  {'in all':<12}{total:>10,.2f}", f"  {table['note']}"])


def documented(streams: int, alarms: dict[str, int]) -> str:
    """Return the tables of docs/aws.md: both sizes by part, each price, and what comes by use."""
    table = _table()
    estimates = {
        size.name: estimate(size, streams=streams, alarms=alarms[size.name], source=True)
        for size in SIZES.values()
    }
    return "\n".join(
        (
            f"USD a month in {table['region']}, {table['date']}. {table['note']}",
            "",
            *_parts(estimates),
            "",
            *_lines(estimates),
            "",
            "| on top | USD |",
            "|---|---|",
            *(
                f"| {what} | [{each['usd']}]({_page(each)}) |"
                for what, each in table["use"].items()
            ),
        )
    )


def _parts(estimates: dict[str, list[Line]]) -> Iterator[str]:
    sums = {name: by_part(lines) for name, lines in estimates.items()}
    yield f"| part | {' | '.join(sums)} |"
    yield f"|---|{'---|' * len(sums)}"
    for part in next(iter(sums.values())):
        yield f"| {part} | {' | '.join(f'{each.get(part, 0):,.2f}' for each in sums.values())} |"
    yield f"| in all | {' | '.join(f'{sum(each.values()):,.2f}' for each in sums.values())} |"


def _lines(estimates: dict[str, list[Line]]) -> Iterator[str]:
    table = _table()["prices"]
    yield "| part | what | price | " + " | ".join(estimates) + " |"
    yield "|---|---|---|" + "---|" * len(estimates)
    counts = {
        name: {(line.part, line.what): line.count for line in lines}
        for name, lines in estimates.items()
    }
    keys = dict.fromkeys(key for each in counts.values() for key in each)
    parts = list(dict.fromkeys(part for part, _ in keys))
    for part, what in sorted(keys, key=lambda key: parts.index(key[0])):
        price = table[what]
        shown = " | ".join(f"{each.get((part, what), 0):g}" for each in counts.values())
        yield f"| {part} | {what} | [{_asked(price)}]({_page(price)}) | {shown} |"


def _counted(
    size: Size, streams: int, alarms: int, *, source: bool
) -> Iterator[tuple[str, str, float]]:
    yield "network", "nat_gateway", size.nat_gateways
    yield "network", "public_address", size.nat_gateways
    if size.interface_endpoints:
        yield "network", "interface", len(size.interface_endpoints) * size.zones
    yield "topics", size.broker, size.brokers
    yield "topics", "kafka_gib", size.brokers * size.broker_gib
    yield "connect", "connect_unit", size.connect_workers
    yield "gateway", "vcpu", size.gateway_tasks * size.gateway_cpu / 1024
    yield "gateway", "memory_gib", size.gateway_tasks * size.gateway_mib / 1024
    yield "gateway", "balancer", 1
    yield (
        "streams",
        *(("stream", streams) if size.shards is None else ("shard", streams * size.shards)),
    )
    yield "airflow", size.airflow, 1
    yield "airflow", "airflow_gib", AIRFLOW_GIB
    if source:
        instances = 2 if size.source_spare else 1
        yield "source", size.source, instances
        yield "source", "source_gib", size.source_gib * instances
        yield "source", "secret", 1
    yield "watch", "alarm", alarms
    yield "watch", "key", 1


def _monthly(price: dict[str, Any]) -> float:
    return float(price["usd"]) * (HOURS if price["unit"] == "hour" else 1)


def _asked(price: dict[str, Any]) -> str:
    """Return a price as people say it; what nobody could look up is a guess."""
    every = "an hour" if price["unit"] == "hour" else "a month"
    return f"{price['usd']} {every}" + (", a guess" if price.get("guess") else "")


def _page(price: dict[str, Any]) -> str:
    return str(_table()["pages"][price["page"]])


def _table() -> dict[str, Any]:
    return tomllib.loads(PRICES.read_text())
