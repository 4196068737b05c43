"""Kafka: an MSK cluster that only IAM opens, and the data set's topics in it."""

from aws_cdk import Fn, custom_resources
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_msk as msk
from constructs import Construct

from pinlake_aws.log_groups import log_group
from pinlake_aws.network import Network
from pinlake_aws.reasons import accept
from pinlake_aws.size import Size
from pinlake_aws.uploads import LAMBDA

NAME = "pinlake"
KAFKA = "3.9.x"
PORT = 9098  # of brokers that IAM opens
RETENTION_HOURS = 168


class Topics(Construct):
    """A cluster and its topics; ``allow`` lets a group in, ``rights`` says what a role may do."""

    def __init__(
        self, scope: Construct, name: str, size: Size, network: Network, topics: tuple[str, ...]
    ) -> None:
        super().__init__(scope, name)
        self.topics = topics
        self._group = network.group("Kafka", "Brokers of Kafka")
        self.cluster = self._cluster(size, network)
        for topic in topics:
            msk.CfnTopic(
                self,
                topic,
                cluster_arn=self.cluster.attr_arn,
                topic_name=topic,
                partition_count=size.partitions,
                replication_factor=size.replicas,
            )
        self.brokers = self._brokers(size)

    def allow(self, group: ec2.SecurityGroup) -> None:
        """Let the members of a group connect to the brokers."""
        self._group.add_ingress_rule(group, ec2.Port.tcp(PORT), "IAM over TLS")

    def rights(
        self, cluster: list[str], by_name: dict[str, list[str]], kind: str = "topic"
    ) -> list[iam.PolicyStatement]:
        """Return what a role may do with the cluster, and with topics or groups by their names."""
        return [
            iam.PolicyStatement(actions=_kafka(cluster), resources=[self.cluster.attr_arn]),
            *(
                iam.PolicyStatement(actions=_kafka(actions), resources=[self.arn(kind, name)])
                for name, actions in by_name.items()
            ),
        ]

    def arn(self, kind: str, name: str) -> str:
        """Return the ARN of a topic or group: that of the cluster with another kind and a name."""
        before, after = (
            Fn.select(at, Fn.split(":cluster/", self.cluster.attr_arn)) for at in (0, 1)
        )
        return f"{before}:{kind}/{after}/{name}"

    def _cluster(self, size: Size, network: Network) -> msk.CfnCluster:
        configuration = msk.CfnConfiguration(
            self,
            "Configuration",
            name=f"pinlake-{self.node.addr[-8:]}",
            server_properties=_properties(size),
        )
        log = log_group(self, "Log", size)
        subnets = network.vpc.select_subnets(subnet_group_name="private").subnet_ids
        return msk.CfnCluster(
            self,
            "Cluster",
            cluster_name=NAME,
            kafka_version=KAFKA,
            number_of_broker_nodes=size.brokers,
            broker_node_group_info=msk.CfnCluster.BrokerNodeGroupInfoProperty(
                client_subnets=subnets,
                instance_type=size.broker,
                security_groups=[self._group.security_group_id],
                storage_info=msk.CfnCluster.StorageInfoProperty(
                    ebs_storage_info=msk.CfnCluster.EBSStorageInfoProperty(
                        volume_size=size.broker_gib
                    )
                ),
            ),
            configuration_info=msk.CfnCluster.ConfigurationInfoProperty(
                arn=configuration.attr_arn, revision=1
            ),
            client_authentication=msk.CfnCluster.ClientAuthenticationProperty(
                sasl=msk.CfnCluster.SaslProperty(iam=msk.CfnCluster.IamProperty(enabled=True)),
                unauthenticated=msk.CfnCluster.UnauthenticatedProperty(enabled=False),
            ),
            encryption_info=msk.CfnCluster.EncryptionInfoProperty(
                encryption_in_transit=msk.CfnCluster.EncryptionInTransitProperty(
                    client_broker="TLS", in_cluster=True
                )
            ),
            logging_info=msk.CfnCluster.LoggingInfoProperty(
                broker_logs=msk.CfnCluster.BrokerLogsProperty(
                    cloud_watch_logs=msk.CfnCluster.CloudWatchLogsProperty(
                        enabled=True, log_group=log.log_group_name
                    )
                )
            ),
        )

    def _brokers(self, size: Size) -> str:
        """Return where the brokers are: CloudFormation does not tell, MSK's API does."""
        call = custom_resources.AwsSdkCall(
            service="Kafka",
            action="getBootstrapBrokers",
            parameters={"ClusterArn": self.cluster.attr_arn},
            physical_resource_id=custom_resources.PhysicalResourceId.of("brokers"),
        )
        asked = custom_resources.AwsCustomResource(
            self,
            "Brokers",
            on_update=call,
            install_latest_aws_sdk=False,
            log_group=log_group(self, "BrokersLog", size),
            policy=custom_resources.AwsCustomResourcePolicy.from_sdk_calls(
                resources=[self.cluster.attr_arn]
            ),
        )
        accept(asked.grant_principal.node.scope, "The CDK's own function: it logs.", LAMBDA)
        return asked.get_response_field("BootstrapBrokerStringSaslIam")


def _kafka(actions: list[str]) -> list[str]:
    return [f"kafka-cluster:{action}" for action in actions]


def _properties(size: Size) -> str:
    """Return the brokers' settings: topics are made here and by nobody else."""
    return "\n".join(
        (
            "auto.create.topics.enable=false",
            f"default.replication.factor={size.replicas}",
            f"min.insync.replicas={size.in_sync}",
            f"log.retention.hours={RETENTION_HOURS}",
            "unclean.leader.election.enable=false",
        )
    )
