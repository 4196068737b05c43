"""The data set that docs/datasets.md writes is loaded, checked and run."""

import re
from pathlib import Path

import pytest

from pinlake import dataset, declaration, table
from pinlake.engine import agreement, check, dialect, functions
from sql_engines import DuckEngine

PAGE = (Path(__file__).parents[2] / "docs" / "datasets.md").read_text("utf-8")


@pytest.fixture
def shops(tmp_path):
    ((toml,), (cleaning, own, question)) = (blocks("toml"), blocks("sql"))
    (tmp_path / "clean").mkdir()
    (tmp_path / "queries").mkdir()
    (tmp_path / "dataset.toml").write_text(toml)
    (tmp_path / "functions.sql").write_text(own)
    (tmp_path / "clean" / "sale.sql").write_text(cleaning)
    (tmp_path / "queries" / "sold_by_year.sql").write_text(question)
    return dataset.load(str(tmp_path))


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)


def test_the_pages_data_set_is_without_fault(shops):
    assert check.check_dataset(shops) == []
    assert shops.questions["sold_by_year"].title == "How much was sold, per year?"
    assert shops.table_of_topic("0123456789ab.sale") is shops.tables["sale"]
    assert (shops.rows, shops.producer.seed, shops.producer.order) == (500, 7, ("sale",))


def test_the_pages_data_set_cleans_and_answers(duck, shops):
    engine = DuckEngine(duck)
    functions.define(duck, shops.functions_sql)
    sale = shops.tables["sale"]
    raw = [
        {"sale_id": 1, "article": "unknown", "price": "12.50", "sold_at": "2018-03-01 12:00:00"},
        {"sale_id": 2, "article": "tea", "price": "1,000.00", "sold_at": "2018-03-01T12:00:00"},
        {"sale_id": 3, "article": " ", "price": "0.99", "sold_at": "today"},
    ]
    engine.load("raw_sale", {column.name: column.type for column in sale.columns}, raw)
    cleaning = dialect.to_duckdb(sale.clean_sql.replace("`sale`", "raw_sale"))
    duck.execute(f"CREATE TABLE sale AS {cleaning}")
    assert duck.sql("SELECT sale_id, article, pence FROM sale").fetchall() == [
        (1, None, 1250),
        (2, "tea", None),
        (3, None, 99),
    ]
    assert engine.ask(shops.questions["sold_by_year"].sql)[1] == [(2018, 1250)]


def test_the_page_explains_every_key_of_dataset_toml_and_every_word_of_cleaning():
    for kind in (dataset.Emulation, dataset.StreamRoute, *table.ORIGINS.values()):
        assert all(field in PAGE for field in kind.__struct_fields__)
    assert all(f'source = "{name}"' in PAGE for name in table.ORIGINS)
    assert all(f"`{ending}`" in PAGE for ending in declaration.FORMATS)
    for key in (
        "topics",
        "streams",
        "key",
        "event_time",
        "source",
        "from",
        "rows",
        "type",
        "required",
        "aliases",
    ):
        assert f"| `{key}` |" in PAGE
    for function in functions.read(functions.words()):
        assert f"| `{function.name}(c)` |" in PAGE


def test_the_page_names_functions_that_the_check_refuses_or_guards():
    guarded = {kind.__name__.lower() for kind in agreement.GUARDED}
    assert guarded == {"lower", "upper", "trim"}
    assert all(f"`{name}`" in PAGE for name in guarded)
