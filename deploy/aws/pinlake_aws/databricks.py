"""Roles for Databricks: to make clusters, to hold the lake in Unity Catalog, to be a cluster."""

import json
from pathlib import Path

from aws_cdk import Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pinlake_aws.ground import Ground
from pinlake_aws.reasons import accept, accept_resources
from pinlake_aws.streams import Streams

DATABRICKS = "414351767826"  # Databricks' own AWS account
CATALOG = f"arn:aws:iam::{DATABRICKS}:role/unity-catalog-prod-UCMasterRole-14S5ZJVKOTYTL"
CLUSTERS = Path(__file__).parent / "databricks-clusters.json"
READ = ["GetRecords", "GetShardIterator", "ListShards", "DescribeStreamSummary", "DescribeStream"]
SPOT = "arn:aws:iam::*:role/aws-service-role/spot.amazonaws.com/AWSServiceRoleForEC2Spot"
OBJECTS = ["GetObject", "PutObject", "DeleteObject", "AbortMultipartUpload"]


class Databricks(Construct):
    """Three roles, each for what it is for; none of them may touch Kafka."""

    def __init__(self, scope: Construct, name: str, ground: Ground, streams: Streams) -> None:
        super().__init__(scope, name)
        settings, lake = ground.settings, ground.lake.lake
        self.cluster = self._cluster(lake, streams.arns)
        self.profile = iam.InstanceProfile(self, "Profile", role=self.cluster)
        self.catalog = self._catalog(settings.databricks_external_id, lake)
        self.workspace = self._workspace(settings.databricks_account)

    def told(self) -> dict[str, str]:
        """Return what Databricks asks for when a workspace, a credential and clusters are made."""
        return {
            "WorkspaceRole": self.workspace.role_arn,
            "CatalogRole": self.catalog.role_arn,
            "InstanceProfile": self.profile.instance_profile_arn,
        }

    def _cluster(self, lake: s3.Bucket, stream_arns: list[str]) -> iam.Role:
        """Return what a cluster runs as, where tables are paths or mounts."""
        role = iam.Role(self, "Cluster", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        _may_use(role, lake)
        role.add_to_policy(
            iam.PolicyStatement(actions=[f"kinesis:{each}" for each in READ], resources=stream_arns)
        )
        role.add_to_policy(iam.PolicyStatement(actions=["kinesis:ListStreams"], resources=["*"]))
        accept(role, "ListStreams knows no resource: IAM takes * alone.", "IAM5[Resource::*]")
        return role

    def _catalog(self, external_id: str, lake: s3.Bucket) -> iam.Role:
        """Return the role of a storage credential; it must be able to take itself on."""
        stack = Stack.of(self)
        name = f"pinlake-unity-catalog-{self.node.addr[-8:]}"
        itself = f"arn:{stack.partition}:iam::{stack.account}:role/{name}"
        condition = {"StringEquals": {"sts:ExternalId": external_id}}
        role = iam.Role(
            self,
            "Catalog",
            role_name=name,
            assumed_by=iam.PrincipalWithConditions(iam.ArnPrincipal(CATALOG), condition),
        )
        own = {**condition, "ArnEquals": {"aws:PrincipalArn": itself}}
        role.assume_role_policy.add_statements(
            iam.PolicyStatement(
                actions=["sts:AssumeRole"],
                principals=[iam.AccountRootPrincipal()],
                conditions=own,
            )
        )
        role.add_to_policy(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=[itself]))
        _may_use(role, lake)
        return role

    def _workspace(self, account: str) -> iam.Role:
        """Return the role by which Databricks starts clusters, and hands them their own."""
        role = iam.Role(
            self,
            "Workspace",
            assumed_by=iam.AccountPrincipal(DATABRICKS).with_conditions(
                {"StringEquals": {"sts:ExternalId": account}}
            ),
        )
        for statement in json.loads(CLUSTERS.read_text())["Statement"]:
            role.add_to_policy(iam.PolicyStatement.from_json(statement))
        role.add_to_policy(
            iam.PolicyStatement(actions=["iam:PassRole"], resources=[self.cluster.role_arn])
        )
        accept(
            role,
            "The policy that Databricks publishes for its own network: machines, disks and subnets"
            " have no names before Databricks makes them.",
            "IAM5[Resource::*]",
        )
        accept_resources(role, "Of this account's role for spot machines alone.", SPOT)
        return role


def _may_use(role: iam.Role, lake: s3.Bucket) -> None:
    """Let a role read and write the lake: the sink's objects, the tables and their plans."""
    role.add_to_policy(
        iam.PolicyStatement(
            actions=["s3:ListBucket", "s3:GetBucketLocation"], resources=[lake.bucket_arn]
        )
    )
    role.add_to_policy(
        iam.PolicyStatement(
            actions=[f"s3:{each}" for each in OBJECTS], resources=[lake.arn_for_objects("*")]
        )
    )
    reason = "The bucket is the lake's alone: who works on its tables works on all its objects."
    accept_resources(role, reason, lake.arn_for_objects("*"))
