"""Fixtures that every test may use."""

import duckdb
import pytest

import lakes
import real_rows as rows_beside_the_project
import spark_session
from harness import database_servers, s3_server
from harness.kafka_broker import Broker
from harness.kinesalite import Kinesalite, forget_streams
from requirements_of_tests import require


def pytest_addoption(parser):
    """Let ``script/cells`` run all cells."""
    parser.addoption("--cells", choices=["gate", "all"], default="gate", help="which cells run")


def pytest_collection_modifyitems(items):
    """Let pyspark leave its sockets to the garbage collector, as it does."""
    for item in items:
        if item.get_closest_marker("spark"):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))


@pytest.fixture(scope="session")
def spark():
    """One Spark session, with Delta where it can be had."""
    require(spark_session.java_is_there(), "there is no Java for Spark")
    session = spark_session.start()
    yield session
    session.stop()


@pytest.fixture(scope="session")
def delta_spark(spark):
    """The Spark session, for tests that read Delta tables back."""
    require(spark_session.has_delta(spark), f"{spark_session.DELTA} could not be fetched")
    return spark


@pytest.fixture(scope="session")
def real_rows():
    """The real rows of each Pinterest table, as dicts in file order."""
    return rows_beside_the_project.read()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory):
    """One Kafka broker for all tests of this process; a test that kills it starts it again."""
    pytest.importorskip("confluent_kafka", reason="confluent-kafka, our extra kafka, is missing")
    broker = Broker(tmp_path_factory.mktemp("kafka")).start()
    yield broker
    broker.kill()


@pytest.fixture
def kafka(kafka_server):
    """A broker without topics."""
    kafka_server.forget_topics()
    return kafka_server


@pytest.fixture(scope="session")
def kinesalite_server(tmp_path_factory):
    """One Kinesis for all tests of this process; a test that kills it starts it again."""
    pytest.importorskip("boto3", reason="boto3, our extra aws, is missing")
    server = Kinesalite(tmp_path_factory.mktemp("kinesis")).start()
    yield server
    server.kill()


@pytest.fixture
def kinesis(kinesalite_server):
    """A Kinesis without streams."""
    forget_streams(kinesalite_server.url)
    return kinesalite_server


@pytest.fixture
def duck():
    """A DuckDB connection as the embedded engine sets it up: one thread, UTC."""
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET threads = 1")
        yield connection


@pytest.fixture(scope="session")
def s3_endpoint(tmp_path_factory):
    """An S3 server that enforces conditional puts: versitygw, or moto where that is missing."""
    serve = s3_server.versitygw if s3_server.program() else s3_server.moto
    with serve(tmp_path_factory.mktemp("s3")) as endpoint:
        yield endpoint


@pytest.fixture(params=["file", "s3"])
def place(request, tmp_path):
    """Where a lake of each store is."""
    if request.param == "file":
        return lakes.file_place(tmp_path)
    return lakes.s3_place(request.getfixturevalue("s3_endpoint"), tmp_path)


@pytest.fixture(scope="session")
def mariadb_server(tmp_path_factory):
    """The URL of a MariaDB that runs."""
    with database_servers.mariadb(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory):
    """The URL of a PostgreSQL that runs."""
    with database_servers.postgres(tmp_path_factory.mktemp("postgres")) as url:
        yield url


@pytest.fixture
def mariadb(mariadb_server):
    """The URL of an empty MariaDB database."""
    with database_servers.empty_database(mariadb_server) as url:
        yield url


@pytest.fixture
def postgres(postgres_server):
    """The URL of an empty PostgreSQL database."""
    with database_servers.empty_database(postgres_server) as url:
        yield url
