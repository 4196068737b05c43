"""The services of compose.yaml, as processes, over a real broker, database, S3 server and Prometheus."""

import functools
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from urllib.parse import urlsplit

import duckdb
import pytest
import requests

from harness import compose_model, s3_server
from harness.compose_dashboard import EXPRESSIONS, metrics
from harness.composed import Composed
from harness.kafka_broker import Broker
from harness.pipeline import USER_ID, wait_until
from pinlake import dataset
from pinlake.lake import tables
from pinlake.lake.s3 import S3Lake
from pinlake.producer.emulation import draws
from pinlake.settings import S3
from pinlake.source.connection import connect
from pinlake.source.sample import generate
from reference.pinterest import clean, first_of_each
from requirements_of_tests import require

PINTEREST = dataset.load("pinterest")
TABLES = ("pin", "geo", "user")
LIVING = ("gateway", "sink", "load", "clean", "stream")
KILLED = ("gateway", "stream")
PRODUCERS = ("post-kafka", "post-kinesis")
POSTS = 30
FAST = {"POSTS": POSTS, "POST_RATE": 1000, "SINK_ROTATE_SECONDS": 1, "BATCH_EVERY_SECONDS": 1}
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    return compose_model.filled_env(tmp_path_factory.mktemp("env") / ".env", **FAST)


@pytest.fixture(scope="module")
def composed(env, tmp_path_factory, request):
    """Every service of ours, the S3 server and Prometheus by the file's own commands; all are well."""
    require(s3_server.program(), "there is no versitygw")
    require(shutil.which("prometheus"), "there is no Prometheus")
    require(shutil.which("wget"), "there is no wget for the health checks")
    model = compose_model.load(env, "post")
    folder = tmp_path_factory.mktemp("composed")
    broker = broker_of(folder / "kafka", model["services"]["kafka"]["environment"])
    with ThreadPoolExecutor(1) as aside:
        starting = aside.submit(broker.start)
        server = request.getfixturevalue("mariadb_server")
        make_database(server, model["services"]["database"]["environment"])
        starting.result()
    ports = {"kafka:9092": broker.port, "database:3306": urlsplit(server).port}
    monitoring = ["prometheus", "--web.listen-address=127.0.0.1:9090"]
    programs = {"s3": [s3_server.program()], "prometheus": monitoring}
    composed = Composed(model, folder, ports, programs)
    scrape_here(composed, model["services"]["prometheus"], folder)
    try:
        composed.up()
        yield composed
    finally:
        composed.down()
        broker.kill()


@pytest.fixture(scope="module")
def posted(composed):
    """The services after posts by both routes, a kill -9 of gateway and stream, and as many posts."""
    composed.run(*PRODUCERS, "bucket")  # it is there already
    for name in KILLED:
        composed.kill(name)
        composed.start(name)
    composed.run(*PRODUCERS)
    lake = S3Lake(*lake_of(composed))
    for name in filled():
        wait_until(lambda name=name: len(rows(lake, name)) >= len(expected(name)), pause=0.3)
    return lake


def broker_of(folder, environment):
    """Return a broker with the properties that Kafka's image makes of its environment."""
    broker = Broker(folder)
    here = {"kafka:9092": broker.servers, "kafka:9093": f"127.0.0.1:{broker.controller}",
            "//:9092": f"//{broker.servers}", "//:9093": f"//127.0.0.1:{broker.controller}",
            "/var/lib/kafka/data": str(broker.data / "log")}  # fmt: skip
    for name, value in environment.items():
        if name.startswith("KAFKA_"):
            key = name.removeprefix("KAFKA_").lower().replace("_", ".")
            broker.properties[key] = functools.reduce(
                lambda text, each: text.replace(*each), here.items(), value
            )
    return broker


def make_database(server, environment):
    """Make what MariaDB's image makes of its environment."""
    name, user = environment["MARIADB_DATABASE"], environment["MARIADB_USER"]
    with connect(server).connect() as connection:
        for statement in (
            f"CREATE DATABASE `{name}` CHARACTER SET utf8mb4",
            f"CREATE USER '{user}'@'%%' IDENTIFIED BY '{environment['MARIADB_PASSWORD']}'",
            f"GRANT ALL ON `{name}`.* TO '{user}'@'%%'",
        ):
            connection.exec_driver_sql(statement)


def scrape_here(composed, service, folder):
    """Have Prometheus find the gateway on this machine, and ask it more often."""
    [mounted] = [each for each in service["volumes"] if each["type"] == "bind"]
    copy = shutil.copytree(mounted["source"], folder / "prometheus")
    config = copy / "prometheus.yml"
    text = config.read_text().replace("interval: 15s", "interval: 1s")
    gateway = f"127.0.0.1:{composed.port('gateway', 8082)}"
    config.write_text(text.replace("gateway:8082", gateway))
    mounted["source"] = str(copy)


