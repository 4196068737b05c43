"""The files of deploy/compose, by the programs that read them in earnest, without any container."""

import json
import re
import shutil
import subprocess

import pytest
import typer.main

from harness import compose_model
from harness.compose_dashboard import DASHBOARD
from harness.compose_model import FOLDER, ROOT
from pinlake import settings
from pinlake.cli.main import app
from requirements_of_tests import require

SECRETS = ("DATABASE_PASSWORD", "GRAFANA_PASSWORD", "S3_SECRET_KEY")
COMMANDS = typer.main.get_command(app)
NO_SETTING = {"PINLAKE_HOME"}


@pytest.fixture(scope="module")
def env(tmp_path_factory):
    return compose_model.filled_env(tmp_path_factory.mktemp("env") / ".env")


@pytest.fixture(scope="module")
def services(env):
    return compose_model.load(env, "post")["services"]


@pytest.fixture(scope="module")
def ours(services):
    return {name: each for name, each in services.items() if compose_model.is_ours(each)}


def test_the_example_alone_starts_nothing_and_compose_names_each_secret_that_is_missing():
    with pytest.raises(compose_model.LoadError) as refused:
        compose_model.load(FOLDER / ".env.example")
    for name in SECRETS:
        assert f"required variable {name} is missing a value: set it in .env" in str(refused.value)


def test_the_documented_line_fills_every_secret_with_one_of_its_own_that_only_we_can_read(env):
    pairs = dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line)
    assert len({pairs[name] for name in SECRETS}) == len(SECRETS)
    assert all(re.fullmatch("[0-9a-f]{32}", pairs[name]) for name in SECRETS)
    assert env.stat().st_mode & 0o077 == 0
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "deploy/compose/.env" in ignored


def test_every_variable_of_the_example_is_used_and_every_one_used_is_in_the_example():
    text = (FOLDER / "compose.yaml").read_text()
    told = set(re.findall(r"^(\w+)=", (FOLDER / ".env.example").read_text(), re.MULTILINE))
    assert set(re.findall(r"\$\{(\w+)", text)) == told


def test_a_key_that_compose_does_not_know_is_refused(env, tmp_path):
    wrong = tmp_path / "compose.yaml"
    text = (FOLDER / "compose.yaml").read_text()
    wrong.write_text(text.replace("    healthcheck:\n", "    healthchecks:\n", 1))
    with pytest.raises(compose_model.LoadError, match="healthchecks"):
        compose_model.load(env, file=wrong)


def test_who_posts_runs_by_profile_only(env, services):
    assert set(services) - set(compose_model.load(env)["services"]) == {"post-kafka", "post-kinesis"}  # fmt: skip


def test_services_start_in_an_order_that_exists(env):
    order = compose_model.order(compose_model.load(env, "post"))
    for first, then in (
        ("s3", "bucket"), ("bucket", "gateway"), ("kafka", "gateway"), ("gateway", "stream"),
        ("database", "sample"), ("sample", "post-kafka"), ("prometheus", "grafana"),
    ):  # fmt: skip
        assert order.index(first) < order.index(then)


def test_who_is_waited_for_can_tell_that_it_is_well_or_ends(services):
    for name, service in services.items():
        for other, wanted in (service.get("depends_on") or {}).items():
            tells = compose_model.health_test(services[other]) is not None
            assert tells == (wanted["condition"] == "service_healthy"), f"{name} waits for {other}"
            assert tells or services[other]["restart"] == "on-failure:3"


def test_what_runs_for_ever_is_started_again_and_has_a_health_check(services):
    for name, service in services.items():
        check = compose_model.health_test(service)
        assert (check is not None) == (service["restart"] == "unless-stopped"), name


def test_every_image_has_a_version_of_its_own(services):
    stages = [rest.split(" AS ")[0] for _, name, rest in compose_model.instructions() if name == "FROM"]  # fmt: skip
    base = compose_model.of_image("ARG").removeprefix("PYTHON=")
    assert set(stages) == {"${PYTHON}"}
    for image in [base, *(each["image"] for each in services.values())]:
        assert re.fullmatch(r"[\w./-]+:v?\d+\.\d+\.\d+[\w.-]*", image), image


def test_our_image_is_called_by_our_version(ours):
    version = subprocess.run(
        [ROOT / ".venv/bin/pinlake", "--version"], capture_output=True, text=True, check=True
    ).stdout.split()[-1]
    assert {each["image"] for each in ours.values()} == {f"pinlake:{version}"}


def test_every_port_is_published_to_this_machine_alone(services):
    for service in services.values():
        assert all(each["host_ip"] == "127.0.0.1" for each in service.get("ports") or ())
    assert not services["kafka"].get("ports")
    assert not services["database"].get("ports")


def test_the_page_names_every_service_and_published_port(services):
    page = (ROOT / "docs" / "compose.md").read_text("utf-8")
    for name, service in services.items():
        assert f"`{name}`" in page
        for port in service.get("ports") or ():
            assert f"127.0.0.1:{port['published']}" in page


