"""The checker: every promise about acknowledged records, from the disk and the clients' notes."""

import json
from collections import Counter, defaultdict
from itertools import pairwise

import polars as pl

from harness.campaign import evidence, expected
from harness.campaign.traffic import FREE_STREAM, FREE_TOPIC
from harness.campaign.values import TABLES

SHOWN = 5


class Verdict:
    """What was checked, in numbers, and every fault found."""

    def __init__(self):
        self.faults, self.counts = [], Counter()

    def wrong(self, what, examples=None):
        """Note a fault; of many examples some are shown. None of them: nothing is wrong."""
        if examples is None:
            self.faults.append(what)
        elif examples:
            shown = ", ".join(map(str, list(examples)[:SHOWN]))
            self.faults.append(f"{what}: {len(examples)}, such as {shown}")


class Guess:
    """What nobody can know: values that the log has forgotten and that were never acknowledged.

    ``unknown`` are their positions, ``possible`` the rows that they may have
    given, for each key of a table: those of requests that were sent again.
    """

    def __init__(self, unknown, possible):
        self.unknown = {place: positions for place, positions in unknown.items() if positions}
        self.possible = possible if self.unknown else {}

    def allows(self, table, key, row):
        return row in self.possible.get((table, key), ())

    def is_of(self, kind, place):
        return place[2] in self.unknown.get((kind, *place[:2]), ())


NOTHING = Guess({}, {})


def check(home, ledger):
    """Return the verdict on a home whose services have stopped with nothing left to do."""
    verdict, lake = Verdict(), home / "lake"
    stored = evidence.log(home)
    truth = _truth(verdict, stored, ledger, evidence.objects(lake))
    unknown = {place: _unknown(stored[place], records) for place, records in truth.items()}
    possible = expected.rows_by_key(evidence.ledger(ledger))
    tables = evidence.tables(lake)
    _check_objects(verdict, truth, stored, evidence.objects(lake))
    _check_deltas(verdict, tables)
    _check_plans(verdict, evidence.plans(lake))
    frames = {key: table.rows() for key, table in tables.items()}
    _check_batch(verdict, expected.of_tables(truth, "topic"), frames)
    guess = Guess(unknown, possible)
    _check_stream(verdict, expected.of_tables(truth, "stream"), frames, tables, guess)
    _check_free(verdict, truth, frames, guess)
    for key, table in tables.items():
        verdict.wrong(f"{key} is broken", table.faults)
    verdict.counts["drafts left over"] = sum(
        1 for pattern in (".draft~*", "_draft-*") for _ in lake.rglob(pattern)
    )
    return verdict


def _truth(verdict, stored, ledger, objects):
    """Return {(kind, name, partition): {position: (value, key)}} of all that the log has taken.

    What it has forgotten since comes from the acknowledgements, and from the
    objects where nobody was told of it.
    """
    truth = {place: _records(each) for place, each in stored.items()}
    acknowledged, tokens = {}, Counter()
    for request in evidence.ledger(ledger):
        verdict.counts["requests"] += 1
        verdict.counts["sent more than once"] += request["tries"] > 1
        _take(verdict, request, truth, acknowledged)
    verdict.counts["acknowledged"] = len(acknowledged)
    for (topic, partition), files in objects.items():
        _fill(truth["topic", topic, partition], files, stored["topic", topic, partition])
    for place, records in truth.items():
        verdict.counts["records in the log"] += stored[place].end
        missing = stored[place].end - len(records)
        verdict.counts["forgotten and never acknowledged"] += missing
        tokens.update(value for value, _ in records.values())
    verdict.counts["not acknowledged, yet stored"] = verdict.counts["records in the log"] - len(
        acknowledged
    )
    return truth


def _unknown(stored, records):
    return set(range(stored.end)) - set(records) if len(records) != stored.end else set()


def _records(stored):
    return {at: (value, stored.keys.get(at)) for at, value in stored.values.items()}