def lake_of(composed):
    found = composed.environment("clean")
    keys = {
        "access_key_id": found["AWS_ACCESS_KEY_ID"],
        "secret_access_key": found["AWS_SECRET_ACCESS_KEY"],
    }
    server = S3(endpoint=found["PINLAKE_S3_ENDPOINT"], path_style=True, allow_http=True)
    return found["PINLAKE_LAKE"], server, composed.folder / "reader", keys


def filled():
    return [f"{way}/{table}" for way in ("clean", "stream") for table in TABLES]


@functools.cache
def expected(name):
    """Return the rows of a table of what the producer sent, cleaned by plain Python."""
    table = name.partition("/")[2]
    numbers = [draw.number for draw in islice(draws(PINTEREST.producer), 2 * POSTS)]
    sent = [next(generate(PINTEREST, table, number, 1)) for number in numbers]
    return first_of_each([clean(table, row) for row in sent])


def rows(lake, name):
    tables.forget(lake, name)  # another process wrote it
    found = tables.snapshot(lake, name)
    if found is None:
        return []
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        relation = tables.read(connection, found)
        return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


@pytest.mark.parametrize("name", filled())
def test_the_tables_in_s3_hold_what_was_sent(posted, name):
    found = {row["ind"]: row for row in rows(posted, name)}
    assert len(found) == len(rows(posted, name))
    assert found == {row["ind"]: row for row in expected(name)}


@pytest.mark.parametrize("table", TABLES)
def test_every_record_of_a_topic_is_in_raw_once(posted, table):
    places = sorted((row["_topic"], row["_offset"]) for row in rows(posted, f"raw/{table}"))
    assert places == [(f"{USER_ID}.{table}", offset) for offset in range(2 * POSTS)]


@pytest.mark.usefixtures("posted")
def test_topics_are_in_kafka_and_streams_in_the_gateways_log(composed):
    said = composed.execute("stream", "pinlake", "doctor", "--json")
    assert '"error"' not in said.stdout, said.stdout
    assert said.returncode == 0, said.stderr
    assert "kafka" in composed.environment("gateway")["PINLAKE_TOPICS"]
    home = composed.folder / "volumes" / "log"
    assert (home / "log.db").stat().st_size > 0
    assert not [*(composed.folder / "volumes" / "sink").glob("log.db*")]


@pytest.mark.usefixtures("posted")
def test_no_secret_is_printed_or_stands_in_the_process_list(composed, env):
    pairs = dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line)
    secrets = [pairs[name] for name in ("DATABASE_PASSWORD", "S3_SECRET_KEY", "GRAFANA_PASSWORD")]
    assert all(len(secret) == 32 for secret in secrets)
    told = [composed.log(path.stem) for path in composed.folder.glob("*.log")]
    told += [composed.command_line(name) for name in composed.running()]
    for text in told:
        assert not [secret for secret in secrets if secret in text]


@pytest.mark.usefixtures("posted")
def test_every_metric_of_dashboard_and_rules_is_one_of_the_gateways(composed):
    served = requests.get(f"http://127.0.0.1:{composed.port('gateway', 8082)}/metrics", timeout=10)
    names = set(re.findall(r"^(pinlake_\w+)[{ ]", served.text, re.MULTILINE))
    assert metrics() <= names
    assert {name for name in names if name.endswith("_total")} <= metrics()


@pytest.mark.parametrize("expression", EXPRESSIONS, ids=range(len(EXPRESSIONS)))
@pytest.mark.usefixtures("posted")
def test_prometheus_answers_every_panel_from_what_it_scraped(composed, expression):
    url = f"http://127.0.0.1:{composed.port('prometheus', 9090)}/api/v1/query"
    asked = expression.replace("$__rate_interval", "1m").replace("$__range", "1m")

    def answered():
        answer = requests.get(url, {"query": asked}, timeout=10).json()
        assert answer["status"] == "success", answer
        values = [float(each["value"][1]) for each in answer["data"]["result"]]
        return [each for each in values if each == each]  # no NaN

    wait_until(answered)


@pytest.mark.usefixtures("posted")
def test_prometheus_evaluates_every_rule_and_none_fires(composed):
    url = f"http://127.0.0.1:{composed.port('prometheus', 9090)}/api/v1/rules"

    def evaluated():
        [group] = requests.get(url, timeout=10).json()["data"]["groups"]
        return {(rule["health"], rule["state"]) for rule in group["rules"]} == {("ok", "inactive")}

    wait_until(evaluated)


@pytest.mark.usefixtures("posted")
def test_every_service_ends_well_when_it_is_told_to(composed):
    codes = composed.down()
    assert {name: codes[name] for name in LIVING} == dict.fromkeys(LIVING, 0)
