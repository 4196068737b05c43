"""MSK Connect: the Confluent S3 sink takes the topics to the lake as objects."""

import hashlib
from pathlib import Path

from aws_cdk import Fn, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kafkaconnect as kafkaconnect
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from pinlake_aws.ground import Ground
from pinlake_aws.log_groups import log_group
from pinlake_aws.network import Network
from pinlake_aws.reasons import accept_resources
from pinlake_aws.size import Size
from pinlake_aws.topics import Topics

PROPERTIES = Path(__file__).parent / "s3-sink.properties"
VERSION = "3.7.x"
NAME = "pinlake-s3-sink"
INTERNAL = "__amazon_msk_connect_*"  # MSK Connect's own topics and groups
MEMBER = ["DescribeGroup", "AlterGroup"]
DEAD_LETTERS = "pinlake-dead-letters"  # errors.deadletterqueue.topic.name


class Connect(Construct):
    """The connector with its plug-in; a role that reads the topics and writes the objects."""

    def __init__(self, scope: Construct, name: str, ground: Ground, topics: Topics) -> None:
        super().__init__(scope, name)
        size, network, names = ground.size, ground.network, ground.settings.names.topics
        group = network.group("Connect", "Workers of MSK Connect")
        topics.allow(group)
        role = self._role(topics, names, ground.lake.lake)
        self.connector = kafkaconnect.CfnConnector(
            self,
            "Connector",
            connector_name=NAME,
            connector_configuration={**properties(), **self._added(ground)},
            kafka_connect_version=VERSION,
            capacity=_capacity(size),
            kafka_cluster=_cluster(topics, network, group.security_group_id),
            kafka_cluster_client_authentication={"authenticationType": "IAM"},
            kafka_cluster_encryption_in_transit={"encryptionType": "TLS"},
            plugins=[{"customPlugin": self._plugin(ground)}],
            service_execution_role_arn=role.role_arn,
            log_delivery=_logs(log_group(self, "Log", size).log_group_name),
        )
        # The role's rights are a resource of their own, and the topics are read at once.
        self.connector.node.add_dependency(role, topics)

    def _added(self, ground: Ground) -> dict[str, str]:
        return {
            "topics": ",".join(ground.settings.names.topics),
            "tasks.max": str(ground.size.connect_workers),
            "s3.bucket.name": ground.lake.lake.bucket_name,
            "s3.region": Stack.of(self).region,
        }

    def _plugin(self, ground: Ground) -> dict[str, object]:
        archive = ground.settings.plugin
        source = deployment.Source.asset(str(archive))
        uploaded = ground.uploads.put("Plugin", [source], ground.lake.plugins)
        key = Fn.select(0, uploaded.object_keys)
        location = kafkaconnect.CfnCustomPlugin.S3LocationProperty(
            bucket_arn=uploaded.deployed_bucket.bucket_arn, file_key=key
        )
        plugin = kafkaconnect.CfnCustomPlugin(
            self,
            "Plugin",
            name=f"{NAME}-{hashlib.sha256(archive.read_bytes()).hexdigest()[:8]}",
            content_type="ZIP",
            location=kafkaconnect.CfnCustomPlugin.CustomPluginLocationProperty(
                s3_location=location
            ),
        )
        return {"customPluginArn": plugin.attr_custom_plugin_arn, "revision": plugin.attr_revision}

    def _role(self, topics: Topics, names: tuple[str, ...], lake: s3.Bucket) -> iam.Role:
        ours = {"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
        service = iam.ServicePrincipal("kafkaconnect.amazonaws.com", conditions=ours)
        role = iam.Role(self, "Role", assumed_by=service)
        own = ["CreateTopic", "DescribeTopic", "ReadData", "WriteData"]
        read = {name: ["DescribeTopic", "ReadData"] for name in names}
        rights = topics.rights(
            ["Connect", "DescribeCluster", "WriteDataIdempotently"],
            {**read, DEAD_LETTERS: ["DescribeTopic", "WriteData"], INTERNAL: own},
        )
        groups = {INTERNAL: MEMBER, f"connect-{NAME}*": MEMBER}
        rights += topics.rights(["Connect"], groups, "group")
        for each in rights:
            role.add_to_policy(each)
        _may_write(role, lake)
        own_names = (("topic", INTERNAL), ("group", INTERNAL), ("group", f"connect-{NAME}*"))
        reason = "MSK Connect names its topics and groups itself, and the objects are many."
        arns = (topics.arn(*each) for each in own_names)
        accept_resources(role, reason, *arns, _objects(lake))
        return role


def properties() -> dict[str, str]:
    """Return the connector's properties as the file says them."""
    lines = (line for line in PROPERTIES.read_text().splitlines() if line and line[0] != "#")
    return dict(line.split("=", 1) for line in lines)


def _may_write(role: iam.Role, lake: s3.Bucket) -> None:
    """Let a role write objects below the connector's folder, in parts too, and see the bucket."""
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            resources=[lake.bucket_arn],
        )
    )
    objects = ["PutObject", "GetObject", "AbortMultipartUpload", "ListMultipartUploadParts"]
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[f"s3:{each}" for each in objects],
            resources=[_objects(lake)],
        )
    )


def _objects(lake: s3.Bucket) -> str:
    return lake.arn_for_objects(f"{properties()['topics.dir']}/*")


def _capacity(size: Size) -> dict[str, object]:
    return {"provisionedCapacity": {"mcuCount": 1, "workerCount": size.connect_workers}}


def _cluster(topics: Topics, network: Network, group: str) -> dict[str, object]:
    subnets = network.vpc.select_subnets(subnet_group_name="private").subnet_ids
    return {
        "apacheKafkaCluster": {
            "bootstrapServers": topics.brokers,
            "vpc": {"securityGroups": [group], "subnets": subnets},
        }
    }


def _logs(group: str) -> dict[str, object]:
    return {"workerLogDelivery": {"cloudWatchLogs": {"enabled": True, "logGroup": group}}}