def _take(verdict, request, truth, acknowledged):
    """Hold a request's acknowledged places against the log, and note those it has forgotten."""
    keys = request["keys"] or [None] * len(request["values"])
    for (partition, position), value, key in zip(
        request["at"] or (), request["values"], keys, strict=False
    ):
        place = (request["kind"], request["name"], partition)
        if (*place, position) in acknowledged:
            verdict.wrong(f"{place} {position} was acknowledged twice")
        acknowledged[*place, position] = value
        entry = (value, key.encode() if key is not None else None)
        found = truth.get(place, {}).get(position)
        if found is None:
            truth.setdefault(place, {})[position] = entry
            verdict.counts["acknowledged and since forgotten"] += 1
        elif found != entry:
            verdict.wrong(f"{place} {position} holds {found}, acknowledged was {entry}")


def _fill(records, files, stored):
    for start, path in files:
        for place, line in enumerate(path.read_bytes().splitlines()):
            if start + place < stored.beginning and start + place not in records:
                records[start + place] = (evidence.sent(line), None)


def _check_objects(verdict, truth, stored, objects):
    """Every offset of a topic is in one object, and is what was sent."""
    for kind, name, partition in truth:
        if kind != "topic":
            continue
        records, next_offset = truth[kind, name, partition], 0
        for start, path in objects.get((name, partition), ()):
            if start != next_offset:
                verdict.wrong(f"{path.name} begins at {start}, {next_offset} was due")
            lines = path.read_bytes().splitlines()
            wrong = [
                start + place
                for place, line in enumerate(lines)
                if evidence.sent(line) != records.get(start + place, (None,))[0]
            ]
            verdict.wrong(f"{path.name} holds other lines than were sent", wrong)
            next_offset = start + len(lines)
            verdict.counts["objects"] += 1
        if next_offset != stored[kind, name, partition].end:
            verdict.wrong(f"objects of {name} end at {next_offset}")


def _check_deltas(verdict, tables):
    for key, table in tables.items():
        verdict.counts["commits"] += len(table.commits)
        verdict.counts["files that no version names now"] += len(table.unreferenced())
        verdict.wrong(f"{key} names files that are missing", table.missing())
        for app, numbers in table.transactions.items():
            if numbers != sorted(set(numbers)):
                verdict.wrong(f"{key}: {app} committed out of order or twice")
        stages = {app.split("/")[0] for app in table.transactions}
        if len(stages) > 1:
            verdict.wrong(f"{key} was written by {stages}")


def _check_plans(verdict, plans):
    """Each plan goes on where the one before it ended."""
    for name, found in plans.items():
        verdict.counts["plans"] += len(found)
        for before, after in pairwise(found):
            ends = {key: each["upto"] for key, each in before.get("ranges", {}).items()}
            starts = {key: each["after"] for key, each in after.get("ranges", {}).items()}
            gaps = [key for key, start in starts.items() if start != ends.get(key)]
            if after["number"] != before["number"] + 1 or set(ends) - set(starts) or gaps:
                verdict.wrong(f"plan {after['number']} of {name} does not follow its predecessor")
            if before.get("upto") != after.get("after"):
                verdict.wrong(f"plan {after['number']} of {name} skips versions")


def _places(frame, *columns):
    """Return the places of a frame's rows, and those that come more than once."""
    if not frame.width:
        return set(), []
    rows = list(frame.select(columns).iter_rows())
    found = {(name, int(number), int(at), element) for name, number, at, element in rows}
    return found, [place for place, count in Counter(rows).items() if count > 1]


def _compare(verdict, what, found, wanted):
    verdict.wrong(f"{what} lacks", sorted(set(wanted) - set(found)))
    verdict.wrong(f"{what} has what it must not", sorted(set(found) - set(wanted)))


def _check_batch(verdict, wanted, frames):
    """Every (offset, element) of a topic is in raw or in quarantine once, every key cleaned once."""
    for table, want in wanted.items():
        raw = frames.get(f"raw/{table}", pl.DataFrame())
        found, twice = _places(raw, "_topic", "_partition", "_offset", "_element")
        verdict.wrong(f"raw/{table} has rows twice", twice)
        _compare(verdict, f"raw/{table}", found, want.rows)
        _check_quarantine(verdict, f"quarantine/load/{table}", want.bad, frames)
        _check_cleaned(verdict, f"clean/{table}", frames, want.firsts())
        verdict.counts["raw rows"] += raw.height


