import pytest

from pinlake import settings
from pinlake.errors import SettingInvalid, SettingUnknown


def test_a_setting_comes_from_the_file_and_the_environment_wins(tmp_path):
    (tmp_path / "pinlake.toml").write_text("[sink]\nflush_size = 5\nrotate_seconds = 2.5\n")
    home = settings.read(environment={"PINLAKE_SINK_FLUSH_SIZE": "7"}, folder=tmp_path)
    assert home.settings.sink.flush_size == 7
    assert home.settings.sink.rotate_seconds == 2.5


def test_the_home_is_the_option_then_the_variable_then_dot_pinlake(tmp_path):
    variable = {"PINLAKE_HOME": "elsewhere"}
    assert settings.read(environment={}, folder=tmp_path).path == tmp_path / ".pinlake"
    assert settings.read(environment=variable, folder=tmp_path).path == tmp_path / "elsewhere"
    option = settings.read(tmp_path / "x", environment=variable, folder=tmp_path)
    assert option.path == tmp_path / "x"


@pytest.mark.parametrize(
    ("text", "name", "nearest"),
    [
        ("flush_size = 1", "flush_size", "sink.flush_size"),
        ("[sink]\nflush_sise = 1", "sink.flush_sise", "sink.flush_size"),
        ("[gatway]\nport = 1", "gatway.port", "gateway.port"),
    ],
)
def test_an_unknown_key_names_the_nearest(tmp_path, text, name, nearest):
    (tmp_path / "pinlake.toml").write_text(text)
    with pytest.raises(SettingUnknown) as caught:
        settings.read(environment={}, folder=tmp_path)
    assert caught.value.name == name
    assert caught.value.nearest == nearest


def test_an_unknown_variable_names_the_nearest(tmp_path):
    with pytest.raises(SettingUnknown, match="PINLAKE_GATEWAY_PORT"):
        settings.read(environment={"PINLAKE_GATEWAY_PROT": "1"}, folder=tmp_path)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PINLAKE_GATEWAY_PORT", "70000"),
        ("PINLAKE_GATEWAY_PORT", "http"),
        ("PINLAKE_SINK_FLUSH_SIZE", "0"),
        ("PINLAKE_ENGINE", "flink"),
        ("PINLAKE_KINESIS_ACCOUNT_ID", "12"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_name(tmp_path, variable, value):
    with pytest.raises(SettingInvalid) as caught:
        settings.read(environment={variable: value}, folder=tmp_path)
    assert settings.environment_name(caught.value.name) == variable
    assert value in str(caught.value)


def test_a_file_that_is_no_toml_is_refused_with_its_path(tmp_path):
    (tmp_path / "pinlake.toml").write_text("sink = [")
    with pytest.raises(SettingInvalid, match=r"pinlake\.toml"):
        settings.read(environment={}, folder=tmp_path)


def test_a_log_of_their_own_for_streams_is_refused(tmp_path):
    apart = {"PINLAKE_STREAMS": f"sqlite:///{tmp_path / 'other.db'}"}
    with pytest.raises(SettingInvalid, match="leave it empty"):
        settings.read(environment=apart, folder=tmp_path)
    same = {"PINLAKE_TOPICS": "sqlite:///one.db", "PINLAKE_STREAMS": "sqlite:///one.db"}
    assert settings.read(environment=same, folder=tmp_path).log_url == "sqlite:///one.db"


def test_every_setting_has_its_own_variable():
    names = [settings.environment_name(name) for name in settings.variables()]
    assert len(set(names)) == len(names)
    assert not settings.RESERVED & set(names)
