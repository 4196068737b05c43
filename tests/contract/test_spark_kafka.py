"""Stream on Spark reads Kafka by Spark's own connector: what the driver's way gives, gaps and errors too."""

import json
from contextlib import closing

import pytest

from harness.pipeline import wait_until
from pinlake.dataset import Column, Table
from pinlake.engine.base import LogRange, LogRanges, Step
from pinlake.engine.duckdb import DuckdbEngine
from pinlake.engine.spark.kafka_options import Options, translated
from pinlake.errors import LogUnreachable, RecordsGone, TopicUnknown
from pinlake.lake import tables
from pinlake.lake.file import FileLake
from pinlake.log.base import PartitionSpec
from pinlake.log.kafka.connection import connection
from pinlake.log.kafka.reader import KafkaLogReader
from pinlake.log.open import open_log
from pinlake.record import Partition, Record, topic
from steps import World

pytestmark = [pytest.mark.spark, pytest.mark.slow]
SALES = topic("0123456789ab.sale")
SALE = Table(
    name="sale",
    topics=("{id}.sale",),
    key="id",
    columns=(Column("id", "INT", required=True), Column("price", "STRING")),
    clean_sql="SELECT id, abbreviated_number(price) AS price FROM sale",
)
DIRT = [
    {"id": 1, "price": "9k"},
    {"id": 2},
    [{"id": 1, "price": "later"}, {"id": 4, "price": "é 💰"}],
    {"id": 5.5},
    {"price": "no key"},
    None,
    "junk",
    {"id": "3", "price": "5", "more": {"a": [1]}},
]
VALUES = [json.dumps(each).encode() for each in DIRT] + [b"\xff\xfe", b"", None]


class NotByTheDriver(KafkaLogReader):
    """Tells of topics, and holds their records back."""

    def read(self, *_given, **_more):
        raise AssertionError("the driver read Kafka")


@pytest.fixture
def log(kafka):
    with closing(open_log(kafka.url)) as opened:
        opened.create(SALES, [PartitionSpec(), PartitionSpec()])
        yield opened


@pytest.fixture
def reader(kafka):
    made = NotByTheDriver(connection(kafka.url, {}), seconds=2.0)
    with closing(made):
        yield made


@pytest.fixture
def spark_engine(delta_spark, reader, tmp_path):
    made = engine(delta_spark, reader, tmp_path / "spark")
    with closing(made):
        yield made


def engine(session, reader, folder):
    from pinlake.engine.spark.engine import SparkEngine
    from pinlake.engine.spark.session import Opened

    return SparkEngine(FileLake(folder.as_uri()), reader, "", Opened(session, ours=False))


def step(number, *bounds):
    """Return the step of the records after .. upto of each partition."""
    return Step(
        "stream",
        SALE,
        number,
        LogRanges(
            tuple(LogRange(Partition(SALES, each), *ends) for each, ends in enumerate(bounds))
        ),
    )


def everything(lake):
    """Return every table's rows with their types."""
    world = World.__new__(World)
    world.lake, world.folder = lake, lake.path("")
    return {
        name: (tables.head(lake, name).schema.to_json(), world.rows(name))
        for name in tables.names(lake)
    }


def in_transaction(broker, values, *, commit):
    from confluent_kafka import Producer

    producer = Producer({"bootstrap.servers": broker.servers, "transactional.id": "other"})
    producer.init_transactions(30)
    producer.begin_transaction()
    for value in values:
        producer.produce(SALES.name, value, partition=0)
    producer.flush()
    (producer.commit_transaction if commit else producer.abort_transaction)(30)


def end_of(log, number=0):
    return log.describe(SALES).partitions[number].end


def test_the_workers_read_what_the_driver_would_over_gaps_too(kafka, log, spark_engine, tmp_path):
    log.append(Partition(SALES, 0), [Record(each) for each in VALUES])
    log.append(Partition(SALES, 1), [Record(each) for each in VALUES[::-1]])
    in_transaction(kafka, [b'{"id": 70}'], commit=False)
    wait_until(lambda: end_of(log) == 13)
    in_transaction(kafka, [b'{"id": 71}'], commit=True)
    wait_until(lambda: end_of(log) == 15)
    steps = [step(1, (None, 3), (None, 0)), step(2, (3, 3), (0, 10)), step(3, (3, 14), (10, 10)),
             step(4, (14, 14), (10, 10))]  # fmt: skip
    twin = DuckdbEngine(FileLake((tmp_path / "twin").as_uri()), log)
    with closing(twin):
        for each in steps:
            assert counted(spark_engine.run(each)) == counted(twin.run(each))
        assert everything(spark_engine.lake) == everything(twin.lake)
    assert (71, None) in everything(twin.lake)["stream/sale"][1]


