"""librdkafka's settings as options of Spark's connector: what Java takes, and what is left to the driver."""

import pytest

from pinlake.engine.spark.kafka_options import translated
from pinlake.log.kafka.connection import Connection

SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule"
PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
OLD_KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIB\n-----END RSA PRIVATE KEY-----\n"


def options(**settings):
    named = {name.replace("_", "."): value for name, value in settings.items()}
    return translated(Connection("a:1,b:2", named))


def test_the_brokers_are_named_and_nothing_else_where_nothing_is_set():
    assert options().kafka == {"kafka.bootstrap.servers": "a:1,b:2"}


def test_a_user_and_a_password_become_a_login_module_whatever_is_in_them():
    made = options(
        security_protocol="sasl_ssl", sasl_mechanism="SCRAM-SHA-512", sasl_username='u "x"',
        sasl_password="p\\q;\n",
    )  # fmt: skip
    assert made.untranslated == ()
    assert made.kafka == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.security.protocol": "SASL_SSL",
        "kafka.sasl.mechanism": "SCRAM-SHA-512",
        "kafka.sasl.jaas.config": f'{SCRAM} required username="u \\"x\\"" password="p\\\\q;\\n";',
    }


def test_certificates_travel_as_text_so_that_no_worker_needs_their_files(tmp_path):
    for name, text in (("ca", PEM), ("own", PEM), ("key", KEY)):
        (tmp_path / name).write_text(text)
    made = options(
        ssl_ca_location=str(tmp_path / "ca"), ssl_certificate_location=str(tmp_path / "own"),
        ssl_key_location=str(tmp_path / "key"), ssl_key_password="s3cret",
        ssl_endpoint_identification_algorithm="none",
    )  # fmt: skip
    assert made.untranslated == ()
    assert made.kafka == {
        "kafka.bootstrap.servers": "a:1,b:2",
        "kafka.ssl.truststore.type": "PEM",
        "kafka.ssl.truststore.certificates": PEM,
        "kafka.ssl.keystore.type": "PEM",
        "kafka.ssl.keystore.certificate.chain": PEM,
        "kafka.ssl.keystore.key": KEY,
        "kafka.ssl.key.password": "s3cret",
        "kafka.ssl.endpoint.identification.algorithm": "",
    }


@pytest.mark.parametrize(
    "settings",
    [
        {"linger_ms": "5"},
        {"queued_max_messages_kbytes": "100"},
        {"socket_timeout_ms": "1000"},
        {"compression_type": "zstd"},
        {"debug": "all"},
    ],
)
def test_what_tunes_librdkafka_alone_is_left_out(settings):
    assert options(**settings) == options()


@pytest.mark.parametrize(
    ("settings", "name"),
    [
        ({"sasl_mechanism": "GSSAPI"}, "sasl.mechanism"),
        ({"sasl_mechanism": "AWS_MSK_IAM"}, "sasl.mechanism"),
        ({"sasl_mechanism": "PLAIN", "sasl_username": "u"}, "sasl.mechanism"),
        ({"enable_ssl_certificate_verification": "false"}, "enable.ssl.certificate.verification"),
        ({"ssl_key_pem": OLD_KEY}, "ssl.key.pem"),
        ({"ssl_ca_location": "/nowhere"}, "ssl.ca.location"),
        ({"sasl_oauthbearer_client_secret": "s3cret"}, "sasl.oauthbearer.client.secret"),
        ({"plugin_library_paths": "x"}, "plugin.library.paths"),
    ],
)
def test_what_java_has_nothing_for_is_named_so_that_the_driver_reads(settings, name):
    made = options(**settings)
    assert name in made.untranslated
    assert name in made.told


def test_no_secret_shows():
    made = options(sasl_mechanism="PLAIN", sasl_username="u", sasl_password="s3cret")
    assert "s3cret" not in repr(made)
    assert "s3cret" not in made.told
