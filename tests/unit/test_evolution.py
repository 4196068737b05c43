"""What a live table may become, and what a kill leaves of its change."""

import json

import pytest
from deltalake import Schema

from pinlake.dataset import Column, Table
from pinlake.errors import ColumnsUnfit, RulesChanged
from pinlake.lake import evolution, types
from pinlake.lake.file import FileLake
from steps import World


def schema(key=None, **columns):
    fields = [
        {
            "name": name,
            "type": kind,
            "nullable": True,
            "metadata": {types.KEY: True} if name == key else {},
        }
        for name, kind in columns.items()
    ]
    return Schema.from_json(json.dumps({"type": "struct", "fields": fields}))


def struct(**columns):
    return json.loads(schema(**columns).to_json())


def listed(kind):
    return {"type": "array", "elementType": kind, "containsNull": True}


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        ("integer", "long"),
        ("integer", "double"),
        ("float", "double"),
        ("long", "decimal(19,0)"),
        ("integer", "decimal(12,2)"),
        ("decimal(5,2)", "decimal(7,3)"),
        (struct(a="integer"), struct(a="long", b="string")),
        (listed("integer"), listed("long")),
    ],
)
def test_a_type_may_become_wider(found, wanted):
    assert types.unfit(schema(a=found), schema(a=wanted)) is None
    assert types.unfit(schema(a=wanted), schema(a=found)) is not None
    assert types.widened(schema(a=found), schema(a=wanted))


@pytest.mark.parametrize(
    ("found", "wanted", "reason"),
    [
        ({"a": "long"}, {"a": "double"}, "column a is BIGINT and cannot become DOUBLE"),
        ({"a": "string"}, {"a": "long"}, "column a is VARCHAR and cannot become BIGINT"),
        ({"a": "long", "b": "long"}, {"a": "long"}, "column b is gone"),
        ({"a": "decimal(5,2)"}, {"a": "decimal(6,1)"}, "cannot become DECIMAL(6,1)"),
        ({"a": struct(x="long")}, {"a": struct(y="long")}, "column a.x is gone"),
        ({"a": "integer"}, {"a": "decimal(10,1)"}, "cannot become"),
    ],
)
def test_anything_else_is_refused_with_the_reason(found, wanted, reason):
    assert reason in types.unfit(schema(**found), schema(**wanted))


def test_another_key_is_refused_and_an_unmarked_one_taken_over():
    columns = {"a": "long", "b": "long"}
    assert types.unfit(schema("a", **columns), schema("b", **columns)) == (
        "its key is a, the data set's is b"
    )
    assert types.unfit(schema(**columns), schema("b", **columns)) is None
    assert types.key(types.merged(schema(**columns), schema("b", **columns))) == "b"


def test_not_null_of_old_columns_stays_and_new_ones_are_nullable():
    tree = struct(a="long")
    tree["fields"][0] |= {"nullable": False, "metadata": {"comment": "ours"}}
    found = Schema.from_json(json.dumps(tree))
    merged = json.loads(types.merged(found, schema(b="long", a="long")).to_json())["fields"]
    assert [(each["name"], each["nullable"]) for each in merged] == [("b", True), ("a", False)]
    assert merged[1]["metadata"] == {"comment": "ours"}


def table(kind, *more, key="ind"):
    columns = (Column("ind", kind, required=True), *(Column(each, "STRING") for each in more))
    names = ", ".join(column.name for column in columns)
    return Table("t", key=key, columns=columns, clean_sql=f"SELECT {names} FROM t")


def record(**fields):
    return json.dumps(fields).encode()


@pytest.fixture
def world(tmp_path):
    made = World(tmp_path)
    yield made
    made.engine.close()


class Killed(BaseException):
    pass


