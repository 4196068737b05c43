"""Kafka behind SASL, TLS and ACLs: every command works signed in, and says what is wrong else."""

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from harness.kafka_security import grant, secured
from harness.pipeline import USER_ID, Gateway, pinlake, run_stages, wait_until

HEADERS = {"Content-Type": "application/vnd.kafka.json.v2+json"}
RIGHT, WRONG, READING = "right-s3cret-1", "wrong-s3cret-2", "reading-s3cret-3"
PIN = f"{USER_ID}.pin"
EVERYTHING = dict.fromkeys(("read", "write", "describe", "create", "describe_configs"), "*")


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    """A broker with one user who may do everything with topics, and one who may read one topic."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka, our extra kafka, is missing")
    broker = secured(tmp_path_factory.mktemp("secured") / "kafka")
    try:
        grant(broker, "all", RIGHT, **EVERYTHING)
        grant(broker, "reading", READING, read=PIN, describe=PIN)
        yield broker
    finally:
        broker.kill()


@pytest.fixture(scope="module")
def home(broker, tmp_path_factory):
    """A home whose topic of pins holds a record."""
    home = tmp_path_factory.mktemp("signed_in") / "home"
    with Gateway(home, environment=signed_in(broker)) as gateway:
        assert post(gateway, PIN).status_code == 200
    return home


def signed_in(broker, user="all", password=RIGHT, *, port=None, authority=True):
    """Return the environment of a pinlake that signs in."""
    made = {
        "PINLAKE_TOPICS": f"kafka://127.0.0.1:{port or broker.signed}",
        "PINLAKE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "PINLAKE_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "PINLAKE_KAFKA_SASL_USERNAME": user,
        "PINLAKE_KAFKA_SASL_PASSWORD": password,
        "PINLAKE_GATEWAY_PORT": "0",
    }
    if authority:
        made["PINLAKE_KAFKA_SSL_CA_LOCATION"] = str(broker.folder / "ca.pem")
    return made


def post(gateway, topic, value=1):
    data = json.dumps({"records": [{"value": value}]})
    return requests.post(f"{gateway.url}/topics/{topic}", data=data, headers=HEADERS, timeout=60)


def asked(environment, *words):
    """Run a command that may fail, and return what it prints."""
    done = pinlake(*words, environment=environment, check=False)
    return done.returncode, done.stdout + done.stderr


def findings(said):
    """Return the findings of doctor on Kafka."""
    lines = [json.loads(line) for line in said.splitlines() if line.startswith('{"severity')]
    return [each for each in lines if each["check"] == "Kafka"]


@pytest.mark.slow
def test_every_command_works_signed_in_and_the_password_is_nowhere(broker, tmp_path):
    environment = {**signed_in(broker), "PINLAKE_LOG_LEVEL": "debug"}
    printed = tmp_path / "printed"
    home = tmp_path / "home"
    with printed.open("ab") as out:
        serve = [sys.executable, "-m", "pinlake", "serve", "--port", "0", "--json", "--home", home]
        running = {"env": {**os.environ, **environment}, "stderr": out}
        gateway = subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, **running)
        sink = subprocess.Popen(
            [sys.executable, "-m", "pinlake", "sink", "--home", home], stdout=out, **running
        )
        try:
            line = gateway.stdout.readline()
            at = type("At", (), {"url": json.loads(line)["url"]})
            assert [post(at, "mine", n).status_code for n in range(20)] == [200] * 20
            assert requests.get(f"{at.url}/ready", timeout=60).status_code == 200
            lines = [Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in (gateway, sink)]
            assert all(b"pinlake" in each and RIGHT.encode() not in each for each in lines)
        finally:
            for each in (gateway, sink):
                each.terminate()
                each.communicate(timeout=60)
    run_stages(home, "sink", "load", environment=environment)
    said = [asked(environment, *words, "--home", home) for words in
            (("status", "--json"), ("doctor", "--json"), ("config", "--json"))]  # fmt: skip
    assert [code for code, _ in said] == [0, 0, 0]
    assert '"lag":0' in said[0][1].replace(" ", "")
    told = findings(said[1][1])
    assert {each["severity"] for each in told} == {"ok"}
    assert "answers with 1 brokers" in told[0]["what"]
    written = [each.read_bytes() for each in home.rglob("*") if each.is_file()]
    written += [printed.read_bytes(), *(text.encode() for _, text in said)]
    assert len(written) > 8
    assert not [text[:200] for text in written if RIGHT.encode() in text]
    assert printed.read_bytes()


@pytest.mark.slow
def test_who_is_not_let_in_is_told_why_and_what_to_do(broker, home, tmp_path):
    cases = {
        "does not let us sign in": (signed_in(broker, password=WRONG), "PINLAKE_KAFKA_SASL_PASS"),
        "has expired": (signed_in(broker, port=broker.expired), "ssl.ca.location"),
        "unable to get local issuer": (signed_in(broker, authority=False), "ssl.ca.location"),
    }

    def through_the_gateway(environment, folder):
        with Gateway(folder, environment=environment) as gateway:
            answer = post(gateway, PIN)
            return answer.status_code, answer.text

    with ThreadPoolExecutor(9) as pool:
        results = [
            (
                pool.submit(asked, environment, "doctor", "--json", "--home", home),
                pool.submit(asked, environment, "sink", "--once", "--home", home),
                pool.submit(through_the_gateway, environment, tmp_path / f"home{number}"),
            )
            for number, (environment, _) in enumerate(cases.values())
        ]
    for (why, (environment, do)), answers in zip(cases.items(), results, strict=True):
        doctor, sink, gateway = [each.result() for each in answers]
        (found,) = findings(doctor[1])
        assert found["severity"] == "error"
        assert why in found["what"] + found["do"]
        assert sink[0] == 1
        assert do in sink[1]
        assert gateway[0] == 503
        assert do in gateway[1]
        for _, text in (doctor, sink, gateway):
            assert environment["PINLAKE_KAFKA_SASL_PASSWORD"] not in text


@pytest.mark.slow
def test_a_right_that_is_missing_is_named(broker, home):
    reading = signed_in(broker, "reading", READING)
    with Gateway(home, environment=reading) as gateway:
        for topic in (PIN, PIN, "other"):  # each time: a producer that was refused is made again
            answer = settled(gateway, topic)
            assert (answer.status_code, answer.json()["error_code"]) == (403, 40301)
            assert "Describe and Write" in answer.text
        assert requests.get(f"{gateway.url}/health", timeout=60).status_code == 200
    assert asked(reading, "sink", "--once", "--home", home)[0] == 0
    code, said = asked(reading, "doctor", "--json", "--home", home)
    told = {each["what"]: each for each in findings(said)}
    assert any("may not make topics of any name" in what for what in told)
    (written,) = [each for what, each in told.items() if "may not write" in what]
    assert PIN in written["what"]
    assert "--operation Write" in written["do"]
    post_as_all(broker, home, "unread")
    grant(broker, "reading", READING, describe="unread")
    code, said = asked(reading, "sink", "--once", "--home", home)
    assert code == 1
    assert "forbids this for topic unread" in said
    assert "Describe and Read" in said
    code, said = asked(reading, "doctor", "--json", "--home", home)
    assert code == 1
    (unread,) = [each for each in findings(said) if each["severity"] == "error"]
    assert "unread: the stages may not read it" in unread["what"]


def settled(gateway, topic):
    """Post as a retrying client does: again after each 503."""
    while (answer := post(gateway, topic)).status_code == 503:
        pass
    return answer


def post_as_all(broker, home, topic):
    with Gateway(home, environment=signed_in(broker)) as gateway:
        assert post(gateway, topic).status_code == 200
        wait_until(lambda: requests.get(f"{gateway.url}/topics/{topic}", timeout=9).ok)
