"""Answers as tables, JSON and CSV."""

import csv
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lakehouse
from pinlake.query.format import csv_line, html_table, text, write


@pytest.fixture
def lake(tmp_path):
    return lakehouse.small_lake(tmp_path)


def written(answer, form):
    stream = io.StringIO()
    count = write(answer, form, stream)
    return stream.getvalue(), count


def test_json_is_an_array_of_objects_that_keeps_values(lake):
    output, count = written(lake.ask("SELECT * FROM geo ORDER BY ind"), "json")
    assert count == 3
    assert json.loads(output)[:2] == [
        {
            "ind": 1,
            "country": "Albania",
            "coordinates": {"latitude": -89.98, "longitude": 1.5},
            "timestamp": "2018-03-01T12:00:00Z",
        },
        {
            "ind": 2,
            "country": "Lao People's Democratic Republic",
            "coordinates": None,
            "timestamp": "2019-07-09T00:00:01Z",
        },
    ]


def test_json_keeps_whole_numbers_whole_and_decimals_exact(lake):
    sql = "SELECT 9223372036854775807 AS big, CAST('1.10' AS DECIMAL(10,2)) AS exact"
    output, _ = written(lake.ask(sql), "json")
    assert '"big":9223372036854775807' in output
    assert '"exact":1.10' in output


def test_json_of_no_rows_is_an_empty_array(lake):
    output, count = written(lake.ask("SELECT ind FROM pin WHERE ind < 0"), "json")
    assert (json.loads(output), count) == ([], 0)


def test_csv_is_read_back_by_any_reader_of_rfc_4180(lake):
    output, count = written(lake.ask("SELECT poster_name, ind FROM pin ORDER BY ind"), "csv")
    assert count == 3
    assert output.endswith("\r\n")
    assert list(csv.reader(io.StringIO(output, newline=""))) == [
        ["poster_name", "ind"],
        ['<b>Bold & "quoted"</b>', "1"],
        ["🎨 画家", "2"],
        ["", "3"],
    ]


def test_csv_tells_null_from_empty_text(lake):
    output, _ = written(lake.ask("SELECT NULL AS a, '' AS b, 1 AS c"), "csv")
    assert output == 'a,b,c\r\n,"",1\r\n'


def test_csv_of_a_single_null_is_no_empty_line(lake):
    output, _ = written(lake.ask("SELECT poster_name FROM pin WHERE ind = 3"), "csv")
    assert output == 'poster_name\r\n""\r\n'


def test_csv_quotes_separators_line_ends_and_outer_blanks(lake):
    sql = r"SELECT 'a,b' AS comma, 'a\nb' AS line, ' a' AS blank"
    output, _ = written(lake.ask(sql), "csv")
    [_, row] = csv.reader(io.StringIO(output, newline=""))
    assert row == ["a,b", "a\nb", " a"]


def test_a_table_shows_null_apart_from_text_and_aligns_numbers(lake):
    output, count = written(
        lake.ask("SELECT ind, poster_name, follower_count FROM pin ORDER BY ind"), "table"
    )
    lines = output.splitlines()
    assert count == 3
    assert re.fullmatch(r"ind +poster_name +follower_count", lines[0].strip())
    assert lines[2].endswith("   9000")
    assert lines[3].endswith("NULL")
    assert "9223372036854775807" in lines[4]


def test_a_table_written_to_a_pipe_folds_nothing(lake):
    output, _ = written(lake.ask("SELECT repeat('long ', 100) AS words"), "table")
    assert "long " * 99 in output


def test_a_table_stops_at_a_thousand_rows_and_says_so(lake):
    answer = lake.ask("SELECT explode(sequence(1, 1001)) AS n")
    output, count = written(answer, "table")
    assert count == 1000
    assert "The first 1,000 rows" in output
    assert written(answer, "csv")[1] == 1001


def test_a_value_cannot_steer_the_terminal_nor_break_its_line():
    assert text("\x1b[31mred\r\nnext\x9b") == "\\x1b[31mred\\r\\nnext\\x9b"
    assert text(b"\xffbytes") == "\\xffbytes"
    assert text(None) == "NULL"
    assert text({"a": [1, None]}) == '{"a":[1,null]}'
    assert text(True) == "true"


def test_a_table_does_not_read_rich_markup_in_values(lake):
    output, _ = written(lake.ask("SELECT '[bold]a[/bold]' AS `[red]b`"), "table")
    assert "[bold]a[/bold]" in output
    assert "[red]b" in output


def test_html_escapes_names_and_values(lake):
    answer = lake.ask("SELECT '<script>' AS `<b>`, NULL AS n")
    page = html_table(answer.columns, answer.rows())
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "&lt;b&gt;" in page
    assert '<td class="null">NULL</td>' in page


def test_a_notebook_shows_the_first_twenty_rows(lake):
    shown = lake.ask("SELECT explode(sequence(1, 30)) AS n")._repr_html_()
    assert shown.count("<tr>") == 21
    assert "The first 20 rows" in shown


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=1))
def test_any_text_survives_csv(cells):
    assert list(csv.reader(io.StringIO(csv_line(cells), newline=""))) == [cells]


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_no_text_keeps_a_control_character_in_a_table(value):
    assert all(ord(char) >= 32 and not 127 <= ord(char) < 160 for char in text(value))
