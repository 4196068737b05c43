"""How Kinesis is reached: region, endpoint, and what signs requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec

from pinlake.errors import ExtraMissing, SettingInvalid
from pinlake.settings import KINESIS, Kinesis

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials

_REGION = re.compile(r"[a-z]{2}(-[a-z]+)+-\d+\Z")
_ENDPOINT = re.compile(r"https?://[^\s/@]+/?\Z")


class Connection(msgspec.Struct, frozen=True):
    """A region's Kinesis and the settings of ``[kinesis]``."""

    region: str
    settings: Kinesis = Kinesis()

    def __repr__(self) -> str:
        """Show where it is, and nothing that one signs with."""
        return f"Connection({self.endpoint!r})"

    @property
    def endpoint(self) -> str:
        """The address that is asked: the setting's, else AWS's own of the region."""
        domain = "amazonaws.com.cn" if self.region.startswith("cn-") else "amazonaws.com"
        own = f"https://kinesis.{self.region}.{domain}"
        return (self.settings.endpoint or own).rstrip("/")

    def masked(self, text: object) -> str:
        """Return a text without the settings that one signs with."""
        shown = str(text)
        held = self.settings
        for secret in (held.secret_key, held.session_token, held.access_key):
            shown = shown.replace(secret, "***") if secret else shown
        return shown


class Signer:
    """The credentials of the settings, else those that boto3 would find; renewed as it does."""

    def __init__(self, connection: Connection) -> None:
        held = connection.settings
        self._found = None
        if held.access_key:
            from botocore.credentials import Credentials

            token = held.session_token or None
            self._found = Credentials(held.access_key, held.secret_key, token)

    def credentials(self) -> ReadOnlyCredentials | None:
        """Return what a request is signed with now, or None where there is nothing."""
        if self._found is None:
            from botocore.session import Session

            self._found = Session().get_credentials()
        return self._found.get_frozen_credentials() if self._found else None


def connection(url: str, settings: Kinesis) -> Connection:
    """Return the connection of ``kinesis://<region>``; raise SettingInvalid.

    Also raises ExtraMissing where boto3 is not installed.
    """
    region = url.removeprefix(KINESIS)
    if not url.startswith(KINESIS) or not _REGION.match(region):
        shown = re.sub(r"//.*@", "//***@", url)
        reason = f"Kinesis's URL is {KINESIS}<region>, say {KINESIS}us-east-1; sign by [kinesis]"
        raise SettingInvalid(where="settings", name="streams", value=shown, reason=reason)
    endpoint = settings.endpoint
    if endpoint and not _ENDPOINT.match(endpoint):
        shown = re.sub(r"//.*@", "//***@", endpoint)
        reason = "it is http(s)://<host>:<port>; credentials stand elsewhere"
        raise SettingInvalid(where="settings", name="kinesis.endpoint", value=shown, reason=reason)
    if bool(settings.access_key) != bool(settings.secret_key):
        reason = "it goes with kinesis.secret_key: set both or none"
        name = "kinesis.access_key"
        raise SettingInvalid(where="settings", name=name, value="***", reason=reason)
    _check_installed()
    return Connection(region, settings)


def _check_installed() -> None:
    try:
        import botocore  # noqa: F401
    except ImportError as error:
        raise ExtraMissing(what="Kinesis", extra="aws") from error
