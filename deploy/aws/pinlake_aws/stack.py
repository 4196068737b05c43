"""The stack: which part gets what of which other."""

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Fn, Stack, Tags
from constructs import Construct

from pinlake_aws import alarms, costs
from pinlake_aws.airflow import Airflow
from pinlake_aws.connect import DEAD_LETTERS, Connect
from pinlake_aws.databricks import Databricks
from pinlake_aws.gateway import Gateway
from pinlake_aws.ground import Ground
from pinlake_aws.lake import Lake
from pinlake_aws.network import Network
from pinlake_aws.rest import Rest
from pinlake_aws.settings import Settings
from pinlake_aws.source import Source
from pinlake_aws.streams import Streams
from pinlake_aws.topics import NAME, Topics
from pinlake_aws.uploads import Uploads
from pinlake_aws.watch import Watch

QUALIFIER = "pinlake"
"""Of the bootstrap: a bucket and a registry of our own, which `destroy` removes too."""


class PinlakeStack(Stack):
    """Everything in one stack: it comes and goes as one, and no part names another's export."""

    def __init__(self, scope: Construct, name: str, settings: Settings) -> None:
        super().__init__(
            scope,
            name,
            description="pinlake: events in over HTTP, clean Delta tables out",
            termination_protection=settings.size.protected,
            synthesizer=DefaultStackSynthesizer(
                qualifier=QUALIFIER, generate_bootstrap_version_rule=False
            ),
        )
        Tags.of(self).add("project", "pinlake")
        self._ground = Ground(
            settings,
            Network(self, "Network", settings.size),
            Lake(self, "Lake"),
            Uploads(self, "Uploads", settings.size),
        )
        self._land()
        self._take()
        self._run()
        self._watch()
        self._tell()

    @property
    def availability_zones(self) -> list[str]:
        """Return the region's first three zones, without asking an account for them."""
        return [Fn.select(at, Fn.get_azs()) for at in range(3)]

    def estimate(self) -> list[costs.Line]:
        """Return what this stack costs a month at rest."""
        settings = self._ground.settings
        return costs.estimate(
            settings.size,
            streams=len(settings.names.streams),
            alarms=self._alarms.alarms,
            source=settings.source,
        )

    def _land(self) -> None:
        """Make what records come to rest in: topics, streams, and the sink to the lake."""
        ground = self._ground
        names = ground.settings.names
        topics = (*names.topics, DEAD_LETTERS)
        self._topics = Topics(self, "Topics", ground.size, ground.network, topics)
        self._streams = Streams(self, "Streams", ground.size, names.streams)
        Connect(self, "Connect", ground, self._topics)

    def _take(self) -> None:
        """Make what records come in by."""
        ground = self._ground
        self._rest = Rest(self, "Rest", ground.size)
        self._gateway = Gateway(self, "Gateway", ground, self._topics, self._streams)
        self._streams.serve(self._rest.api)
        self._gateway.serve(self._rest.api)

    def _run(self) -> None:
        """Make what works on the lake, and where rows come from."""
        ground = self._ground
        settings, gateway = ground.settings, self._gateway.group
        self._airflow = Airflow(self, "Airflow", ground)
        self._airflow.open_to(gateway)
        self._databricks, self._source = None, None
        if settings.databricks_account:
            self._databricks = Databricks(self, "Databricks", ground, self._streams)
        if settings.source:
            self._source = Source(self, "Source", ground, gateway, self._airflow.group)

    def _watch(self) -> None:
        """Make the alarms."""
        settings = self._ground.settings
        self._alarms = watch = Watch(self, "Watch", settings.email, settings.budget)
        alarms.watch_gateway(watch, self._gateway, self._rest)
        alarms.watch_topics(watch, settings.size, NAME)
        alarms.watch_streams(watch, settings.names.streams)
        alarms.watch_connect(watch)
        alarms.watch_airflow(watch)

    def _tell(self) -> None:
        """Print what the next steps need."""
        told = {
            "Url": self._rest.api.url,
            "KeyId": self._rest.key.key_id,
            "LakeBucket": self._ground.lake.lake.bucket_name,
            "Brokers": self._topics.brokers,
            "GatewayCluster": self._gateway.service.cluster.cluster_name,
            "AirflowPage": self._airflow.environment.attr_webserver_url,
            **(self._databricks.told() if self._databricks else {}),
            **(self._source.told() if self._source else {}),
        }
        for name, value in told.items():
            CfnOutput(self, name, value=value)
