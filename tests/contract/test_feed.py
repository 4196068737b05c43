"""Every feed of load: what a plan names is read again just so, or the source is said to have changed."""

import json
import os
import shutil
from pathlib import Path

import pytest

from pinlake.errors import SourceChanged, SourceFailed
from pinlake.source import files, rows
from pinlake.source.connection import connect
from pinlake.source.feed import open_feed
from pinlake.table import Column, DatabaseOrigin, FileOrigin, Table

COLUMNS = (Column("ind", "INT", required=True), Column("name", "STRING"))
MUCH = 10**9


def rewrite(path, old, new):
    """Change a file, and its time by more than a tick of the clock."""
    then = path.stat().st_mtime_ns
    path.write_text(path.read_text().replace(old, new))
    os.utime(path, ns=(then, then + 10**9))


class CsvPlace:
    """A folder of CSV files."""

    kind, new_piece = "csv", True

    def __init__(self, folder):
        self.folder = folder
        origin = FileOrigin("data/*.csv", "csv", ",")
        self.table = Table("t", columns=COLUMNS, origin=origin, source_table="t")
        (folder / "data").mkdir()

    def open(self):
        return open_feed(self.table, self.folder, "")

    def add(self, numbers, piece="a"):
        path = self.folder / f"data/{piece}.csv"
        head = "" if path.exists() else "ind,name\n"
        with path.open("a") as file:
            file.write(head + "".join(f'{n},"n\n{n}"\n' for n in numbers))

    def change(self):
        path = self.folder / "data/a.csv"
        rewrite(path, '"n\n0"', '"m\n0"')

    def value(self, number):
        return {"ind": number, "name": f"n\n{number}"}


class LinesPlace(CsvPlace):
    """A folder of files with a JSON value a line."""

    kind = "jsonl"

    def __init__(self, folder):
        super().__init__(folder)
        origin = FileOrigin("data/*.json", "jsonl", ",")
        self.table = Table("t", columns=COLUMNS, origin=origin, source_table="t")

    def add(self, numbers, piece="a"):
        with (self.folder / f"data/{piece}.json").open("a") as file:
            file.writelines(json.dumps(self.value(n)) + "\n" for n in numbers)

    def change(self):
        path = self.folder / "data/a.json"
        rewrite(path, "n\\n0", "m\\n0")


class DatabasePlace:
    """A table of a database."""

    kind, new_piece = "database", False

    def __init__(self, folder, url=""):
        self.opened = []
        self.folder, self.url = folder, url or f"sqlite:///{folder / 'source.db'}"
        self.table = Table("t", columns=COLUMNS, origin=DatabaseOrigin(), source_table="t_data")
        self.run("CREATE TABLE t_data (ind INTEGER PRIMARY KEY, name VARCHAR(20))")

    def run(self, sql, *rows):
        engine = connect(self.url)
        mark = "?" if engine.dialect.paramstyle == "qmark" else "%s"
        with engine.begin() as connection:
            connection.exec_driver_sql(sql.replace("?", mark), *([list(rows)] if rows else []))
        engine.dispose()

    def open(self):
        self.opened.append(open_feed(self.table, self.folder, self.url))
        return self.opened[-1]

    def close(self):
        for feed in self.opened:
            feed.close()

    def add(self, numbers, piece="a"):
        self.run("INSERT INTO t_data VALUES (?, ?)", *((n, f"n\n{n}") for n in numbers))

    def change(self):
        self.run("UPDATE t_data SET name = 'changed'")

    def value(self, number):
        return {"ind": number, "name": f"n\n{number}"}


PLACES = {"csv": CsvPlace, "jsonl": LinesPlace, "sqlite": DatabasePlace}


@pytest.fixture(params=[*PLACES, "mariadb", "postgres"])
def place(request, tmp_path, monkeypatch):
    monkeypatch.setattr(files, "STRETCH_BYTES", 200)
    monkeypatch.setattr(rows, "STRETCH_ROWS", 7)
    if request.param in PLACES:
        yield PLACES[request.param](tmp_path)
        return
    place = DatabasePlace(tmp_path, request.getfixturevalue(request.param))
    yield place
    place.close()


