"""Credentials of S3 from the files that AWS's own tools keep; the environment needs no help."""

from __future__ import annotations

import configparser
from collections.abc import Iterator, Mapping
from pathlib import Path

from pinlake.errors import SettingInvalid

KEYS = {
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "region": "region",
}
"""What a profile may say, and what the libraries call it."""
OTHERS = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
"""Variables from which the libraries take credentials themselves."""
ELSEWHERE = ("role_arn", "sso_session", "sso_start_url", "credential_process")
"""What a profile says that needs AWS's own tools."""


def of_profile(environment: Mapping[str, str], user: Path) -> dict[str, str]:
    """Return the keys and region of a user's profile (AWS_PROFILE, or ``default``).

    Keys in the environment are left to the libraries, as are those of a machine's own
    role: then the region alone is told, if any. ``user`` is the folder that has
    ``.aws``. Raises SettingInvalid where the profile is missing or names another way.
    """
    name = environment.get("AWS_PROFILE", "default")
    found: dict[str, str] = {}
    for section in _sections(name, environment, user):
        found |= section
    if "AWS_PROFILE" in environment and not found:
        raise _unusable(name, "no such profile stands in the files of .aws")
    told = {KEYS[key]: value for key, value in found.items() if key in KEYS}
    if any(environment.get(each) for each in OTHERS):
        return {key: value for key, value in told.items() if key == "region"}
    if "access_key_id" not in told and (way := next(filter(found.get, ELSEWHERE), None)):
        export = f"eval $(aws configure export-credentials --profile {name} --format env)"
        raise _unusable(name, f"it has {way} and no keys; do `{export}` before")
    return told


def _sections(name: str, environment: Mapping[str, str], user: Path) -> Iterator[Mapping[str, str]]:
    """Yield what the files say of a profile, the one of credentials last."""
    inside = name if name == "default" else f"profile {name}"
    for variable, file, section in (
        ("AWS_CONFIG_FILE", "config", inside),
        ("AWS_SHARED_CREDENTIALS_FILE", "credentials", name),
    ):
        parser = configparser.RawConfigParser()
        path = Path(environment.get(variable) or user / ".aws" / file)
        try:
            parser.read(path, "utf-8")
        except (configparser.Error, UnicodeDecodeError) as error:
            raise _unusable(name, f"{path} cannot be read") from error
        if parser.has_section(section):
            yield dict(parser.items(section))


def _unusable(name: str, reason: str) -> SettingInvalid:
    return SettingInvalid(where="AWS credentials", name="profile", value=name, reason=reason)
