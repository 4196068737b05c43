"""The stack: which part gets what of which other."""

from aws_cdk import CfnOutput, DefaultStackSynthesizer, Fn, Stack, Tags
from constructs import Construct

from pinlake_aws import alarms, costs
from pinlake_aws.airflow import Airflow
from pinlake_aws.connect import DEAD_LETTERS, Connect
from pinlake_aws.databricks import Databricks
from pinlake_aws.gateway import Gateway
from pinlake_aws.lake import Lake
from pinlake_aws.network import Network
from pinlake_aws.rest import Rest
from pinlake_aws.settings import Settings
from pinlake_aws.source import Source
from pinlake_aws.streams import Streams
from pinlake_aws.topics import Topics
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
        self._settings = settings
        self._network = Network(self, "Network", settings.size)
        self._lake = Lake(self, "Lake")
        self._uploads = Uploads(self, "Uploads", settings.size)
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
        settings = self._settings
        return costs.estimate(
            settings.size,
            streams=len(settings.names.streams),
            alarms=self._alarms.alarms,
            source=settings.source,
        )

    def _land(self) -> None:
        """Make what records come to rest in: topics, streams, and the sink to the lake."""
        size, names = self._settings.size, self._settings.names
        topics = (*names.topics, DEAD_LETTERS)
        self._topics = Topics(self, "Topics", size, self._network, topics)
        self._streams = Streams(self, "Streams", size, names.streams)
        Connect(
            self,
            "Connect",
            size,
            self._network,
            self._topics,
            names.topics,
            self._lake.lake,
            self._uploads,
            self._lake.plugins,
            self._settings.plugin,
        )

    def _take(self) -> None:
        """Make what records come in by."""
        settings = self._settings
        self._rest = Rest(self, "Rest", settings.size)
        self._gateway = Gateway(
            self,
            "Gateway",
            settings.size,
            self._network,
            self._topics,
            settings.names,
            self._streams.arns,
            settings.image,
        )
        self._streams.serve(self._rest.api)
        self._gateway.serve(self._rest.api)

    def _run(self) -> None:
        """Make what works on the lake, and where rows come from."""
        settings, lake = self._settings, self._lake
        airflow = Airflow(
            self,
            "Airflow",
            settings.size,
            self._network,
            self._uploads,
            lake.airflow,
            lake.lake,
            settings.airflow,
        )
        airflow.open_to(self._gateway.group)
        if settings.databricks_account:
            Databricks(
                self,
                "Databricks",
                settings.databricks_account,
                settings.databricks_external_id,
                lake.lake,
                self._streams.arns,
            )
        if settings.source:
            Source(
                self,
                "Source",
                settings.size,
                self._network,
                self._gateway.group,
                airflow.group,
            )

    def _watch(self) -> None:
        settings = self._settings
        self._alarms = watch = Watch(self, "Watch", settings.email, settings.budget)
        alarms.watch_gateway(watch, self._gateway, self._rest)
        alarms.watch_topics(watch, settings.size, "pinlake")
        alarms.watch_streams(watch, settings.names.streams)
        alarms.watch_connect(watch)
        alarms.watch_airflow(watch)

    def _tell(self) -> None:
        """Print what the next steps need."""
        CfnOutput(self, "Url", value=self._rest.api.url)
        CfnOutput(self, "KeyId", value=self._rest.key.key_id)
        CfnOutput(self, "LakeBucket", value=self._lake.lake.bucket_name)
        CfnOutput(self, "Brokers", value=self._topics.brokers)
