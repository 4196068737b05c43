"""What ``[kafka]`` says, by librdkafka's names, as options of Spark's own Kafka connector."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import msgspec

from pinlake.log.kafka.connection import Connection

CONNECTOR = "spark-sql-kafka-0-10"
SAME = frozenset(
    {"client.id", "client.rack", "client.dns.lookup", "connections.max.idle.ms", "check.crcs"}
    | {"reconnect.backoff.ms", "reconnect.backoff.max.ms", "metadata.max.age.ms"}
    | {"retry.backoff.ms", "retry.backoff.max.ms", "fetch.min.bytes", "fetch.max.bytes"}
    | {"max.partition.fetch.bytes", "ssl.key.password", "ssl.keystore.password"}
)
"""Settings that mean the same under the same name. Source: both projects' lists of them."""

OF_LIBRDKAFKA = re.compile(
    r"(linger|delivery|message\.|queue|batch|compression|statistics|log|debug|socket|broker|api\."
    r"|topic\.metadata|metadata\.|max\.in\.flight|receive\.|fetch\.(wait|error|queue)|enable\.metrics)"
)
"""Settings that change how librdkafka works, and nothing of what is read."""

MODULES = {
    "PLAIN": "org.apache.kafka.common.security.plain.PlainLoginModule",
    "SCRAM-SHA-256": "org.apache.kafka.common.security.scram.ScramLoginModule",
    "SCRAM-SHA-512": "org.apache.kafka.common.security.scram.ScramLoginModule",
}
SIGN_IN = frozenset({"sasl.mechanism", "sasl.mechanisms", "sasl.username", "sasl.password"})
PKCS8 = re.compile(r"-----BEGIN (ENCRYPTED )?PRIVATE KEY-----")
"""The one form of a key that Java reads from PEM."""

Pairs = Iterator[tuple[str, str]]


class Untranslated(Exception):  # noqa: N818 it is no failure: the driver reads Kafka then
    """A setting that Spark's connector has nothing for."""


class Options(msgspec.Struct, frozen=True):
    """Options for the connector, or the settings for which it has none."""

    kafka: Mapping[str, str]
    untranslated: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """Why the connector cannot be used."""
        return f"Spark's connector has nothing for {', '.join(self.untranslated)} of [kafka]"

    def __repr__(self) -> str:
        """Show names alone: among the values are secrets."""
        return f"Options({sorted(self.kafka)}, untranslated={self.untranslated})"


def translated(connection: Connection) -> Options:
    """Return the options by which Spark reaches the cluster that a connection names.

    Certificates and keys are read here and handed on as text, so that no worker needs
    their files.
    """
    made, not_made = {"bootstrap.servers": connection.servers}, []
    for name in sorted(connection.settings):
        try:
            made |= _pairs(name, connection.settings)
        except (Untranslated, OSError, UnicodeDecodeError):
            not_made.append(name)
    return Options({f"kafka.{name}": value for name, value in made.items()}, tuple(not_made))


def _pairs(name: str, settings: Mapping[str, str]) -> dict[str, str]:
    value = settings[name]
    if name in SIGN_IN:
        return dict(_signed_in(settings))
    if name in OWN:
        return dict(OWN[name](value))
    if name in SAME:
        return {name: value}
    if OF_LIBRDKAFKA.match(name):
        return {}
    raise Untranslated


def _signed_in(settings: Mapping[str, str]) -> Pairs:
    mechanism = settings.get("sasl.mechanism") or settings.get("sasl.mechanisms") or "GSSAPI"
    if mechanism not in MODULES or not {"sasl.username", "sasl.password"} <= settings.keys():
        raise Untranslated
    user, password = _quoted(settings["sasl.username"]), _quoted(settings["sasl.password"])
    yield "sasl.mechanism", mechanism
    module = MODULES[mechanism]
    yield "sasl.jaas.config", f"{module} required username={user} password={password};"


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _protocol(value: str) -> Pairs:
    yield "security.protocol", value.upper()


def _fetched(value: str) -> Pairs:
    yield "max.partition.fetch.bytes", value


def _authority(pem: str) -> Pairs:
    yield "ssl.truststore.type", "PEM"
    yield "ssl.truststore.certificates", pem


def _certificate(pem: str) -> Pairs:
    yield "ssl.keystore.type", "PEM"
    yield "ssl.keystore.certificate.chain", pem


def _key(pem: str) -> Pairs:
    if not PKCS8.search(pem):
        raise Untranslated
    yield "ssl.keystore.type", "PEM"
    yield "ssl.keystore.key", pem


def _keystore(path: str) -> Pairs:
    yield "ssl.keystore.type", "PKCS12"
    yield "ssl.keystore.location", path


def _identified(value: str) -> Pairs:
    yield "ssl.endpoint.identification.algorithm", "" if value == "none" else value


def _verified(value: str) -> Pairs:
    if value != "true":
        raise Untranslated
    yield from ()


def _of_file(pairs: Callable[[str], Pairs]) -> Callable[[str], Pairs]:
    return lambda path: pairs(Path(path).read_text("utf-8"))


OWN: Mapping[str, Callable[[str], Pairs]] = {
    "security.protocol": _protocol,
    "fetch.message.max.bytes": _fetched,
    "ssl.ca.location": _of_file(_authority),
    "ssl.ca.pem": _authority,
    "ssl.certificate.location": _of_file(_certificate),
    "ssl.certificate.pem": _certificate,
    "ssl.key.location": _of_file(_key),
    "ssl.key.pem": _key,
    "ssl.keystore.location": _keystore,
    "ssl.endpoint.identification.algorithm": _identified,
    "enable.ssl.certificate.verification": _verified,
}
"""Settings that Java knows under another name, or in another form."""
