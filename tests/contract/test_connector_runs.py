"""Whole pipelines whose sink follows a connector's configuration: every record is in raw once."""

from __future__ import annotations

import base64
import json
import multiprocessing
import signal
import subprocess
import sys

import pytest

import lake_processes
from pinlake.errors import ObjectsInTheWay
from pinlake.lake import objects
from pinlake.lake.naming import Naming
from pinlake.lake.open import open_lake
from pinlake.lake.progress import Plans
from pinlake.log.open import open_log
from pinlake.record import topic
from pinlake.run.erase import run_erase
from pinlake.settings import Sink
from pinlake.stage.status import status
from stage_homes import TOPIC, make_home, once, open_home, post, rows, value

COUNT = 90
TIMED = {
    "partition.duration.ms": "3600000",
    "path.format": "'year'=YYYY/'hour'=HH",
    "locale": "en",
    "timezone": "UTC",
}
CONNECTORS = {
    "default": {},
    "named": {
        "topics.dir": "kafka/in",
        "file.delim": "-",
        "filename.offset.zero.pad.width": "0",
        "s3.compression.type": "gzip",
    },
    "field": {"partitioner.class": "FieldPartitioner", "partition.field.name": "name"},
    "two fields": {"partitioner.class": "FieldPartitioner", "partition.field.name": "name,odd"},
    "wallclock": {"partitioner.class": "TimeBasedPartitioner", **TIMED},
    "record": {
        "partitioner.class": "TimeBasedPartitioner",
        "timestamp.extractor": "Record",
        **TIMED,
    },
    "record field": {
        "partitioner.class": "TimeBasedPartitioner",
        "timestamp.extractor": "RecordField",
        "timestamp.field": "at",
        **TIMED,
    },
    "rotating": {
        "partitioner.class": "HourlyPartitioner",
        "timestamp.extractor": "RecordField",
        "timestamp.field": "at",
        "rotate.interval.ms": "600000",
        **TIMED,
    },
}


