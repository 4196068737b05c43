"""docs/gateway.md tells what the gateway speaks, and its examples run as they stand there."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import requests

from harness.pipeline import Gateway
from pinlake.gateway.app import Gateway as App
from pinlake.gateway.kafka import errors as kafka_errors
from pinlake.gateway.kafka.errors import KafkaError
from pinlake.gateway.kafka.media import PRODUCED
from pinlake.log.memory import MemoryLog
from pinlake.settings import Settings
from requirements_of_tests import require

PAGE = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text("utf-8")
BLOCKS = re.findall(r"```(bash|json)\n(.*?)```", PAGE, flags=re.DOTALL)
ERRORS = {each for each in vars(kafka_errors).values() if isinstance(each, KafkaError)}


def table(title):
    """Return the cells of each row of a section's tables."""
    section = PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]
    lines = re.findall(r"^\| (.*) \|$", section, flags=re.MULTILINE)
    return [line.split(" | ") for line in lines]


def test_the_examples_answer_what_the_page_says(tmp_path):
    require(shutil.which("curl"), "there is no curl")
    with Gateway(tmp_path) as gateway:
        for (kind, text), (next_kind, wanted) in zip(BLOCKS, BLOCKS[1:] + [("", "")], strict=True):
            if kind == "bash":
                answers = run(text.replace("http://127.0.0.1:8082", gateway.url))
                if next_kind == "json":
                    assert answers == wanted.splitlines()


def run(script):
    """Run the commands of a block one by one and return what each printed."""
    return [shell(command) for command in script.replace("\\\n", " ").splitlines()]


def shell(command):
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout, f"{command} answered nothing"
    return done.stdout


def test_every_route_stands_on_the_page_or_on_that_of_kinesis():
    documented = {word for row in table("Kafka REST v2") + table("Around it") for word in row[:1]}
    routes = App(MemoryLog(), Settings())._table.routes
    for route in routes:
        if not route.path.startswith(("/streams", "/consumers")):
            assert f"`{route.method} {route.path}`" in documented, route
    told = {
        re.sub("`", "", word) for word in documented if re.match("`(GET|POST|PUT|DELETE) ", word)
    }
    assert told <= {f"{route.method} {route.path}" for route in routes}


def test_the_table_of_errors_has_every_error_and_no_other():
    told = {(int(row[0]), int(row[1])) for row in table("Errors") if row[0].isdigit()}
    assert told == {(error.status, error.code) for error in ERRORS}


def test_the_content_types_of_a_produce_are_those_that_are_taken():
    told = {word for row in table("Kafka REST v2") for word in re.findall("^`(app[^`]+)`", row[0])}
    assert told == set(PRODUCED)


def test_every_metric_and_its_labels_stand_on_the_page(tmp_path):
    with Gateway(tmp_path) as gateway:
        text = requests.get(f"{gateway.url}/metrics", timeout=30).text
    told = {row[0].strip("`"): row[1] for row in table("Around it") if row[0].startswith("`pin")}
    families = set(re.findall(r"^# TYPE (\S+)", text, flags=re.MULTILINE))
    assert families == set(told)
    for family, labels in told.items():
        sample = re.search(rf"^{family}(?:_sum)?(?:{{(.*)}})? ", text, flags=re.MULTILINE)
        used = set(re.findall(r'(\w+)="', sample[1] or ""))
        assert used == set(re.findall(r"`(\w+)`", labels))


@pytest.mark.parametrize("answer", [text for kind, text in BLOCKS if kind == "json"])
def test_what_the_page_shows_as_json_is_json(answer):
    assert [json.loads(line) for line in answer.splitlines()]
