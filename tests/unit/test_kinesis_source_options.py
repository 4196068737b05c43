"""The options of the Spark source ``kinesis`` are Databricks' own; a mistake is told at once."""

import pytest

from pinlake.engine.spark.kinesis import options

GIVEN = {"streamname": "a", "region": "eu-west-1"}


def test_what_notebooks_for_databricks_set_is_taken():
    found = options.read(
        {
            "streamname": "a, b",
            "region": "eu-west-1",
            "initialposition": "earliest",
            "awsaccesskey": "K",
            "awssecretkey": "S",
            "minfetchperiod": "2s",
            "shardspertask": "5",
            "maxfetchrate": "2.0",
        }
    )
    assert (found.streams, found.start, found.pause) == (("a", "b"), "", 2.0)
    assert (found.access_key, found.secret_key) == ("K", "S")


def test_keys_are_not_shown():
    found = options.read(GIVEN | {"awsaccesskey": "K", "awssecretkey": "hidden"})
    assert "hidden" not in repr(found)


@pytest.mark.parametrize(
    ("position", "start"),
    [
        ("latest", "@"),
        ("LATEST", "@"),
        ("trim_horizon", ""),
        ('{"at_timestamp": "1970-01-01T00:00:01.5Z"}', "@1500"),
    ],
)
def test_positions(position, start):
    assert options.read(GIVEN | {"initialposition": position}).start == start


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"region": "eu-west-1"}, "streamName is missing"),
        ({"streamname": "a"}, "region is missing"),
        (GIVEN | {"rolearn": "x"}, "option rolearn is not known"),
        (GIVEN | {"awsaccesskey": "K"}, "go together"),
        (GIVEN | {"initialposition": "newest"}, "is none of latest"),
        (GIVEN | {"initialposition": '{"at_timestamp": "yesterday"}'}, "is none of latest"),
        (GIVEN | {"minfetchperiod": "often"}, "no period such as 400ms"),
        (GIVEN | {"maxrecordspertrigger": "0"}, "no positive number"),
    ],
)
def test_a_mistake_is_told_with_what_to_do(given, told):
    with pytest.raises(ValueError, match=told):
        options.read(given)


def test_an_endpoint_of_ones_own_needs_no_region():
    assert options.read({"streamname": "a", "endpointurl": "http://h"}).region == "us-east-1"