def test_every_variable_of_ours_is_a_setting_and_its_value_is_taken(ours, tmp_path):
    known = {settings.environment_name(name) for name in settings.variables()}
    for service in ours.values():
        own = {
            key: value
            for key, value in (service["environment"] | compose_model.image_environment()).items()
            if key.startswith("PINLAKE_")
        }
        assert set(own) <= known | NO_SETTING
        settings.read(environment=own, folder=tmp_path)


def test_every_command_line_of_ours_is_one_that_pinlake_takes(ours):
    for service in ours.values():
        program, *arguments = compose_model.command_line(service)
        if program == "pinlake":
            parsed(arguments)
    for name in ours:
        check = compose_model.health_test(ours[name])
        if check and check[0] == "pinlake":
            parsed(check[1:])


def parsed(arguments):
    """Parse a command line with the real commands, and run nothing."""
    command = COMMANDS.commands[arguments[0]]
    return command.make_context(arguments[0], list(arguments[1:]))


def test_a_command_line_that_pinlake_does_not_take_is_noticed():
    with pytest.raises(Exception, match="No such option: --unsafe"):
        parsed(["serve", "--unsafe"])


def test_stages_have_homes_apart_but_stream_which_reads_the_gateways_log(ours):
    homes = {
        name: next(each["source"] for each in service["volumes"])
        for name, service in ours.items()
        if service["restart"] == "unless-stopped"
    }
    assert homes == {"gateway": "log", "stream": "log", "sink": "sink", "load": "load", "clean": "clean"}  # fmt: skip


def test_only_who_needs_it_knows_a_secret(services, env):
    pairs = dict(line.split("=", 1) for line in env.read_text().splitlines() if "=" in line)
    knows = {
        secret: {name for name, each in services.items() if pairs[secret] in json.dumps(each)}
        for secret in SECRETS
    }
    lake = {"s3", "bucket", "gateway", "sink", "load", "clean", "stream"}
    posts = {"database", "sample", "post-kafka", "post-kinesis"}
    assert knows == {
        "DATABASE_PASSWORD": posts, "GRAFANA_PASSWORD": {"grafana"}, "S3_SECRET_KEY": lake,
    }  # fmt: skip


def test_ours_run_without_rights_as_a_user_that_is_not_root(ours):
    assert compose_model.of_image("USER") == "10001"
    for service in ours.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["read_only"] is True
        assert "user" not in service
        assert not service.get("privileged")


def test_hadolint_has_nothing_to_say_of_the_dockerfile():
    program = ROOT / ".venv/bin/hadolint"
    require(program.exists(), "there is no hadolint for this machine")
    done = subprocess.run([program, FOLDER / "Dockerfile"], capture_output=True, text=True)  # noqa: PLW1510
    assert (done.returncode, done.stdout) == (0, "")


def test_the_lock_is_that_of_pinlake_and_its_extras_add_to_it():
    plain, more = pins(ROOT / "requirements" / "run.txt"), pins(FOLDER / "requirements.txt")
    assert plain.items() <= more.items()
    assert {"boto3", "confluent-kafka", "pymysql", "psycopg", "aws-msk-iam-sasl-signer-python"} <= set(more)  # fmt: skip


def pins(lock):
    """Return {name: version} of a lock."""
    return dict(re.findall(r"^([\w.-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def test_prometheus_takes_its_configuration_and_each_alert_fires_when_it_must(tmp_path):
    require(shutil.which("promtool"), "there is no promtool (Debian's package prometheus)")
    promtool("check", "config", FOLDER / "prometheus" / "prometheus.yml")
    cases = tmp_path / "cases.yml"
    told = (ROOT / "tests" / "deploy" / "compose_alerts.yml").read_text()
    cases.write_text(f"rule_files: [{FOLDER / 'prometheus' / 'rules.yml'}]\n{told}")
    promtool("test", "rules", cases)
    alerts = (FOLDER / "prometheus" / "rules.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", alerts):
        assert re.search(rf"alertname: {alert}\n", told), f"no case has {alert} fire"


def promtool(*arguments):
    done = subprocess.run(["promtool", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_the_gateway_where_it_listens(services):
    config = (FOLDER / "prometheus" / "prometheus.yml").read_text()
    port = services["gateway"]["command"][services["gateway"]["command"].index("--port") + 1]
    assert f'["gateway:{port}"]' in config


def test_the_dashboard_asks_the_provisioned_source_and_its_panels_do_not_overlap(services):
    provisioning = FOLDER / "grafana" / "provisioning"
    source = (provisioning / "datasources" / "prometheus.yaml").read_text()
    taken = set()
    for panel in DASHBOARD["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert {panel["datasource"]["uid"], *(each["datasource"]["uid"] for each in panel["targets"])} == {"prometheus"}  # fmt: skip
        at = panel["gridPos"]
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not taken & cells
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert "uid: prometheus\n" in source
    mounted = {each["target"] for each in services["grafana"]["volumes"]}
    provider = (provisioning / "dashboards" / "pinlake.yaml").read_text()
    assert re.search(r"path: (\S+)", provider)[1] in mounted
