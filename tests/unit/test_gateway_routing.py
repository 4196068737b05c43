"""Finding a route: the rules, and any path at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinlake.gateway.base import Response, Route
from pinlake.gateway.routing import KEPT_LENGTH, KEPT_PATHS, Table, canonical


async def answer(_request):
    return Response(200)


PATHS = [
    "/",
    "/topics",
    "/topics/{topic}",
    "/streams/record",
    "/streams/{stream}/record",
    "/health",
]
TABLE = Table([Route("GET", path, answer, path, "gateway") for path in PATHS])


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/", "/"),
        (b"", "/"),
        (b"//", "/"),
        (b"/a//b/", "/a/b"),
        (b"/%E2%82%AC", "/€"),
        (b"/a%2Fb", "/a%2Fb"),
        (b"/%FF", "/\N{REPLACEMENT CHARACTER}"),
        (b"/a+b%20c", "/a+b c"),
    ],
)
def test_a_path_has_one_canonical_spelling(raw, path):
    assert canonical(raw) == path


@pytest.mark.parametrize(
    ("raw", "route", "parameters"),
    [
        (b"/topics", "/topics", {}),
        (b"/dev/topics", "/topics", {}),
        (b"/topics/topics", "/topics/{topic}", {"topic": "topics"}),
        (b"/topics/topics/x", "/topics/{topic}", {"topic": "x"}),
        (b"/streams/record", "/streams/record", {}),
        (b"/streams/streams/record", "/streams/{stream}/record", {"stream": "streams"}),
        (b"/dev/streams/record", "/streams/record", {}),
        (b"/health/health", "/health", {}),
    ],
)
def test_the_first_segment_is_a_stage_only_if_the_path_leads_nowhere_with_it(
    raw, route, parameters
):
    match = TABLE.find("GET", raw)
    assert (match.route.path, match.parameters) == (route, parameters)


@pytest.mark.parametrize(
    "raw", [b"/nothing", b"/a/b/topics", b"/topics/a/b", b"/topics%2Fa", b"/dev"]
)
def test_a_path_that_leads_nowhere_is_not_found(raw):
    assert TABLE.find("GET", raw) is None


def test_another_method_finds_the_path_and_what_it_takes():
    match = TABLE.find("PUT", b"/topics/x")
    assert (match.route, match.allowed) == (None, ("GET",))


segment = st.text(st.characters(codec="utf-8", exclude_characters="/%?#"), min_size=1).filter(
    lambda text: text not in {"streams", ".", ".."}
)


@given(stage=segment, name=segment, slashes=st.lists(st.integers(1, 4), min_size=4, max_size=4))
def test_a_stage_and_any_number_of_slashes_change_nothing(stage, name, slashes):
    a, b, c, d = ("/" * count for count in slashes)
    raw = f"{a}{stage}{b}topics{c}{name}{d}".encode()
    plain = TABLE.find("GET", f"/topics/{name}".encode())
    found = TABLE.find("GET", raw)
    assert (found.route, found.parameters) == (plain.route, plain.parameters)
    assert found.parameters == {"topic": name}


@given(st.binary())
def test_any_bytes_find_something_or_nothing_the_second_time_too(raw):
    assert TABLE.find("GET", raw) == TABLE.find("GET", raw)


def test_what_is_kept_of_paths_has_a_bound():
    table = Table(TABLE.routes)
    for number in range(2 * KEPT_PATHS):
        assert table.find("GET", f"/topics/{number}".encode()).parameters == {"topic": str(number)}
    table.find("GET", b"/topics/" + b"x" * KEPT_LENGTH)
    assert len(table._kept) <= KEPT_PATHS
