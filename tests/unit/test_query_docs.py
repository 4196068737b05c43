"""The Python of docs/query.md runs, in order, against a home as a user has it."""

import re
from pathlib import Path

import pytest

import lakehouse

PAGE = Path(__file__).parents[2] / "docs" / "query.md"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    lakehouse.posted_home(folder / ".pinlake", 60)
    return folder


@pytest.fixture(scope="module")
def names(home):
    """Run every block of the page in one namespace, as a reader does, and return it."""
    found, text = {}, PAGE.read_text("utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        patch.delenv("PINLAKE_HOME", raising=False)
        for block in BLOCK.finditer(text):
            line = text[: block.start()].count("\n") + 1
            exec(compile("\n" * line + block[1], PAGE, "exec"), found)
    yield found
    found.clear()


def test_the_examples_run_and_give_what_they_say(names):
    assert names["lake"].tables()[:2] == ["clean/geo", "clean/pin"]
    assert [column.name for column in names["young"].columns] == ["user_name", "date_joined"]
    assert len(names["frame"]) == names["arrow"].num_rows == len(names["quick"]) == 60
    assert sum(count for _, count in names["popular"].fetchall()) == 60
    assert names["difference"].equal


def test_the_error_in_the_page_is_the_error_a_user_sees(names):
    with pytest.raises(names["SqlRefused"]) as refused:
        names["lake"].ask("SELECT nothing FROM pin")
    told = re.search(r"# (SQL:1: .*?) \.\.\.", PAGE.read_text("utf-8"))[1]
    assert str(refused.value).startswith(told)


def test_every_error_in_the_page_exists():
    import pinlake.errors

    table = PAGE.read_text("utf-8").partition("| error | when |")[2]
    for name in re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE):
        assert issubclass(getattr(pinlake.errors, name), pinlake.errors.PinlakeError)