def _check_quarantine(verdict, key, wanted, frames, guess=NOTHING):
    frame = frames.get(key, pl.DataFrame())
    found, twice = _places(frame, "topic", "partition", "position", "element")
    found = {place for place in found if not guess.is_of("stream", place)}
    verdict.wrong(f"{key} has rows twice", twice)
    _compare(verdict, key, found, wanted)
    for row in frame.iter_rows(named=True):
        place = (row["topic"], int(row["partition"]), int(row["position"]), row["element"])
        if wanted.get(place, row["reason"]) != row["reason"]:
            verdict.wrong(f"{key} {place}: {row['reason']}, not {wanted[place]}")
    verdict.counts["quarantined rows"] += frame.height


def _check_cleaned(verdict, key, frames, firsts, guess=NOTHING):
    """Each key is there once, with a row that came first (in its partition, of a stream)."""
    frame, table = frames.get(key, pl.DataFrame()), key.rpartition("/")[2]
    rows = defaultdict(list)
    for row in frame.iter_rows(named=True):
        rows[row["ind"]].append(row)
    verdict.wrong(f"{key} has keys twice", [k for k, some in rows.items() if len(some) > 1])
    guessed = [k for k, some in rows.items() if guess.allows(table, k, some[0])]
    _compare(verdict, f"{key}, by key,", set(rows) - (set(guessed) - set(firsts)), firsts)
    other = {k for k, some in rows.items() if some[0] not in firsts.get(k, some)} - set(guessed)
    verdict.wrong(f"{key} has another row than the first of a key", other)
    verdict.counts[f"{key.split('/')[0]} rows"] += frame.height


def _check_stream(verdict, wanted, frames, tables, guess):
    for table, want in wanted.items():
        _check_quarantine(verdict, f"quarantine/stream/{table}", want.bad, frames, guess)
        if table not in TABLES:
            continue
        key = f"stream/{table}"
        _check_cleaned(verdict, key, frames, want.firsts(), guess)
        verdict.counts["stream duplicates"] += len(want.rows) - frames[key].height
        delta = tables[key]
        if guess.unknown or not delta.complete:
            verdict.counts["stream tables without all their counts"] += 1
            continue
        rows, duplicates, bad = map(delta.total, ("rows", "duplicates", "quarantined"))
        if rows != frames[key].height or rows + duplicates != len(want.rows):
            verdict.wrong(f"{key} counts {rows} rows and {duplicates} duplicates")
        if bad != len(want.bad):
            verdict.wrong(f"{key} counts {bad} quarantined, {len(want.bad)} are due")


def _check_free(verdict, truth, frames, guess):
    """What no data set claims is there once each, as it was sent."""
    for kind, name, key, columns in (
        ("topic", FREE_TOPIC, f"raw/{FREE_TOPIC}", ("_partition", "_offset")),
        ("stream", FREE_STREAM, f"stream/{FREE_STREAM}", ("_shard", "_position")),
    ):
        wanted = {
            (partition, at): value
            for (of, named, partition), records in truth.items()
            if (of, named) == (kind, name)
            for at, (value, _) in records.items()
        }
        frame = frames.get(key, pl.DataFrame())
        rows = list(frame.select(*columns, "value").iter_rows()) if frame.width else []
        found = {(number, int(at)): text for number, at, text in rows}
        if len(found) != len(rows):
            verdict.wrong(f"{key} has records twice")
        known = {at for at in found if not guess.is_of(kind, (name, *at))}
        _compare(verdict, key, known, wanted)
        other = [at for at, text in found.items() if not _same(text, wanted.get(at))]
        verdict.wrong(f"{key} holds other values than were sent", other)
        verdict.counts["free rows"] += len(rows)


def _same(text, value):
    """Tell whether a JSON text stands for a value: itself, or a string of its base64."""
    if value is None or text.encode() == value:
        return True
    return evidence.sent(text.encode()) == value or json.loads(text) == _json(value)


def _json(value):
    try:
        return json.loads(value)
    except ValueError:
        return value
