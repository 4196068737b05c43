"""`pinlake query --fresh` and `--as-of`: through the socket, the log and the command."""

import json

import requests

from harness.pipeline import Gateway, pinlake, post_to_kinesis

ASKED = "SELECT ind, country FROM geo ORDER BY ind"


def row(number):
    return {
        "ind": number,
        "timestamp": "2021-04-05 16:57:46",
        "latitude": 1.5,
        "longitude": 2.5,
        "country": f"Country {number}",
    }


def asked(home, *options):
    done = pinlake("query", "--sql", ASKED, *options, "--format", "json", "--home", home)
    return [each["ind"] for each in json.loads(done.stdout)]


def refused(home, *options):
    done = pinlake("query", "--sql", ASKED, *options, "--home", home, check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_acknowledged_records_are_answered_with_and_without_a_gateway(tmp_path):
    home = tmp_path / "home"
    with Gateway(home) as gateway, requests.Session() as session:
        post_to_kinesis(gateway.url, "geo", row(1), session)
        assert asked(home, "--fresh") == [1]
        pinlake("stream", "--once", "--home", home)
        post_to_kinesis(gateway.url, "geo", row(2), session)
        assert asked(home, "--fresh") == [1, 2]
    assert asked(home, "--fresh") == [1, 2]
    assert asked(home, "--from", "stream") == [1]
    pinlake("stream", "--once", "--home", home)
    assert asked(home, "--from", "stream", "--as-of", "1") == [1]
    assert asked(home, "--from", "stream", "--as-of", "2") == [1, 2]
    assert "--from stream" in refused(home, "--fresh", "--from", "clean")
    assert "still to come" in refused(home, "--from", "stream", "--as-of", "2999-01-01")
    assert "no version 9" in refused(home, "--from", "stream", "--as-of", "9")
    assert "or a time such as" in refused(home, "--from", "stream", "--as-of", "noon")