def planned(feed, done=None):
    """Return every stretch up to the end, each piece's after the one before it."""
    known, found = dict(done or {}), []
    for piece, end in feed.ends().items():
        while stretch := feed.next(piece, end, known.get(piece), MUCH):
            known[piece] = stretch
            found.append(stretch)
    return found


def read(feed, stretches):
    return [json.loads(value) for each in stretches for value in feed.read(each).values]


def latest(stretches):
    return {each.piece: each for each in stretches}


def test_every_row_comes_once_and_in_order(place):
    place.add(range(50))
    stretches = planned(place.open())
    assert len(stretches) > 2
    assert read(place.open(), stretches) == [place.value(number) for number in range(50)]


def test_the_places_of_a_pieces_records_ascend_over_stretches(place):
    place.add(range(50))
    feed = place.open()
    places = [at for each in planned(feed) for at in feed.read(each).places]
    assert places == sorted(set(places))
    assert len(places) == 50


def test_a_stretch_read_by_another_process_is_the_same(place):
    place.add(range(20))
    stretches = planned(place.open())
    first, second = ([place.open().read(each) for each in stretches] for _ in range(2))
    assert [each.values for each in first] == [each.values for each in second]


def test_nothing_is_left_where_all_was_planned(place):
    place.add(range(20))
    stretches = planned(place.open())
    assert planned(place.open(), latest(stretches)) == []


def test_an_empty_source_has_nothing_to_plan(place):
    assert planned(place.open()) == []


def test_rows_that_are_added_later_are_picked_up_alone(place):
    place.add(range(20))
    stretches = planned(place.open())
    place.add(range(20, 30), piece="b")
    more = planned(place.open(), latest(stretches))
    assert read(place.open(), more) == [place.value(number) for number in range(20, 30)]


def test_a_change_under_a_plan_is_said(place):
    place.add(range(20))
    stretches = planned(place.open())
    place.change()
    with pytest.raises(SourceChanged, match="not what it was"):
        place.open().read(stretches[0])


def test_a_change_behind_the_last_plan_is_said(place):
    place.add(range(20))
    stretches = planned(place.open())
    place.change()
    with pytest.raises(SourceChanged):
        planned(place.open(), latest(stretches))


def test_a_source_that_is_not_there_is_said(place, tmp_path):
    place.add(range(20))
    (stretch, *_) = planned(place.open())
    for path in tmp_path.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    if place.kind == "database" and not place.url.startswith("sqlite"):
        place.run("DROP TABLE t_data")
    with pytest.raises(SourceFailed):
        place.open().read(stretch)


@pytest.mark.parametrize("kind", [CsvPlace, LinesPlace])
def test_a_file_that_grew_after_it_was_read_is_said(tmp_path, kind):
    place = kind(tmp_path)
    place.add(range(3))
    stretches = planned(place.open())
    place.add(range(3, 4))
    with pytest.raises(SourceChanged, match=r"it had \d+ bytes and has \d+"):
        planned(place.open(), latest(stretches))


def test_rows_that_move_in_a_database_are_said(tmp_path):
    place = DatabasePlace(tmp_path)
    place.add(range(1, 20))
    stretches = planned(place.open())
    place.add([0])
    with pytest.raises(SourceChanged, match="is another or gone"):
        planned(place.open(), latest(stretches))


def test_a_file_outside_of_the_data_sets_folder_goes_by_its_whole_path(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "x.csv").write_text("ind\n1\n")
    origin = FileOrigin(str(tmp_path / "*.csv"), "csv", ",")
    feed = open_feed(Table("t", columns=COLUMNS, origin=origin), tmp_path / "set", "")
    assert feed.ends() == {str(tmp_path / "x.csv"): 6}
    assert read(feed, planned(feed)) == [{"ind": 1}]