def counted(outcome):
    return outcome.rows, outcome.duplicates, outcome.quarantined, outcome.found_done


def test_records_that_kafka_forgot_unread_and_a_topic_that_is_gone_stop_it(
    kafka, log, spark_engine
):
    from confluent_kafka import TopicPartition

    log.append(Partition(SALES, 0), [Record(b'{"id": 1}')] * 6)
    spark_engine.run(step(1, (None, 1)))
    admin = kafka.admin()
    for each in admin.delete_records([TopicPartition(SALES.name, 0, 4)]).values():
        each.result(10)
    with pytest.raises(RecordsGone, match="2 records, positions 2 to 3"):
        spark_engine.run(step(2, (1, 5)))
    log.delete(SALES)
    with pytest.raises(TopicUnknown):
        spark_engine.run(step(2, (3, 5)))


@pytest.mark.release
def test_a_broker_that_does_not_answer_is_told_and_the_step_runs_once_it_does(
    kafka, log, spark_engine
):
    log.append(Partition(SALES, 0), [Record(b'{"id": 1}'), Record(b'{"id": 2}')])
    kafka.kill()
    try:
        with pytest.raises(LogUnreachable, match=kafka.servers):
            spark_engine.run(step(1, (None, 1)))
    finally:
        kafka.start()
    wait_until(lambda: end_of(log) == 2)
    assert spark_engine.run(step(1, (None, 1))).rows == 2


def test_where_a_setting_cannot_be_translated_the_driver_reads(
    kafka, log, delta_spark, tmp_path, capsys
):
    log.append(Partition(SALES, 0), [Record(b'{"id": 1}')])
    given = {"enable.ssl.certificate.verification": "false"}
    with (
        closing(KafkaLogReader(connection(kafka.url, given))) as reader,
        closing(engine(delta_spark, reader, tmp_path / "lake")) as made,
    ):
        assert made.run(step(1, (None, 0))).rows == 1
    said = capsys.readouterr()
    assert "enable.ssl.certificate.verification" in said.out + said.err


def test_a_session_without_the_connector_is_told_from_one_with_it(delta_spark):
    from pinlake.engine.spark.kafka import why_not

    assert why_not(delta_spark, Options({})) == ""
    assert "sasl.mechanism" in why_not(delta_spark, Options({}, ("sasl.mechanism",)))


def in_java(session, options):
    """Return options without their mark as a Java map, secrets as Kafka's own class."""
    jvm = session.sparkContext._jvm
    made = jvm.java.util.HashMap()
    for name, value in options.items():
        secret = name.endswith((".jaas.config", ".key", ".chain", ".certificates", ".password"))
        kind = jvm.org.apache.kafka.common.config.types.Password
        made.put(name.removeprefix("kafka."), kind(value) if secret else value)
    return made


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_java_reads_the_user_and_the_password_that_were_given(delta_spark, mechanism):
    user, password = 'ü "x"', "p\\q;=' \n{}$é"
    signed_in = {"sasl.username": user, "sasl.password": password, "sasl.mechanism": mechanism}
    made = translated(connection("kafka://a:1", signed_in))
    jvm = delta_spark.sparkContext._jvm
    context = jvm.org.apache.kafka.common.security.JaasContext.loadClientContext(
        in_java(delta_spark, made.kafka)
    )
    (entry,) = context.configurationEntries()
    assert dict(entry.getOptions()) == {"username": user, "password": password}
    jvm.java.lang.Class.forName(
        entry.getLoginModuleName(), True, jvm.Thread.currentThread().getContextClassLoader()
    )


def test_java_takes_certificates_and_keys_as_text(delta_spark):
    certificate, key = self_signed()
    given = {"ssl.ca.pem": certificate, "ssl.certificate.pem": certificate, "ssl.key.pem": key}
    made = translated(connection("kafka://a:1", given))
    jvm = delta_spark.sparkContext._jvm
    factory = jvm.org.apache.kafka.common.security.ssl.DefaultSslEngineFactory()
    defaults = {"ssl.protocol": "TLSv1.3", "ssl.truststore.type": "PEM"}
    factory.configure(in_java(delta_spark, defaults | made.kafka))
    assert factory.keystore().size() == 1
    assert factory.truststore().size() == 1
    factory.close()


def self_signed():
    """Return a certificate and its key in PEM."""
    from datetime import UTC, datetime, timedelta

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "broker")])
    made = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made = made.not_valid_before(datetime.now(UTC)).not_valid_after(
        datetime.now(UTC) + timedelta(days=1)
    )
    signed = made.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    pem, pkcs8 = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    return signed.public_bytes(pem).decode(), key.private_bytes(pem, pkcs8, plain).decode()
