"""The bundle is what Databricks takes, follows the data set, and names nothing that is not there."""

import re
import runpy
from pathlib import Path

import msgspec
import pytest
import yaml
from databricks.bundles.jobs import Job
from databricks.bundles.pipelines import Pipeline

from pinlake import dataset, settings
from pinlake.dataset import Table

ROOT = Path(__file__).parents[2]
BUNDLE = ROOT / "deploy" / "databricks"
RESOURCES = sorted((BUNDLE / "resources").glob("*.yml"))
BATCH = runpy.run_path(str(BUNDLE / "make_batch.py"), run_name="make_batch")
KINDS = {"jobs": Job, "pipelines": Pipeline}
"""Databricks' own models, which its bundle tool generates from the bundle's published schema."""


class Strict(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A part of databricks.yml by the configuration reference: what the resources are not."""


class Name(Strict):
    name: str


class File(Strict):
    source: str


class Artifact(Strict):
    type: str
    path: str
    build: str
    files: list[File]


class Sync(Strict):
    include: list[str]


class Variable(Strict):
    description: str
    default: str | int | dict[str, str] | None = None
    type: str = ""


class Presets(Strict):
    trigger_pause_status: str


class Target(Strict):
    mode: str
    default: bool = False
    presets: Presets | None = None
    variables: dict[str, str | int] = {}
    workspace: dict[str, str] = {}


class Root(Strict):
    bundle: Name
    include: list[str]
    artifacts: dict[str, Artifact]
    sync: Sync
    variables: dict[str, Variable]
    targets: dict[str, Target]


def root():
    return msgspec.convert(yaml.safe_load((BUNDLE / "databricks.yml").read_text()), Root)


def resources():
    """Return (kind, name, resource) of every file that the bundle includes."""
    for path in RESOURCES:
        for kind, named in yaml.safe_load(path.read_text())["resources"].items():
            yield from ((kind, name, each) for name, each in named.items())


def texts(value):
    """Yield every text in a value."""
    if isinstance(value, str):
        yield value
    for each in (
        value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    ):
        yield from texts(each)


def filled(text, values):
    """Return a text with the bundle's variables in it."""
    return re.sub(r"\$\{var\.(\w+)\}", lambda found: str(values[found[1]]), text)


def test_databricks_own_models_take_every_resource():
    found = [(kind, name) for kind, name, each in resources() if KINDS[kind].from_dict(each)]
    assert found == [
        ("jobs", "batch"), ("jobs", "keep"), ("pipelines", "tables"), ("jobs", "stream"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {"shedule": {}},
        {"continuous": {"pause_status": "NO"}},
        {"tasks": [{"task_key": "a", "notebook_task": {}}]},
    ],
)
def test_databricks_own_models_refuse_what_is_wrong(wrong):
    with pytest.raises((ValueError, TypeError)):
        Job.from_dict(wrong)


def test_the_root_has_the_targets_and_variables_that_are_used():
    found = root()
    assert {name: each.mode for name, each in found.targets.items()} == {
        "dev": "development",
        "prod": "production",
    }
    assert found.targets["dev"].presets.trigger_pause_status == "PAUSED"
    used = set(
        re.findall(
            r"\$\{var\.(\w+)\}",
            "".join(map(Path.read_text, [*RESOURCES, BUNDLE / "databricks.yml"])),
        )
    )
    assert used == set(found.variables)


def test_every_file_that_is_named_is_there_or_made_by_the_artifact():
    for path in RESOURCES:
        for text in texts(yaml.safe_load(path.read_text())):
            if text.startswith("../") and not text.endswith(".whl"):
                assert (path.parent / text).is_file(), f"{path.name} names {text}"
    wheel = root().artifacts["wheel"]
    assert (BUNDLE / wheel.path / "pyproject.toml").is_file()
    assert wheel.build.endswith("--outdir deploy/databricks/dist")
    wheels = {t for _, _, each in resources() for t in texts(each) if t.endswith(".whl")}
    assert wheels == {"../dist/*.whl"}


def test_the_batch_job_is_what_the_data_set_makes():
    committed = (BUNDLE / "resources" / "batch.yml").read_text()
    assert committed == BATCH["text"](dataset.load("pinterest").tables)


def test_a_table_of_streams_alone_is_none_of_the_batch_jobs():
    tables = dataset.load("pinterest").tables
    more = {**tables, "click": Table("click", streams=tables["pin"].streams)}
    assert BATCH["text"](more) == BATCH["text"](tables)


@pytest.mark.parametrize("name", ["pinterest", str(ROOT / "tests" / "library")])
def test_the_batch_job_loads_then_cleans_each_table_then_asks(name):
    tables = dataset.load(name).tables
    job = yaml.safe_load(BATCH["text"](tables))["resources"]["jobs"]["batch"]
    assert Job.from_dict(job)
    after = {
        task["task_key"]: [each["task_key"] for each in task.get("depends_on", ())]
        for task in job["tasks"]
    }
    cleans = [f"clean_{table}" for table in tables]
    assert after == {"load": [], **{each: ["load"] for each in cleans}, "questions": cleans}
    asked = [task["notebook_task"].get("base_parameters") for task in job["tasks"]]
    assert asked == [None, *({"table": table} for table in tables), None]


def test_every_parameter_of_a_notebook_task_is_a_widget_of_its_notebook():
    for kind, _, job in resources():
        for task in job["tasks"] if kind == "jobs" else ():
            notebook = task.get("notebook_task")
            if notebook:
                text = (BUNDLE / "resources" / notebook["notebook_path"]).read_text()
                for name in notebook.get("base_parameters", ()):
                    assert f'dbutils.widgets.text("{name}", ' in text


def test_the_environment_of_every_cluster_is_settings_that_pinlake_reads(tmp_path):
    variables = root().variables
    values = {name: each.default for name, each in variables.items() if each.default is not None}
    values |= {
        "lake": "s3://bucket/lake",
        "kafka": "kafka://one:9092,two:9092",
        "catalog": "main.pinlake",
    }
    environment = {
        name: filled(text, values) for name, text in variables["environment"].default.items()
    }
    home = settings.read(environment=environment, folder=tmp_path)
    assert (home.settings.engine, home.settings.spark.catalog) == ("spark", "main.pinlake")
    assert home.settings.kinesis.only == "streaming-0abc12345678-*"
    assert home.lake_url == "s3://bucket/lake"
    clusters = [
        each["new_cluster"]
        for kind, _, job in resources()
        if kind == "jobs"
        for each in job["job_clusters"]
    ]
    for _, _, each in resources():
        clusters += each.get("clusters", [])
    assert {each["spark_env_vars"] for each in clusters} == {"${var.environment}"}