def sale(number):
    record = {"ind": number, "name": f"n{number % 3}", "odd": number % 2 == 1}
    return json.dumps(
        {**record, "at": (number // 10) * 1_200_000 + number % 2 * 3_600_000}
    ).encode()


VALUES = [sale(number) for number in range(COUNT)]
VALUES[7], VALUES[8] = b"junk", None
VALUES[20] = b'[{"ind": 20, "name": "a"}, {"ind": 21, "name": "b"}]'


@pytest.fixture
def configure(tmp_path):
    def configure(values, **more):
        path = tmp_path / "sink.json"
        path.write_text(json.dumps({"flush.size": "25", **values, **more}))
        return Sink(connector=str(path))

    return configure


def positions(home, table="sale"):
    """Return every (offset, element) of raw and of quarantine, sorted: doubles stay doubles."""
    raw = rows(home, f"raw/{table}", "_partition, _offset, _element")
    kept = rows(home, f"quarantine/load/{table}", '"partition", "position", element')
    return sorted([*raw, *((int(part), int(at), element) for part, at, element in kept)])


def expected(count=COUNT):
    return sorted([*((0, at, 0) for at in range(count)), (0, 20, 1)])


def named(home):
    lake = open_lake(home)
    return {str(key): objects.get(lake, str(key)) for key in objects.listing(lake, "sales")}


@pytest.mark.parametrize("name", CONNECTORS)
def test_every_record_is_in_raw_or_quarantine_once_at_its_own_offset(tmp_path, configure, name):
    home, dataset = make_home(tmp_path, sink=configure(CONNECTORS[name]))
    for first in range(0, COUNT, 40):
        post(home, TOPIC, VALUES[first : first + 40])
        for stage in ("sink", "load", "load"):
            once(stage, home, dataset)
    assert positions(home) == expected()
    found = dict(rows(home, "raw/sale", "_offset, ind"))
    assert all(ind in {at, 20, 21} for at, ind in found.items())


def test_field_objects_are_named_and_filled_as_the_connector_does(tmp_path, configure):
    home, dataset = make_home(tmp_path, sink=configure(CONNECTORS["field"]))
    post(
        home, TOPIC, [b'{"name":"a","x":0}', b'{"name":"b"}', b'{"name": "a", "x": 2}', b'{"x":3}']
    )
    once("sink", home, dataset)
    assert named(home) == {
        "topics/sales/name=a/sales+0+0000000000.json": b'{"name":"a","x":0}\n{"name":"a","x":2}\n',
        "topics/sales/name=b/sales+0+0000000001.json": b'{"name":"b"}\n',
        "topics/sales/name=__HIVE_DEFAULT_PARTITION__/sales+0+0000000003.json": b'{"x":3}\n',
    }
    assert open_lake(home).get("offsets/topics/sales/name=a/sales+0+0000000000.json") == b"0,2\n"


def test_flush_size_counts_the_records_of_a_partition_in_all_folders(tmp_path, configure):
    home, dataset = make_home(tmp_path, sink=configure(CONNECTORS["field"]))
    post(home, TOPIC, VALUES[30:90])
    once("sink", home, dataset)
    starts = sorted(objects.parse(key).start for key in named(home))
    assert starts == [0, 1, 2, 25, 26, 27, 50, 51, 52]


def test_a_later_record_or_another_folder_closes_an_object_by_the_records_time(tmp_path, configure):
    values = {**CONNECTORS["rotating"], "flush.size": "1000"}
    home, dataset = make_home(tmp_path, sink=configure(values))
    times = [0, 100_000, 599_999, 600_000, 1_199_999, 3_600_000, 0, 5]
    post(home, TOPIC, [json.dumps({"ind": 1, "at": at}).encode() for at in times])
    once("sink", home, dataset)
    counts = {
        (key.split("/")[-2], objects.parse(key).start): content.count(b"\n")
        for key, content in named(home).items()
    }
    assert counts == {
        ("hour=00", 0): 3,
        ("hour=00", 3): 2,
        ("hour=01", 5): 1,
        ("hour=00", 6): 2,
    }


def test_the_schedule_closes_an_object_by_the_clock_on_the_wall(tmp_path, configure):
    from pinlake.stage.connector.configuration import connector_of
    from pinlake.stage.sink import Sink as Stage
    from pinlake.stage.worker import Worker

    schedule = {"rotate.schedule.interval.ms": "60000", "timezone": "UTC", "flush.size": "100"}
    home, _ = make_home(tmp_path, sink=configure(schedule))
    post(home, TOPIC, [value(1)])
    log, lake, wall = open_log(home.log_url), open_lake(home), [1_700_000_030.0]
    connector = connector_of(home.settings.sink)
    (planner,) = Stage(lake, log, connector, wall=lambda: wall[0]).planners()
    worker = Worker(lake, planner)
    assert worker.advance()[0] is None
    wall[0] = 1_700_000_039.9
    assert worker.advance()[0] is None
    wall[0] = 1_700_000_040.0
    assert worker.advance()[0].rows == 1
    worker.close()
    log.close()


def test_only_the_connectors_topics_are_written(tmp_path, configure):
    home, dataset = make_home(tmp_path, sink=configure({"topics.regex": "sal.*"}))
    for name in ("sales", "wholesale"):
        post(home, topic(name), [value(1)])
    once("sink", home, dataset)
    assert objects.topics(open_lake(home)) == ["sales"]


def test_another_configuration_on_the_way_loses_and_doubles_nothing(tmp_path, configure):
    home, dataset = make_home(tmp_path)
    for first, values in enumerate(CONNECTORS.values()):
        home, _ = open_home(tmp_path, sink=configure(values))
        post(home, TOPIC, VALUES[first * 10 : first * 10 + 10])
        once("sink", home, dataset)
        if first % 2:
            once("load", home, dataset)
    assert positions(home) == [each for each in expected() if each[1] < 10 * len(CONNECTORS)]
    found = {each.table: each.lag for each in status(home, dataset) if each.stage == "load"}
    assert found["sale"] == 0


def test_a_plan_left_half_done_is_finished_as_planned_under_another_configuration(
    tmp_path, configure
):
    home, dataset = make_home(tmp_path, sink=configure(CONNECTORS["field"]))
    post(home, TOPIC, VALUES[:20])
    once("sink", home, dataset)
    whole, lake = named(home), open_lake(home)
    for key in sorted(whole)[1:]:
        lake.delete(key)
        lake.delete(f"offsets/{key}")
    again, _ = open_home(tmp_path, sink=configure(CONNECTORS["named"]))
    once("sink", again, dataset)
    assert named(home) == whole
    once("load", home, dataset)
    assert positions(home) == [(0, at, 0) for at in range(20)]


@pytest.mark.parametrize("order", [1, -1])
def test_objects_that_a_connector_wrote_are_loaded_in_whatever_order_they_are_copied(
    tmp_path, order
):
    home, dataset = make_home(tmp_path)
    lake = open_lake(home)
    keys = [
        Naming().key("sales", "partition=0", 0, 0),
        Naming(width=20).key("sales", "year=2024/month=01", 0, 30),
        Naming(extension=".json.gz").key("sales", "name=a", 0, 60),
        Naming(delim="_").key("sales", "partition=1", 1, 0),
    ]
    for key in keys[::order]:
        first = key.start + 100 * key.partition
        objects.put(lake, key, b"".join(value(at) + b"\n" for at in range(first, first + 30)))
        for _ in range(2):
            once("load", home, dataset)
    assert rows(home, "raw/sale") == [(at,) for at in [*range(90), *range(100, 130)]]
    assert len(positions(home)) == len(set(positions(home))) == 120


def test_copied_objects_are_known_after_the_plans_that_took_them_are_pruned(tmp_path):
    home, dataset = make_home(tmp_path)
    lake = open_lake(home)
    for at in range(5):
        objects.put(lake, Naming().key("sales", f"day={9 - at}", 0, at), value(at) + b"\n")
        once("load", home, dataset)
    plans = Plans(lake, "load", "sale")
    for number in plans.numbers()[:-1]:
        lake.delete(f"{plans.folder}/{number:020}.json")
    once("load", home, dataset)
    assert rows(home, "raw/sale") == [(at,) for at in range(5)]


def test_the_sink_does_not_mix_its_objects_with_copied_ones(tmp_path):
    home, dataset = make_home(tmp_path)
    lake = open_lake(home)
    objects.put(lake, Naming().key("sales", "partition=0", 0, 0), value(7) + b"\n")
    post(home, TOPIC, [value(1)])
    with pytest.raises(ObjectsInTheWay, match="move them out"):
        once("sink", home, dataset)
    once("load", home, dataset)
    assert rows(home, "raw/sale") == [(7,)]


def test_load_waits_for_what_the_newest_plan_has_not_written_yet(tmp_path, configure):
    """A listing may show a later object of a plan before an earlier one that is being written."""
    home, dataset = make_home(tmp_path, sink=configure(CONNECTORS["field"]))
    post(home, TOPIC, VALUES[:20])
    once("sink", home, dataset)
    lake = open_lake(home)
    keys = sorted(map(objects.parse, named(home)))
    hidden = {str(key): objects.get(lake, str(key)) for key in keys[2:]}
    for key in hidden:
        lake.delete(key)
    once("load", home, dataset)
    for key, content in hidden.items():
        objects.put(lake, objects.parse(key), content)
    once("load", home, dataset)
    assert positions(home) == [(0, at, 0) for at in range(20)]


def test_the_command_says_of_each_key_that_it_does_not_honour_that_it_does_not(tmp_path):
    (tmp_path / "s3.properties").write_text(
        "topics=a\nflush.size=2\ns3.bucket.name=b\nflush.sise=1\n"
    )
    home = tmp_path / "home"
    command = [sys.executable, "-m", "pinlake", "sink", "--home", str(home), "--once", "--json"]
    log_home = subprocess.run(
        [*command, "--connector", "s3.properties"],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert log_home.returncode == 0, log_home.stderr
    assert log_home.stderr.splitlines() == [
        "pinlake: s3.bucket.name is not honoured: objects go to the lake; see the setting `lake`",
        "pinlake: flush.sise is not honoured: it is unknown; did you mean flush.size?",
    ]
    (tmp_path / "pinlake.toml").write_text('[sink]\nconnector = "s3.properties"\n')
    (tmp_path / "s3.properties").write_text("transforms=route\n")
    refused = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "transforms = 'route' cannot be honoured" in refused.stderr


@pytest.mark.parametrize("name", ["named", "record field"])
def test_a_key_is_erased_from_objects_of_every_layout(tmp_path, configure, name):
    home, dataset = make_home(tmp_path, sink=configure(CONNECTORS[name]))
    post(home, TOPIC, VALUES)
    for stage in ("sink", "load", "clean"):
        once(stage, home, dataset)
    before = named(home)
    assert run_erase(home, dataset, "sale", "55").objects == 1
    after = named(home)
    assert [key for key in before if before[key] != after[key]] != []
    assert b'"ind":55' in b"".join(before.values())
    assert b'"ind":55' not in b"".join(after.values())
    assert positions(home) == expected(), "what stands for the record is in quarantine"


@pytest.fixture(scope="module")
def processes():
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lake_processes", "stage_homes", "pinlake.stage.start"])
    return context


def die(processes, folder, stage, steps, connector):
    child = processes.Process(
        target=lake_processes.run_stage_until_killed, args=(str(folder), stage, steps, connector)
    )
    child.start()
    child.join(60)
    assert child.exitcode in {0, -signal.SIGKILL}
    return child.exitcode != 0


@pytest.mark.parametrize(
    ("name", "point"),
    [("field", 3), ("field", 9), ("field", 21), ("record field", 6), ("wallclock", 12)],
)
def test_a_sink_killed_at_a_step_leaves_what_its_next_run_makes_exactly_once(
    processes, tmp_path, configure, name, point
):
    settings = configure(CONNECTORS[name])
    home, dataset = make_home(tmp_path, sink=settings)
    post(home, TOPIC, VALUES)
    assert die(processes, tmp_path, "sink", point, settings.connector)
    die(processes, tmp_path, "load", point, "")
    die(processes, tmp_path, "sink", point + 4, settings.connector)
    for stage in ("sink", "load"):
        once(stage, home, dataset)
    assert positions(home) == expected()
    assert base64.b64encode(b"junk") in b"".join(named(home).values())