CSV = [
    ("ind,name\n1,a\n", [{"ind": 1, "name": "a"}], []),
    ("\ufeffind,name\r\n1,a\r\n", [{"ind": 1, "name": "a"}], []),
    ('ind,name\n1,"a,""b""\n c"\n', [{"ind": 1, "name": 'a,"b"\n c'}], []),
    ("ind,name\n\n1,\n", [{"ind": 1, "name": None}], []),
    ("name,extra,ind\na,9,1", [{"ind": 1, "name": "a", "extra": "9"}], []),
    ("ind,name\n1.5,2\n", [{"ind": 1.5, "name": "2"}], []),
    ("ind,name\n+1,x\n", [{"ind": "+1", "name": "x"}], []),
    ("ind,name\n1,a\x00b\u2028c\U0001f600\n", [{"ind": 1, "name": "a\x00b\u2028c\U0001f600"}], []),
    ("ind,name\n1\n2,b\n3,c,d\n", [{"ind": 2, "name": "b"}],
     [(2, "1 fields where the header has 2", "1"), (4, "3 fields where the header has 2", "3,c,d")]),
    ('ind,name\n1,"a"b\n2,c\n', [{"ind": 2, "name": "c"}],
     [(2, "not CSV: ',' expected after '\"'", '1,"a"b')]),
    ('ind,name\n1,"a\n2,b\n', [], [(2, "not CSV: unexpected end of data", '1,"a\n2,b')]),
    ("ind,name\n1,a\rb\n", [], [(2, "not CSV: new-line character seen in unquoted field", "1,a\rb")]),
    ("", [], []),
    ("ind,name\n", [], []),
]  # fmt: skip


@pytest.mark.parametrize(("text", "values", "broken"), CSV)
def test_a_csv_file_gives_rows_and_what_is_none(tmp_path, text, values, broken):
    place = CsvPlace(tmp_path)
    (tmp_path / "data" / "a.csv").write_bytes(text.encode())
    feed = place.open()
    found = [feed.read(each) for each in planned(feed)]
    assert [json.loads(value) for each in found for value in each.values] == values
    assert [
        (bad.place, bad.reason, bad.content.decode()) for each in found for bad in each.broken
    ] == broken


def test_a_field_that_is_no_utf8_breaks_its_record_alone(tmp_path):
    place = CsvPlace(tmp_path)
    (tmp_path / "data" / "a.csv").write_bytes(b"ind,name\n1,\xff\n2,\xc3\xa9\n")
    feed = place.open()
    [found] = [feed.read(each) for each in planned(feed)]
    assert found.values == ['{"ind":2,"name":"é"}'.encode()]
    assert [(each.reason, each.content) for each in found.broken] == [("not UTF-8", b"1,\xff")]


def test_a_quote_that_nobody_closes_takes_no_more_than_a_field_may_hold(tmp_path):
    place = CsvPlace(tmp_path)
    lines = b"".join(b"%d,x\n" % number for number in range(300_000))
    (tmp_path / "data" / "a.csv").write_bytes(b'ind,name\n0,"open\n' + lines)
    feed = place.open()
    found = [feed.read(each) for each in planned(feed)]
    [broken] = [bad for each in found for bad in each.broken]
    assert "field larger than field limit" in broken.reason
    assert sum(len(each.values) for each in found) > 100_000


def test_other_columns_of_a_file_keep_their_names_and_an_alias_gives_way(tmp_path):
    columns = (Column("ind", "INT", aliases=("Number", "No")), Column("name", "STRING"))
    table = Table("t", columns=columns, origin=FileOrigin("a.tsv", "csv", "\t"))
    Path(tmp_path / "a.tsv").write_text("No\tNumber\tname\n1\t2\t3\n")
    feed = open_feed(table, tmp_path, "")
    assert read(feed, planned(feed)) == [{"No": "1", "ind": 2, "name": "3"}]


def test_database_values_are_written_as_the_producer_posts_them(tmp_path):
    place = DatabasePlace(tmp_path)
    place.run("CREATE TABLE odd (id INTEGER PRIMARY KEY, at DATETIME, b BLOB, r REAL, n TEXT)")
    place.run("INSERT INTO odd VALUES (1, '2018-03-01 12:00:00', x'00ff', 0.5, NULL)")
    table = Table("t", columns=COLUMNS, origin=DatabaseOrigin(), source_table="odd")
    feed = open_feed(table, tmp_path, place.url)
    assert read(feed, planned(feed)) == [
        {"id": 1, "at": "2018-03-01 12:00:00", "b": "AP8=", "r": 0.5, "n": None}
    ]


def test_a_file_whose_name_is_no_utf8_is_said(tmp_path):
    place = CsvPlace(tmp_path)
    with open(os.fsencode(tmp_path) + b"/data/\xff.csv", "w") as file:
        file.write("ind\n1\n")
    with pytest.raises(SourceFailed, match="rename it"):
        place.open().ends()
