"""Any JSON value, however it is written, is stored as the same value on one line."""

import base64
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway_server import BINARY_V2, serving
from pinlake.record import Partition, topic

ODD = st.sampled_from(['" : "', "a\nb", "\\", "{", '","', "\u2028", "é😀", " ", "\x00", "/"])
TEXT = st.text() | ODD
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@pytest.fixture(scope="module")
def gateway():
    with serving(topics=[topic("json"), topic("binary")]) as server:
        yield server


def newest(gateway, name, count):
    partition = Partition(topic(name), 0)
    end = gateway.log.describe(topic(name)).partitions[0].end
    batch = gateway.log.read(partition, end - count - 1, 1 << 30)
    return list(zip(batch.keys.values(), batch.values.values(), strict=True))


@settings(max_examples=200, deadline=None)
@given(
    pairs=st.lists(st.tuples(VALUES, VALUES), min_size=1, max_size=5),
    indent=st.sampled_from([None, 0, 2, "\t"]),
    ascii_=st.booleans(),
)
def test_values_and_keys_come_out_as_they_went_in(gateway, pairs, indent, ascii_):
    records = [{"key": key, "value": value} for key, value in pairs]
    sent = json.dumps({"records": records}, indent=indent, ensure_ascii=ascii_)
    assert gateway.produce("/topics/json", sent.encode()).status_code == 200
    stored = newest(gateway, "json", len(pairs))
    for wanted, found in zip(pairs, stored, strict=True):
        for value, text in zip(wanted, found, strict=True):
            compact = json.dumps(value, separators=(",", ":"), ensure_ascii=ascii_).encode()
            assert text == (None if value is None else compact)


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.none() | st.binary(), min_size=1, max_size=5))
def test_any_bytes_come_out_as_they_went_in(gateway, values):
    texts = [None if value is None else base64.b64encode(value).decode() for value in values]
    body = {"records": [{"value": text} for text in texts]}
    assert gateway.produce("/topics/binary", body, BINARY_V2).status_code == 200
    assert [value for _, value in newest(gateway, "binary", len(values))] == values


@settings(max_examples=200, deadline=None)
@given(
    body=st.binary(max_size=200) | st.text(max_size=200).map(str.encode) | VALUES.map(json.dumps)
)
def test_any_body_is_stored_or_refused_and_never_an_error_of_ours(gateway, body):
    answer = gateway.produce("/topics/json", body)
    assert answer.status_code in {200, 400, 422}
    assert "offsets" in answer.json() or "error_code" in answer.json()
