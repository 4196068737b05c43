"""What the stack is asked for, and what it says of prices and of the sink's properties."""

import json
import subprocess
import sys

import pytest

from harness import cloud_stack
from pinlake import dataset
from pinlake.record import topic
from requirements_of_tests import require
from stage_homes import contents, make_home, post, value

PROPERTIES = cloud_stack.PROJECT / "pinlake_aws" / "s3-sink.properties"
BEGIN, END = "<!-- costs: made from prices.toml -->\n", "<!-- end of costs -->\n"
PAGE = cloud_stack.ROOT / "docs" / "aws.md"


@pytest.fixture(autouse=True)
def environment():
    require(cloud_stack.PYTHON.exists(), "deploy/aws/.venv is missing: run script/setup aws")


def ours(code):
    """Return what a line of the app's own code prints."""
    command = [cloud_stack.PYTHON, "-c", code]
    ran = subprocess.run(
        command, cwd=cloud_stack.PROJECT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def refused(**context):
    """Return the error that settings end with; nothing is synthesised for it."""
    asked = {"email": "a@b.example", "plugin": __file__, "airflow": __file__, **context}
    code = (
        "from pinlake_aws.settings import settings_of\n"
        "from pinlake_aws.errors import SettingInvalid\n"
        f"context = {asked!r}\n"
        "try: settings_of(context.get)\n"
        "except SettingInvalid as error: print(error)\n"
    )
    return ours(code).strip()


WRONG = [
    ({"user_id": "0ABC12345678"}, "user_id = '0ABC12345678': say 12 hex digits"),
    ({"user_id": "0abc1234567"}, "user_id = '0abc1234567': say 12 hex digits"),
    ({"user_id": "../../../../x"}, "user_id = '../../../../x'"),
    ({"size": "huge"}, "size = 'huge': say one of small, classic"),
    ({"email": ""}, "email = ''"),
    ({"email": "nobody"}, "email = 'nobody'"),
    ({"budget": "many"}, "budget = 'many': say USD a month"),
    ({"budget": "0"}, "budget = '0'"),
    ({"source": "yes"}, "source = 'yes': say true or false"),
    ({"dataset": "nowhere"}, "name a folder that holds dataset.toml"),
    ({"plugin": "nowhere.zip"}, "it is not there: run deploy/aws/deploy"),
    ({"airflow": "nowhere"}, "it is not there: the folder of the Airflow project"),
    ({"databricks_account": "123"}, "databricks_account = '123'"),
]


@pytest.mark.parametrize(("context", "told"), WRONG)
def test_a_wrong_setting_is_named_with_what_it_takes(context, told):
    assert told in refused(**context)


def test_right_settings_are_taken():
    assert refused(size="classic", source="true", user_id="123456789abc") == ""


@pytest.mark.slow
def test_the_app_ends_with_one_line_where_a_setting_is_wrong(tmp_path):
    ran = cloud_stack.synthesise(tmp_path / "out", user_id="x")
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.strip() == "pinlake: user_id = 'x': say 12 hex digits: -c user_id=..."


DECLARED = """
[tables.a]
topics = ["{id}.a", "other"]
streams = { name = "s-{id}", partition_key = "a*" }
[tables.b]
topics = "b"
[tables.c]
streams = ["c-{id}", "d"]
"""


def test_names_are_read_from_any_data_set(tmp_path):
    (tmp_path / "dataset.toml").write_text(DECLARED)
    code = (
        "from pathlib import Path\nfrom pinlake_aws.names import names_of\n"
        f"print(names_of(Path({str(tmp_path)!r}), '0abc12345678'))"
    )
    wanted = "topics=('0abc12345678.a', 'b'), streams=('s-0abc12345678', 'c-0abc12345678')"
    assert wanted in ours(code)


@pytest.mark.parametrize("name", dataset.shipped())
def test_names_of_every_shipped_data_set_are_those_of_pinlake(name):
    shipped = dataset.load(name)
    code = (
        "from pathlib import Path\nfrom pinlake_aws.names import names_of\nimport json\n"
        f"found = names_of(Path({str(shipped.path)!r}), '0abc12345678')\n"
        "print(json.dumps([*found.topics, *found.streams]))"
    )
    assert json.loads(ours(code)) == [each.name for each in shipped.log_names("0abc12345678")]


# --- the sink's properties


def sink(home, connector):
    """Run `pinlake sink` by a connector's configuration."""
    command = [sys.executable, "-m", "pinlake", "sink", "--once", "--connector", str(connector)]
    return subprocess.run(
        [*command, "--home", str(home.path), "--dataset", str(home.path.parent / "shop")],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_pinlakes_own_sink_takes_the_connectors_file_and_names_the_keys_it_passes_over(tmp_path):
    home, _ = make_home(tmp_path)
    post(home, topic("0abc12345678.sales"), [value(number) for number in range(250)])
    ran = sink(home, PROPERTIES)
    assert ran.returncode == 0, ran.stderr
    told = {line.split()[1] for line in ran.stderr.splitlines() if "is not honoured" in line}
    assert told == {
        "storage.class",
        "schema.compatibility",
        "s3.part.size",
        "behavior.on.null.values",
        "key.converter",
        "value.converter",
        "value.converter.schemas.enable",
        "errors.tolerance",
        "errors.deadletterqueue.topic.name",
        "errors.deadletterqueue.context.headers.enable",
        "errors.log.enable",
        "errors.log.include.messages",
    }
    name = "0abc12345678.sales"
    folder = f"topics/{name}/partition=0/{name}+0+"
    assert {key: data.count(b"\n") for key, data in contents(home).items()} == {
        f"{folder}0000000000.json": 100,
        f"{folder}0000000100.json": 100,
        f"{folder}0000000200.json": 50,
    }


def test_what_the_connector_really_runs_with_is_taken_too(tmp_path, tmp_path_factory):
    stack = cloud_stack.stack(tmp_path_factory, "small")
    configuration = {
        key: text if isinstance(text, str) else "filled-in-when-deployed"
        for key, text in stack.only("KafkaConnect::Connector")["ConnectorConfiguration"].items()
    }
    assert set(configuration) > {"topics", "tasks.max", "s3.bucket.name", "s3.region"}
    file = tmp_path / "connector.json"
    file.write_text(json.dumps({"name": "pinlake", "config": configuration}))
    home, _ = make_home(tmp_path)
    [first, *_] = configuration["topics"].split(",")
    for name in (first, "of-nobody"):
        post(home, topic(name), [value(1)])
    ran = sink(home, file)
    assert ran.returncode == 0, ran.stderr
    assert list(contents(home)) == [f"topics/{first}/partition=0/{first}+0+0000000000.json"]


# --- prices


def test_the_page_tells_the_prices_that_the_app_counts_with(tmp_path_factory):
    alarms = {
        size: len(cloud_stack.stack(tmp_path_factory, size).of("CloudWatch::Alarm"))
        for size in ("small", "classic")
    }
    streams = len(cloud_stack.stack(tmp_path_factory, "small").of("Kinesis::Stream"))
    code = f"from pinlake_aws.costs import documented; print(documented({streams}, {alarms}))"
    before, _, rest = PAGE.read_text().partition(BEGIN)
    told, _, after = rest.partition(END)
    wanted = ours(code)
    draft = tmp_path_factory.mktemp("page") / "aws.md"
    draft.write_text(f"{before}{BEGIN}{wanted}{END}{after}")
    assert told == wanted, f"docs/aws.md tells other prices; as it should be it is {draft}"


def test_every_price_has_a_unit_and_a_page():
    code = "import json\nfrom pinlake_aws import costs\nprint(json.dumps(costs._table()))"
    table = json.loads(ours(code))
    assert table["region"] == "us-east-1"
    assert table["date"]
    for price in table["prices"].values():
        assert price["usd"] > 0
        assert price["unit"] in {"hour", "month"}
        assert table["pages"][price["page"]].startswith("https://aws.amazon.com/")


def test_an_estimate_counts_each_part_by_its_size():
    code = (
        "from pinlake_aws import costs, size\n"
        "one = costs.estimate(size.SMALL, streams=3, alarms=10, source=False)\n"
        "two = costs.estimate(size.SMALL, streams=4, alarms=10, source=True)\n"
        "print(sum(l.usd for l in two) - sum(l.usd for l in one))\n"
        "print([round(l.usd, 2) for l in one if l.what == 'kafka.t3.small'])"
    )
    more, brokers = ours(code).splitlines()
    assert float(more) == pytest.approx(0.015 * 730 + 0.016 * 730 + 20 * 0.115 + 0.40)
    assert brokers == str([round(2 * 730 * 0.0456, 2)])
