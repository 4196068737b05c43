"""Which alarms there are, part by part, and what each means to whoever is woken."""

from pinlake_aws import airflow, connect
from pinlake_aws.gateway import Gateway
from pinlake_aws.rest import Rest
from pinlake_aws.size import Size
from pinlake_aws.watch import Watch, asked, metric

DISK_PERCENT = 75
LATENCY_MS = 2_000
BEHIND_MS = 3_600_000


def watch_gateway(watch: Watch, gateway: Gateway, rest: Rest) -> None:
    """Watch what clients of the API see, and whether anybody is there to answer them."""
    errors = rest.api.metric_server_error(statistic="Sum")
    watch.alarm("Errors", errors, 5, "The API answers 5xx. See the gateway's log.")
    late = rest.api.metric_latency(statistic="p99")
    watch.alarm("Latency", late, LATENCY_MS, "One request in a hundred takes over two seconds.")
    healthy = gateway.target.metrics.healthy_host_count(statistic="Minimum")
    meaning = "No task of the gateway is healthy: topics take nothing. See its log."
    watch.alarm("NoTask", healthy, 1, meaning, below=True, silence_is_wrong=True)


def watch_topics(watch: Watch, size: Size, cluster: str) -> None:
    """Watch each broker's disk, and whether one broker leads."""
    for broker in range(1, size.brokers + 1):
        where = {"Cluster Name": cluster, "Broker ID": str(broker)}
        used = metric("AWS/Kafka", "KafkaDataLogsDiskUsed", "Maximum", **where)
        meaning = (
            f"Broker {broker} has used {DISK_PERCENT} % of its disk: shorten retention or grow it."
        )
        watch.alarm(f"Disk{broker}", used, DISK_PERCENT, meaning)
    leaders = metric("AWS/Kafka", "ActiveControllerCount", "Maximum", **{"Cluster Name": cluster})
    watch.alarm("NoController", leaders, 1, "The cluster has no controller.", below=True)


def watch_streams(watch: Watch, names: tuple[str, ...]) -> None:
    """Watch how far readers of each stream are behind, and what was refused."""
    for name in names:
        behind = metric(
            "AWS/Kinesis", "GetRecords.IteratorAgeMilliseconds", "Maximum", StreamName=name
        )
        watch.alarm(f"Behind {name}", behind, BEHIND_MS, f"A reader of {name} is an hour behind.")
        for kind in ("Write", "Read"):
            refused = metric(
                "AWS/Kinesis", f"{kind}ProvisionedThroughputExceeded", "Sum", StreamName=name
            )
            watch.alarm(f"{kind}Throttled {name}", refused, 0, f"{name} is refused: add shards.")


def watch_connect(watch: Watch) -> None:
    """Watch the connector: a task that failed, or none that runs."""
    where = {"ConnectorName": connect.NAME}
    failed = metric("AWS/KafkaConnect", "ErroredTaskCount", "Maximum", **where)
    watch.alarm("SinkFailed", failed, 0, "A task of the S3 sink failed. See its log.", times=1)
    running = metric("AWS/KafkaConnect", "RunningTaskCount", "Minimum", **where)
    watch.alarm("SinkStopped", running, 1, "No task of the S3 sink runs.", below=True)


def watch_airflow(watch: Watch) -> None:
    """Watch failed tasks, and the scheduler's heart."""
    failed = asked("AmazonMWAA", "TaskInstanceFailures", Environment=airflow.NAME)
    watch.alarm("TaskFailed", failed, 0, "A task of Airflow failed. See its page.", times=1)
    beats = asked("AmazonMWAA", "SchedulerHeartbeat", Environment=airflow.NAME)
    meaning = "Airflow's scheduler is silent."
    watch.alarm("NoScheduler", beats, 1, meaning, below=True, silence_is_wrong=True)
