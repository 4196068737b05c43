"""A data set's sample.py that is wrong is refused with its path and line."""

import re

import pytest

from pinlake.dataset import Column, Dataset, Emulation, Table
from pinlake.errors import DatasetInvalid, SampleInvalid
from pinlake.source.sample import generate, write_sample

GOOD = """\
COLUMNS = {"thing": {"ind": "INT", "word": "VARCHAR(9)"}}


def post(number, rng):
    return {"thing": (number, rng.choice(["a", "b"]))}
"""


@pytest.fixture
def dataset(tmp_path):
    columns = (Column("ind", "INT", True), Column("word", "STRING"))
    table = Table("thing", key="ind", columns=columns, source_table="things")
    return Dataset("things", tmp_path, {"thing": table}, {}, Emulation(), 10)


def test_a_good_one_makes_rows(dataset):
    (dataset.path / "sample.py").write_text(GOOD)
    rows = list(generate(dataset, "thing", 3, 4))
    assert [row["ind"] for row in rows] == [3, 4, 5, 6]
    assert {row["word"] for row in rows} <= {"a", "b"}


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (GOOD.replace("def post", "def pots"), 1, "it has no post"),
        (GOOD.replace("COLUMNS", "COLUMN"), 1, "it has no COLUMNS"),
        (GOOD.replace("number, rng):", "number, rng:"), 4, "'(' was never closed"),
        ("import nowhere\n" + GOOD, 1, "ModuleNotFoundError: No module named 'nowhere'"),
        (GOOD.replace('{"thing": {', '{"thin": {'), 1, "COLUMNS has a table 'thin'"),
        (
            GOOD.replace("(number, rng.", "(number, 1, rng."),
            1,
            "post makes 3 of 2 columns of thing",
        ),
        (GOOD.replace('return {"thing"', 'return {"king"'), 1, "post makes ['king']"),
        (GOOD.replace("rng.choice", "rng.chose"), 5, "AttributeError"),
        (GOOD.replace("(number, rng.", "(number / 0, rng."), 5, "ZeroDivisionError"),
    ],
)
def test_a_wrong_one_is_refused_where_it_is_wrong(dataset, tmp_path, text, line, reason):
    (dataset.path / "sample.py").write_text(text)
    where = re.escape(f"{dataset.path / 'sample.py'}:{line}: {reason}")
    with pytest.raises(DatasetInvalid, match=where):
        write_sample(dataset, f"sqlite:///{tmp_path / 'source.db'}", 5)
    assert not (tmp_path / "source.db").exists()


def test_a_missing_one_is_named(dataset):
    with pytest.raises(DatasetInvalid, match=r"sample\.py:1: there is no such file"):
        next(generate(dataset, "thing", 0, 1))


def test_an_unknown_type_is_named_with_the_known_ones(dataset, tmp_path):
    (dataset.path / "sample.py").write_text(GOOD.replace('"INT"', '"NUMBER"'))
    with pytest.raises(SampleInvalid, match=r"no type 'NUMBER'; use one of INT, .*VARCHAR\(n\)"):
        write_sample(dataset, f"sqlite:///{tmp_path / 'source.db'}", 5)
