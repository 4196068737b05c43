"""Commands end well, or with one line that says what to do."""

import json

import pytest

from harness.pipeline import pinlake

FAILURES = [
    (("query", "nothing"), "There is no pinlake home"),
    (("status",), "There is no pinlake home"),
    (("serve", "--host", "0.0.0.0"), "say --insecure"),
    (("sink", "--once", "--dataset", "nothing"), "There is no data set"),
    (("check", "nothing"), "There is no data set"),
    (("post", "--via", "kafka", "--user-id", "me"), "12 hexadecimal digits"),
    (("post", "--via", "kafka", "--url", "http://127.0.0.1:1"), "is `pinlake serve` running"),
]


@pytest.mark.parametrize(("arguments", "text"), FAILURES, ids=lambda value: str(value)[:40])
def test_a_failure_is_one_line_and_exit_code_one(tmp_path, arguments, text):
    if arguments[0] == "post":
        pinlake("sample", "--rows", "11001", "--home", tmp_path / "home")
    done = pinlake(*arguments, *_home(arguments, tmp_path), check=False)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert text in done.stderr
    assert done.stdout == ""


def _home(arguments, tmp_path):
    return () if arguments[0] == "check" else ("--home", tmp_path / "home")


def test_a_password_on_the_command_line_is_refused(tmp_path):
    url = "mysql+pymysql://me:s3cret@127.0.0.1:1/x"
    done = pinlake("sample", "--to", url, "--home", tmp_path / "home", check=False)
    assert done.returncode == 2
    assert "PINLAKE_SOURCE" in done.stderr
    assert "secret" not in done.stderr


def test_a_password_of_the_environment_is_never_shown(tmp_path):
    variables = {"PINLAKE_SOURCE": "mysql+pymysql://me:s3cret@127.0.0.1:1/x"}
    shown = pinlake("config", "--home", tmp_path, environment=variables).stdout
    assert "me:***@127.0.0.1" in shown
    failed = pinlake(
        *("post", "--via", "kafka", "--home", tmp_path), environment=variables, check=False
    )
    assert failed.returncode == 1
    assert "s3cret" not in shown + failed.stdout + failed.stderr


def test_a_wrong_setting_is_one_line_with_the_nearest_name(tmp_path):
    done = pinlake(
        *("config", "--home", tmp_path), environment={"PINLAKE_SINK_FLUSH": "1"}, check=False
    )
    assert done.returncode == 1
    assert "PINLAKE_SINK_FLUSH_SIZE" in done.stderr


def test_config_prints_what_is_in_force(tmp_path):
    variables = {"PINLAKE_SINK_FLUSH_SIZE": "7"}
    done = pinlake("config", "--home", tmp_path, "--json", environment=variables)
    values = json.loads(done.stdout)
    assert values["sink.flush_size"] == 7
    assert values["lake"].startswith("file://")


def test_a_stage_with_nothing_to_do_says_so_and_exits_well(tmp_path):
    for stage in ("sink", "load", "clean", "stream"):
        done = pinlake(stage, "--once", "--home", tmp_path / "home", check=False)
        assert done.returncode in {0, 1}, done.stderr
        assert "Traceback" not in done.stderr
        assert done.stdout or done.stderr


def test_sample_writes_rows_that_a_seed_makes_again(tmp_path):
    for home in ("one", "two"):
        said = pinlake("sample", "--rows", "50", "--home", tmp_path / home, "--json").stdout
        assert json.loads(said)["rows"] == 50
    assert (tmp_path / "one" / "source.db").exists()
