"""What must be in the tables, by plain Python alone: the reference's decoding and cleaning."""

from collections import defaultdict
from functools import lru_cache

from harness.campaign.traffic import SHARED, USER_ID
from harness.campaign.values import KEYS, TABLES
from pinlake import dataset
from reference.decode import Bad, decode
from reference.pinterest import CLEANERS

TABLE_OF_TOPIC = {f"{USER_ID}.{table}": table for table in TABLES}
TABLE_OF_STREAM = {f"streaming-{USER_ID}-{table}": table for table in TABLES}


class Expected:
    """Rows and rejects of one table, each by its place (name, partition, position, element)."""

    def __init__(self):
        self.rows, self.bad = {}, {}

    def firsts(self):
        """Return {key: the rows that came first in one of the partitions}, in order of place."""
        found, seen = defaultdict(list), set()
        for place in sorted(self.rows):
            row = self.rows[place]
            if (row["ind"], *place[:2]) not in seen:
                seen.add((row["ind"], *place[:2]))
                found[row["ind"]].append(row)
        return found


def of_tables(truth, kind):
    """Return {table: Expected} of the records {(kind, name, partition): {position: (value, key)}}.

    A record that no table takes is under ``_unrouted``; names that no data set claims are left out.
    """
    found = defaultdict(Expected)
    for (of, name, partition), records in truth.items():
        for position, (value, key) in records.items() if of == kind else ():
            table = table_of(kind, name, key)
            if table is not None:
                _add(found[table], table, (name, partition, position), value)
    return found


def rows_by_key(requests):
    """Return {(table, key): rows} of all that requests would give that were sent more than once."""
    found = defaultdict(list)
    for request in requests:
        if request["tries"] > 1 and request["kind"] == "stream":
            for value, key in zip(request["values"], request["keys"], strict=True):
                table = table_of("stream", request["name"], key.encode())
                for _, row, _ in decoded(table, value) if table in TABLES else ():
                    if row is not None:
                        found[table, row["ind"]].append(row)
    return found


def table_of(kind, name, key):
    """Return the table that takes a record, ``_unrouted`` or None, by the data set's facts."""
    if kind == "topic":
        return TABLE_OF_TOPIC.get(name)
    if name != SHARED:
        return TABLE_OF_STREAM.get(name)
    owners = [table for table in TABLES if key.decode().startswith(table)]
    return owners[0] if owners else "_unrouted"


def _add(expected, table, place, value):
    if table == "_unrouted":
        expected.bad[*place, 0] = "no table takes the partition key"
        return
    for element, row, reason in decoded(table, value):
        if row is None:
            expected.bad[*place, element] = reason
        else:
            expected.rows[*place, element] = row


@lru_cache(maxsize=200_000)
def decoded(table, value):
    """Return (element, cleaned row or None, reason) of each element of a value."""
    found = []
    for each in decode(value, _columns(table)):
        if isinstance(each, Bad):
            found.append((each.element, None, each.reason))
        else:
            cleaned = CLEANERS[table](each.values[KEYS[table]], each.values)
            found.append((each.element, cleaned, ""))
    return found


@lru_cache
def _columns(table):
    return dataset.load("pinterest").tables[table].columns
