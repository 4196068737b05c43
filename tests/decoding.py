"""Records through the engine's decoder and through the reference, in one form to compare."""

import json
from array import array
from unittest import mock

import duckdb

from pinlake.dataset import Table
from pinlake.engine import records
from pinlake.engine.decode import Decoder, Reject
from pinlake.engine.values import Part, Source, joined
from reference import decode as reference

SOURCE = Source("a topic", 3, "an object")


def values(contents):
    lengths = array("i", map(len, contents))
    positions = array("q", range(100, 100 + len(contents)))
    return joined([Part(SOURCE, positions, lengths, b"".join(contents))])


def by_engine(contents, columns):
    """Return (position, element) -> (values, rescued) or reason, as DuckDB gives them."""
    table = Table("t", key="k", columns=tuple(columns))
    with duckdb.connect(config={"threads": 2}) as connection:
        decoded = records.decode(connection, table, values(contents), records.as_read)
        rows = records.rows(connection, table, decoded.values).fetchall()
    found = {(each.position, each.reject.element): each.reject.reason for each in decoded.rejected}
    width = len(columns)
    for row in rows:
        assert row[width : width + 2] == (SOURCE.topic, SOURCE.partition)
        assert row[width + 4] == SOURCE.object
        place = (row[width + 2], row[width + 3])
        assert place not in found
        found[place] = (row[:width], row[-1])
    return found


def by_hope(contents, columns, expected="as written"):
    """Return the same from the one query that fails at what is not plain; None where it does.

    ``expected`` is what the query is to expect of the contents, whatever they are.
    """
    table = Table("t", key="k", columns=tuple(columns))
    expecting = mock.patch.object(records, "_expected", return_value=expected)
    with duckdb.connect(config={"threads": 2}) as connection, expecting:
        try:
            rows = records.rows(connection, table, values(contents), checked=True).fetchall()
        except (duckdb.Error, UnicodeDecodeError) as failure:
            if not records.is_odd(failure):
                raise
            return None
    width = len(columns)
    return {(row[width + 2], row[width + 3]): (row[:width], row[-1]) for row in rows}


def by_hand(contents, columns):
    """Return the same from the one-by-one decoder alone."""
    decoder = Decoder(columns)
    found = {}
    for position, content in enumerate(contents, start=100):
        for each in decoder.decode(content):
            if isinstance(each, Reject):
                found[position, each.element] = each.reason
            else:
                row = json.loads(each.json)
                assert list(row) == [column.name for column in columns]
                found[position, each.element] = (tuple(row.values()), each.rescued)
    return found


def by_reference(contents, columns):
    """Return the same from the rules."""
    found = {}
    for position, content in enumerate(contents, start=100):
        for each in reference.decode(content, columns):
            if isinstance(each, reference.Bad):
                found[position, each.element] = each.reason
            else:
                found[position, each.element] = (tuple(each.values.values()), each.rescued)
    return found


def assert_agree(found, wanted):
    """Assert that what was found is what the reference wants, JSON text compared as JSON."""
    assert found.keys() == wanted.keys()
    for place, outcome in wanted.items():
        if isinstance(outcome, str):
            assert found[place] == outcome, place
            continue
        row, rescued = found[place]
        for value, want in zip(row, outcome[0], strict=True):
            assert_same(value, want, place)
        parsed = rescued and dict(reference.parse(rescued.encode()))
        assert parsed == outcome[1], place


def assert_same(value, want, place):
    if isinstance(want, reference.JsonText):
        assert reference.parse(value.encode()) == want.value, place
    else:
        assert value == want, (place, value, want)
        assert type(value) is type(want) or isinstance(want, str), (place, value, want)
