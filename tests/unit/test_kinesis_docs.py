"""docs/kinesis.md tells what the gateway speaks, and its examples run."""

import re
from pathlib import Path

import pytest

from kinesis_server import serving
from pinlake.gateway.base import Context
from pinlake.gateway.kinesis import errors as kinesis_errors
from pinlake.gateway.kinesis.account import Account
from pinlake.gateway.kinesis.errors import KinesisError
from pinlake.gateway.kinesis.operations import NOT_YET, OPERATIONS
from pinlake.gateway.kinesis.proxy import KinesisProxy
from pinlake.log.memory import MemoryLog
from pinlake.settings import Settings

PAGE = (Path(__file__).parents[2] / "docs" / "kinesis.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
ERRORS = sorted(
    {each.type for each in vars(kinesis_errors).values() if isinstance(each, KinesisError)}
)


def section(title):
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def rows(title):
    """Return the rows of a section's table: the words in code of the first cell, and the rest."""
    for line in re.findall(r"^\| (.*) \|$", section(title), flags=re.MULTILINE):
        first, _, rest = line.partition(" | ")
        yield from ((word, rest) for word in re.findall(r"`([^`]+)`", first))


def test_the_table_of_operations_is_what_is_spoken_and_what_is_not_yet():
    told = dict(rows("Operations"))
    assert {name for name, said in told.items() if said.startswith("works")} == set(OPERATIONS)
    assert {name for name, said in told.items() if said.startswith("not yet")} == set(NOT_YET)


def test_the_table_of_errors_has_every_error_and_no_other():
    assert sorted(dict(rows("Errors"))) == ERRORS


def test_the_table_of_paths_has_every_route_and_no_other():
    context = Context(MemoryLog(), Settings(), lambda: 0)
    routes = KinesisProxy(context, Account(context)).routes()
    told = [word for word, _ in rows("Streams by path")]
    assert sorted(told) == sorted(f"{route.method} {route.path}" for route in routes)


@pytest.mark.parametrize("example", EXAMPLES)
def test_the_examples_run(example, capsys):
    with serving() as server:
        names = {}
        exec(example.replace("http://127.0.0.1:8082", server.url), names)
        if "kinesis" in names:
            names["kinesis"].close()
        assert len(server.log.names("stream")) == 1
    assert re.match(r"\d{56}\b", capsys.readouterr().out)
