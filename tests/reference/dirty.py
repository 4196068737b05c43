"""What arrives: the ways in which real clients send a row, and what is no row at all.

Everything is read off the row itself, so any data set's rows will do. ``variants`` gives the
bytes of record values; a row is the dict that ``pinlake.source.sample.generate`` yields.
"""

import base64
import json
import re

TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\Z")
KEYS = ("ind", "index")
JUNK = (
    b"",
    b" ",
    b"null",
    b"true",
    b"17",
    b"NaN",
    b'{"ind": NaN}',
    b"{",
    b'{"ind": 1,}',
    b"[]",
    b"[[]]",
    b'[[{"ind": 1}]]',
    b'""',
    b'"not JSON"',
    b'"ewo="',
    b'"\\ud800"',
    b"\xff\xfe\x00",
    b"ind=1&country=Peru",
    b'{"ind": 1} {"ind": 2}',
    b"\xef\xbb\xbf{}",
    b"{}",
)
"""Record values that hold no row of any table."""
WRONG = (None, "", " ", "9.5", 9.5, True, [], {}, [1], {"a": 1}, "x", -1, 2**31, 2**63, "٣", 1e400)
"""Values that a column may get from a careless client."""


def variants(row, rng):
    """Return what clients make of a row, as record values: the first six mean the row itself."""
    return [*faithful(row, rng), *damaged(row, rng), rng.choice(JUNK)]


def faithful(row, rng):
    """Return record values that all mean this row."""
    return [
        encode(row),
        encode(redated(row, rng)),
        encode(rekeyed(row)),
        encode([row]),
        encode(json.dumps(redated(row, rng))),
        encode(base64.b64encode(encode(row)).decode()),
    ]


def damaged(row, rng):
    """Return record values that miss something, have too much, or hold the wrong thing."""
    name = rng.choice(list(row))
    extra = {"a column nobody declared": rng.choice(WRONG[:-1]), **row}
    return [
        encode({key: value for key, value in row.items() if key != name}),
        encode({**row, name: rng.choice(WRONG)}),
        encode({**row, name: None}),
        encode(extra),
        encode({**row, other_key(row): rng.choice(WRONG[:-1])}),
        encode([row, json.dumps(rekeyed(row)), rng.choice([1, None, "x", [row]])]),
        encode({**row, **{time: rng.choice(odd_times(row[time])) for time in times(row)}}),
        encode(row)[: rng.randrange(len(encode(row)))],
    ]


def redated(row, rng):
    """Return the row with its times in one of the three forms that are one time."""
    form = rng.choice([str, lambda time: time.replace(" ", "T"), with_colons])
    return {**row, **{name: form(row[name]) for name in times(row)}}


def with_colons(time):
    """Return ``2018:03:01 12:00:00`` for ``2018-03-01 12:00:00``."""
    return time[:10].replace("-", ":") + time[10:]


def odd_times(time):
    """Return forms of a time that nobody promised to read."""
    return [
        time + ".5",
        time + "Z",
        time + "+02:00",
        time[:10],
        time[11:],
        time[:10] + " 24:00:00",
        "2019-02-29" + time[10:],
        time + "\n",
        " " + time,
        time[2:],
    ]


def times(row):
    """Return the names of a row's times."""
    return [name for name, value in row.items() if isinstance(value, str) and TIME.match(value)]


def rekeyed(row):
    """Return the row with its key ``ind`` called ``index``, or the other way round."""
    old = next((key for key in KEYS if key in row), None)
    return {other_key(row) if name == old else name: value for name, value in row.items()}


def other_key(row):
    """Return the name of the key that the row does not use."""
    return KEYS[0] if KEYS[1] in row else KEYS[1]


def encode(value):
    """Return a value as a client's ``json.dumps`` gives it (an infinite number as 1e400)."""
    return json.dumps(value, default=str).replace("Infinity", "1e400").encode()
