"""Signing in to Amazon MSK with IAM: ``sasl.mechanism = "AWS_MSK_IAM"``, as Kafka's clients say."""

from __future__ import annotations

import re
from typing import Any

from pinlake.errors import ExtraMissing, SettingInvalid

MECHANISM = "AWS_MSK_IAM"
REGION = "aws.region"

_HOST = re.compile(r"\.kafka(?:-serverless)?\.([a-z0-9-]+)\.amazonaws\.com")


def signed_in(settings: dict[str, Any]) -> dict[str, Any]:
    """Return librdkafka's settings, where MSK IAM is asked for with tokens that AWS's signer makes.

    The region is ``aws.region``, else that of the brokers' names; the credentials
    are those that boto3 finds. Raises SettingInvalid and ExtraMissing.
    """
    asked = {settings.get("sasl.mechanism"), settings.get("sasl.mechanisms")}
    others = {key: value for key, value in settings.items() if key != REGION}
    if MECHANISM not in asked:
        return others
    region = settings.get(REGION) or _region(settings["bootstrap.servers"])
    others.pop("sasl.mechanisms", None)
    return others | {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "OAUTHBEARER",
        "oauth_cb": _signer(region),
    }


def _region(servers: str) -> str:
    found = _HOST.search(servers)
    if found is None:
        reason = f"the brokers' names do not tell it; set it for {MECHANISM}"
        raise SettingInvalid(where="settings", name=f"kafka.{REGION}", value="", reason=reason)
    return found[1]


def _signer(region: str) -> Any:
    try:
        from aws_msk_iam_sasl_signer import MSKAuthTokenProvider
    except ImportError as error:
        raise ExtraMissing(what=MECHANISM, extra="msk") from error

    def token(_settings: str) -> tuple[str, float]:
        made, expires = MSKAuthTokenProvider.generate_auth_token(region)
        return made, expires / 1000

    return token
