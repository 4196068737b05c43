"""How large each part is: ``small`` is the cheapest, ``classic`` outlives the loss of a zone."""

from dataclasses import dataclass

from pinlake_aws.errors import SettingInvalid


@dataclass(frozen=True)
class Size:
    """What a size means, part by part. Prices are in prices.toml, under the names used here."""

    name: str
    zones: int
    nat_gateways: int
    interface_endpoints: tuple[str, ...]  # beside S3's, which costs nothing
    broker: str
    brokers: int
    broker_gib: int
    replicas: int
    in_sync: int  # replicas that must have a record before it is acknowledged
    partitions: int
    connect_workers: int
    gateway_tasks: int
    gateway_tasks_most: int
    gateway_cpu: int  # 1,024 is one vCPU
    gateway_mib: int
    shards: int | None  # None: Kinesis scales by itself
    airflow: str
    airflow_workers: int
    source: str
    source_gib: int
    source_spare: bool
    logs: str  # how long, by the name of RetentionDays
    protected: bool  # `destroy` alone lifts it


SMALL = Size(
    name="small",
    zones=2,
    nat_gateways=1,
    interface_endpoints=(),
    broker="kafka.t3.small",
    brokers=2,
    broker_gib=10,
    replicas=2,
    in_sync=1,
    partitions=1,
    connect_workers=1,
    gateway_tasks=1,
    gateway_tasks_most=1,
    gateway_cpu=256,
    gateway_mib=512,
    shards=1,
    airflow="mw1.micro",
    airflow_workers=1,
    source="db.t4g.micro",
    source_gib=20,
    source_spare=False,
    logs="ONE_WEEK",
    protected=False,
)

CLASSIC = Size(
    name="classic",
    zones=3,
    nat_gateways=3,
    interface_endpoints=("kinesis-streams", "logs", "ecr.api", "ecr.dkr"),
    broker="kafka.m7g.large",
    brokers=3,
    broker_gib=100,
    replicas=3,
    in_sync=2,
    partitions=3,
    connect_workers=2,
    gateway_tasks=2,
    gateway_tasks_most=6,
    gateway_cpu=1024,
    gateway_mib=2048,
    shards=None,
    airflow="mw1.small",
    airflow_workers=5,
    source="db.t4g.medium",
    source_gib=50,
    source_spare=True,
    logs="THREE_MONTHS",
    protected=True,
)

SIZES = {size.name: size for size in (SMALL, CLASSIC)}


def size_of(name: str) -> Size:
    """Return the size of a name."""
    if name not in SIZES:
        raise SettingInvalid("size", name, f"say one of {', '.join(SIZES)}")
    return SIZES[name]
