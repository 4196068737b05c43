"""Credentials of S3 come from where AWS's tools keep them."""

import pytest

from pinlake.errors import SettingInvalid
from pinlake.lake.credentials import of_profile

FILES = {
    "credentials": """
[default]
aws_access_key_id = default-key
aws_secret_access_key = default-secret
[work]
aws_access_key_id = work-key
aws_secret_access_key = work-secret
aws_session_token = work-token
""",
    "config": """
[default]
region = eu-west-1
[profile work]
region = eu-north-1
[profile signed-in]
sso_session = ours
""",
}


@pytest.fixture
def user(tmp_path):
    (tmp_path / ".aws").mkdir()
    for name, content in FILES.items():
        (tmp_path / ".aws" / name).write_text(content)
    return tmp_path


def test_without_files_everything_is_left_to_the_libraries(tmp_path):
    assert of_profile({}, tmp_path) == {}


def test_the_default_profile_is_taken_where_the_environment_has_no_keys(user):
    assert of_profile({}, user) == {
        "access_key_id": "default-key",
        "secret_access_key": "default-secret",
        "region": "eu-west-1",
    }


def test_a_named_profile_is_taken(user):
    assert of_profile({"AWS_PROFILE": "work"}, user) == {
        "access_key_id": "work-key",
        "secret_access_key": "work-secret",
        "session_token": "work-token",
        "region": "eu-north-1",
    }


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE"])
def test_keys_of_the_environment_come_first(user, name):
    assert of_profile({name: "x"}, user) == {"region": "eu-west-1"}


def test_the_files_may_lie_elsewhere(user, tmp_path):
    elsewhere = tmp_path / "keys"
    elsewhere.write_text("[default]\naws_access_key_id = other\naws_secret_access_key = s\n")
    found = of_profile({"AWS_SHARED_CREDENTIALS_FILE": str(elsewhere)}, user)
    assert found["access_key_id"] == "other"


def test_a_profile_that_is_missing_is_an_error(user):
    with pytest.raises(SettingInvalid, match="no such profile"):
        of_profile({"AWS_PROFILE": "nobody"}, user)


def test_a_profile_that_signs_in_otherwise_says_what_to_do(user):
    with pytest.raises(SettingInvalid, match="export-credentials --profile signed-in"):
        of_profile({"AWS_PROFILE": "signed-in"}, user)


def test_a_file_that_cannot_be_read_is_named_and_not_quoted(user):
    (user / ".aws" / "credentials").write_text("a-secret-on-a-line-of-its-own\n")
    with pytest.raises(SettingInvalid, match="credentials cannot be read") as raised:
        of_profile({}, user)
    assert "a-secret" not in str(raised.value)
