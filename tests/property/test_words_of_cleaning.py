"""Whatever text arrives, DuckDB and plain Python read it alike."""

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinlake.engine import functions
from reference import words
from sql_engines import DuckEngine

NEAR_NUMBERS = st.text("0123456789.kKmMbB+- \t\n\u212a٣１e", max_size=24)
NEAR_TIMES = st.from_regex(r"[0-9]{4}[-:][01][0-9][-:][0-3][0-9][ T:][0-2][0-9]:[0-6][0-9]:[0-6][0-9][Z\n]?", fullmatch=True)  # fmt: skip
NEAR_BLANKS = st.text(" \t\r\n\v\f\x00\u00a0\u3000!a", max_size=6)
TEXTS = st.one_of(st.none(), NEAR_NUMBERS, NEAR_TIMES, NEAR_BLANKS, st.text(max_size=24))


@pytest.fixture(scope="module")
def engine():
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        yield DuckEngine(connection)


@pytest.mark.parametrize("word", [function.name for function in functions.read(functions.words())])
@settings(max_examples=60, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=60))
def test_a_word_of_cleaning_means_in_duckdb_what_it_means_in_python(engine, word, texts):
    engine.load("t", {"i": "INT", "c": "STRING"}, [{"i": i, "c": c} for i, c in enumerate(texts)])
    _, rows = engine.ask(f"SELECT {word}(c) AS v FROM t ORDER BY i")
    python = getattr(words, word)
    assert [row[0] for row in rows] == [python(text) for text in texts]
