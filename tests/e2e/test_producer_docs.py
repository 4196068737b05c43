"""The Python in docs/source.md and docs/producer.md runs as it stands there."""

import re
from pathlib import Path

from harness.faulty_gateway import FaultyGateway
from pinlake.dataset import Column, Dataset, Emulation, Table, load
from pinlake.source.database import DatabaseSource
from pinlake.source.sample import write_sample

DOCS = Path(__file__).parents[2] / "docs"


def python_of(page):
    (block,) = re.findall(r"```python\n(.*?)```", (DOCS / page).read_text("utf-8"), re.DOTALL)
    return block


def test_posting_from_python(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".pinlake").mkdir()
    write_sample(load("pinterest"), "sqlite:///.pinlake/source.db", 11001)
    with FaultyGateway() as gateway:
        exec(python_of("producer.md").replace("http://127.0.0.1:8082", gateway.url), {})
    assert "10000 posts" in capsys.readouterr().out
    assert len(gateway.taken) == 30_000
    assert (tmp_path / ".pinlake" / "producer" / "bulk.json").exists()


def test_the_sample_of_a_data_set_of_one_s_own(tmp_path):
    (tmp_path / "sample.py").write_text(python_of("source.md"))
    sale = Table("sale", columns=(Column("ind", "INT", True),))
    write_sample(
        Dataset("shop", tmp_path, {"sale": sale}, {}, Emulation(), 5),
        f"sqlite:///{tmp_path / 'shop.db'}",
        5,
    )
    with DatabaseSource(f"sqlite:///{tmp_path / 'shop.db'}") as source:
        rows = list(source.rows("sale"))
    assert [row["ind"] for row in rows] == [0, 1, 2, 3, 4]
    assert {row["sold_at"] for row in rows} == {"2024-05-01 12:00:00"}
