"""What a campaign came to, for people."""

from collections import Counter


def lines(seed, lives, traffic, verdict, seconds):
    """Yield the report's lines."""
    deaths = lives.deaths
    points = Counter(death.point for death in deaths)
    left = Counter(state for death in deaths for state in death.left)
    yield f"seed {seed}: {len(deaths)} kills in {seconds:.0f} s, {len(points)} distinct crash points"
    yield f"  {sum(1 for death in deaths if death.boundary)} at a call to the disk, the rest at random"
    for service, count in sorted(Counter(death.service for death in deaths).items()):
        distinct = len({death.point for death in deaths if death.service == service})
        yield f"  {service:7} {count:4} kills at {distinct:3} points"
    yield f"clients: {traffic.acknowledged:,} records acknowledged, {traffic.retries:,} retries"
    yield "\nchecked"
    for name, count in sorted(verdict.counts.items()):
        yield f"  {count:9,} {name}"
    yield "\nleft on the disk by a kill"
    for state, count in left.most_common():
        yield f"  {count:4} {state}"
    yield "\ncrash points"
    for (service, where), count in sorted(points.items()):
        yield f"  {count:4} {service:7} {where}"
    yield f"\nboundaries that were not met in their life: {len(lives.missed)}"
    for (service, rule), count in sorted(Counter(lives.missed).items()):
        yield f"  {count:4} {service:7} {rule}"
    faults = [*verdict.faults, *lives.faults, *map(str, traffic.refused)]
    yield f"\n{len(faults)} faults"
    yield from (f"  {fault}" for fault in faults)