@pytest.mark.parametrize("creates", range(3))
def test_a_kill_on_the_way_leaves_the_old_table_or_the_new_one(world, monkeypatch, creates):
    world.stream(table("INT"), 1, "s", None, world.post("s", [record(ind=1), record(ind=2)]))
    world.restart()
    create, seen = FileLake.create, []

    def create_or_die(lake, key, content):
        if key.startswith("stream/t/_delta_log"):
            seen.append(key)
            if len(seen) > creates:
                raise Killed
        return create(lake, key, content)

    upto = world.post("s", [record(ind=2, more="x"), record(ind=2**40, more="y")])
    with monkeypatch.context() as patch:
        patch.setattr(FileLake, "create", create_or_die)
        if creates < 2:
            with pytest.raises(Killed):
                world.stream(table("BIGINT", "more"), 2, "s", 1, upto)
        else:
            world.stream(table("BIGINT", "more"), 2, "s", 1, upto)
    world.restart()
    world.stream(table("BIGINT", "more"), 2, "s", 1, upto)
    assert world.rows("stream/t") == [(1, None), (1099511627776, "y"), (2, None)]
    assert world.history("stream/t")[0]["version"] == 3


def test_a_step_that_was_cut_off_is_not_ended_by_other_rules(world, monkeypatch):
    def die_at_rows(lake, key, content):
        if key.startswith("stream/t/_delta_log"):
            raise Killed
        return create(lake, key, content)

    create = FileLake.create
    world.stream(table("INT"), 1, "s", None, world.post("s", [record(ind=1)]))
    upto = world.post("s", [record(ind=2), record(ind=2**40)])
    with monkeypatch.context() as patch:
        patch.setattr(FileLake, "create", die_at_rows)
        with pytest.raises(Killed):
            world.stream(table("INT"), 2, "s", 0, upto)
    world.restart()
    with pytest.raises(RulesChanged, match="put its folder back as it was"):
        world.stream(table("BIGINT"), 2, "s", 0, upto)
    world.restart()
    assert world.stream(table("INT"), 2, "s", 0, upto).rows == 1
    world.restart()
    more = world.post("s", [record(ind=2**41)])
    assert world.stream(table("BIGINT"), 3, "s", upto, more).rows == 1
    assert world.rows("stream/t") == [(1,), (2,), (2**41,)]
    assert len(world.rows("quarantine/stream/t")) == 1


def test_a_changed_key_is_refused_before_quarantine_is_written(world):
    world.stream(table("INT", "more"), 1, "s", None, world.post("s", [record(ind=1, more="a")]))
    world.restart()
    upto = world.post("s", [b"junk", record(ind=3, more="a")])
    with pytest.raises(ColumnsUnfit, match="its key is ind, the data set's is more"):
        world.stream(table("INT", "more", key="more"), 2, "s", 0, upto)
    assert world.rows("quarantine/stream/t") == []
    world.restart()
    assert world.stream(table("INT", "more"), 2, "s", 0, upto).rows == 1


def test_cleaning_goes_on_over_raw_rows_that_are_older_than_a_column(world):
    world.load(table("INT"), 1, world.put("x", [record(ind=1), record(ind=2)]))
    widened = table("BIGINT", "more")
    assert world.clean(widened, 1, None, 1).rows == 2
    assert world.rows("clean/t") == [(1, None), (2, None)]
    world.load(widened, 2, world.put("x", [record(ind=3, more="x")], start=2))
    assert world.clean(widened, 2, 1, 3).rows == 1


def test_raw_that_is_wider_than_the_data_set_is_a_clear_error_for_clean(world):
    world.load(table("BIGINT"), 1, world.put("x", [record(ind=2**40)]))
    with pytest.raises(ColumnsUnfit, match="column ind is BIGINT and cannot become INTEGER"):
        world.clean(table("INT"), 1, None, 1)


def test_a_racing_writer_of_the_same_change_is_as_good_as_ours(world):
    world.stream(table("INT"), 1, "s", None, world.post("s", [record(ind=1)]))
    wanted = schema("ind", ind="long", more="string")
    evolution.follow(world.lake, "stream/t", wanted, world.engine.connection)
    evolution.follow(world.lake, "stream/t", wanted, world.engine.connection)
    assert world.versions() == {"stream/t": 2}
