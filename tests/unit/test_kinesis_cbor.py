"""The codec for CBOR, by the examples of RFC 8949 (appendix A) and by what is broken."""

import math

import pytest

from pinlake.gateway.kinesis.cbor import decode, encode
from pinlake.gateway.kinesis.time import Timestamp

BOTH_WAYS = {
    "00": 0,
    "17": 23,
    "1818": 24,
    "1903e8": 1000,
    "1a000f4240": 1_000_000,
    "1bffffffffffffffff": 2**64 - 1,
    "20": -1,
    "3903e7": -1000,
    "fb3ff199999999999a": 1.1,
    "f4": False,
    "f5": True,
    "f6": None,
    "40": b"",
    "4401020304": b"\1\2\3\4",
    "60": "",
    "6449455446": "IETF",
    "62c3bc": "ü",
    "80": [],
    "83010203": [1, 2, 3],
    "8301820203820405": [1, [2, 3], [4, 5]],
    "a0": {},
    "a26161016162820203": {"a": 1, "b": [2, 3]},
}
READ_ONLY = {
    "f93c00": 1.0,
    "fa47c35000": 100_000.0,
    "f97c00": math.inf,
    "f7": None,
    "5f42010243030405ff": b"\1\2\3\4\5",
    "7f657374726561646d696e67ff": "streaming",
    "9fff": [],
    "9f018202039f0405ffff": [1, [2, 3], [4, 5]],
    "bf61610161629f0203ffff": {"a": 1, "b": [2, 3]},
    "d74401020304": b"\1\2\3\4",
}
BROKEN = {
    "nothing": "",
    "more than one value": "0000",
    "a number cut short": "19ff",
    "a string cut short": "6541",
    "a list cut short": "8201",
    "an endless list that ends": "9f01",
    "an odd map": "bf616101616201ff61",
    "a map with a key alone": "bf6161ff",
    "a key that is no text": "a10101",
    "a break alone": "ff",
    "a break within a list of known length": "8201ff",
    "a tag of a break": "9fc1ff",
    "a time that is text": "c06161c1",
    "a time that is a list": "c180",
    "a time without end": "c1f97c00",
    "a reserved width": "1c",
    "a simple value of no meaning": "e0",
    "a part of another kind": "5f6161ff",
    "no UTF-8": "61ff",
    "a string longer than the world": "7bffffffffffffffff",
    "nested too deep": "81" * 40 + "00",
}


@pytest.mark.parametrize("written", [*BOTH_WAYS, *READ_ONLY])
def test_the_examples_of_the_rfc_are_read(written):
    assert decode(bytes.fromhex(written)) == {**BOTH_WAYS, **READ_ONLY}[written]


@pytest.mark.parametrize("written", BOTH_WAYS)
def test_the_examples_of_the_rfc_are_written(written):
    assert encode(BOTH_WAYS[written]).hex() == written


def test_a_time_has_tag_1_and_milliseconds():
    assert encode(Timestamp(1_000)).hex() == "c11903e8"
    assert decode(bytes.fromhex("c11903e8")).milliseconds == 1_000


@pytest.mark.parametrize("written", BROKEN.values(), ids=BROKEN)
def test_what_is_broken_is_a_value_error(written):
    with pytest.raises(ValueError, match=r"."):
        decode(bytes.fromhex(written))


def test_a_number_of_more_than_64_bits_is_refused():
    with pytest.raises(ValueError, match="more than 64 bits"):
        encode(2**64)
