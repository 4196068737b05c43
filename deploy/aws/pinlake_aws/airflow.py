"""Airflow: an MWAA environment that runs the DAGs of deploy/airflow, inside the network alone."""

import hashlib
from pathlib import Path

from aws_cdk import Stack, SymlinkFollowMode
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_mwaa as mwaa
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from pinlake_aws.ground import Ground
from pinlake_aws.reasons import accept, accept_resources
from pinlake_aws.settings import Settings

VERSION = "3.0.6"
NAME = "pinlake"
DAGS = "dags"
FILES = ("requirements-mwaa.txt", "startup.sh")
LOGS = ("dag_processing", "scheduler", "task", "webserver", "worker")


class Airflow(Construct):
    """The environment, its role, and the upload of its DAGs, requirements and start-up script.

    What is uploaded beside the DAGs lies under its own digest: another file is
    another path, so that CloudFormation sees the change.
    """

    def __init__(self, scope: Construct, name: str, ground: Ground) -> None:
        super().__init__(scope, name)
        size, network, bucket = ground.size, ground.network, ground.lake.airflow
        lake, project = ground.lake.lake, ground.settings.airflow
        self.group = network.group("Airflow", "Schedulers, workers and page of Airflow")
        self.group.add_ingress_rule(self.group, ec2.Port.all_traffic(), "among themselves")
        uploaded = self._upload(ground)
        role = self._role(bucket, lake)
        settings = f"settings/{_digest(project)}"
        subnets = network.vpc.select_subnets(subnet_group_name="private").subnet_ids
        self.environment = mwaa.CfnEnvironment(
            self,
            "Environment",
            name=NAME,
            airflow_version=VERSION,
            environment_class=size.airflow,
            execution_role_arn=role.role_arn,
            source_bucket_arn=bucket.bucket_arn,
            dag_s3_path=DAGS,
            requirements_s3_path=f"{settings}/{FILES[0]}",
            startup_script_s3_path=f"{settings}/{FILES[1]}",
            webserver_access_mode="PRIVATE_ONLY",
            network_configuration=mwaa.CfnEnvironment.NetworkConfigurationProperty(
                security_group_ids=[self.group.security_group_id], subnet_ids=subnets[:2]
            ),
            logging_configuration={each: _log(each) for each in map(_property, LOGS)},
            airflow_configuration_options=_options(ground.settings, lake),
            min_workers=1,
            max_workers=size.airflow_workers,
        )
        self.environment.node.add_dependency(*uploaded, role)

    def open_to(self, group: ec2.SecurityGroup) -> None:
        """Let the members of a group see Airflow's page."""
        self.group.add_ingress_rule(group, ec2.Port.tcp(443), "the page")

    def _upload(self, ground: Ground) -> list[deployment.BucketDeployment]:
        uploads, bucket, settings = ground.uploads, ground.lake.airflow, ground.settings
        project = settings.airflow
        ignored = ["__pycache__", "*.pyc"]
        follow = SymlinkFollowMode.ALWAYS  # the data sets are a link into this repository
        dags = deployment.Source.asset(
            str(project / "dags"), exclude=ignored, follow_symlinks=follow
        )
        built = [deployment.Source.asset(str(each)) for each in settings.wheel]
        texts = {name: (project / name).read_text() for name in FILES}
        rest = [deployment.Source.data(name, text) for name, text in texts.items()]
        return [
            uploads.put("Dags", [dags, *built], bucket, DAGS),
            uploads.put("Settings", rest, bucket, f"settings/{_digest(project)}"),
        ]

    def _role(self, bucket: s3.Bucket, lake: s3.Bucket) -> iam.Role:
        """Return what MWAA asks of a role, and the lake's objects for tasks that run here."""
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.CompositePrincipal(
                iam.ServicePrincipal("airflow.amazonaws.com"),
                iam.ServicePrincipal("airflow-env.amazonaws.com"),
            ),
        )
        for statement in _rights(Stack.of(self), bucket, lake):
            role.add_to_policy(statement)
        accept(
            role,
            "The checks of the account's public access and CloudWatch's metrics know no resource.",
            "IAM5[Resource::*]",
        )
        accept_resources(
            role,
            "MWAA names its log groups and its queue itself; objects of a bucket are many.",
            *_own_names(Stack.of(self)),
            bucket.arn_for_objects("*"),
            lake.arn_for_objects("*"),
        )
        return role


def _options(settings: Settings, lake: s3.Bucket) -> dict[str, str]:
    """Return what startup.sh makes variables of: ``pinlake.user_id`` is PINLAKE_USER_ID."""
    return {
        "pinlake.user_id": settings.user_id,
        "pinlake.dataset": settings.dataset,
        "pinlake.lake": f"s3://{lake.bucket_name}",
        "pinlake.airflow_run": settings.airflow_run,
    }


def _rights(stack: Stack, bucket: s3.Bucket, lake: s3.Bucket) -> list[iam.PolicyStatement]:
    here = f"{stack.region}:{stack.account}"
    log_groups, queues = _own_names(stack)
    metrics = {"StringEquals": {"cloudwatch:namespace": "AmazonMWAA"}}
    table = (
        (["s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "s3:GetBucketLocation"], bucket),
        (["s3:GetBucketPublicAccessBlock", "s3:GetEncryptionConfiguration"], bucket),
        (["s3:GetBucketVersioning", "s3:ListBucketVersions"], bucket),
        (["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"], lake),
        (["s3:ListBucket"], lake),
    )
    return [
        *(iam.PolicyStatement(actions=actions, resources=_of(each)) for actions, each in table),
        iam.PolicyStatement(
            actions=["airflow:PublishMetrics"],
            resources=[f"arn:{stack.partition}:airflow:{here}:environment/{NAME}"],
        ),
        iam.PolicyStatement(
            actions=[
                f"logs:{each}"
                for each in (
                    "CreateLogStream",
                    "CreateLogGroup",
                    "PutLogEvents",
                    "GetLogEvents",
                    "GetLogRecord",
                    "GetLogGroupFields",
                    "GetQueryResults",
                )
            ],
            resources=[log_groups],
        ),
        iam.PolicyStatement(
            actions=["logs:DescribeLogGroups", "s3:GetAccountPublicAccessBlock"], resources=["*"]
        ),
        iam.PolicyStatement(
            actions=["cloudwatch:PutMetricData"], resources=["*"], conditions=metrics
        ),
        iam.PolicyStatement(
            actions=[
                f"sqs:{each}"
                for each in (
                    "ChangeMessageVisibility",
                    "DeleteMessage",
                    "GetQueueAttributes",
                    "GetQueueUrl",
                    "ReceiveMessage",
                    "SendMessage",
                )
            ],
            resources=[queues],
        ),
        iam.PolicyStatement(
            actions=["kms:Decrypt", "kms:DescribeKey", "kms:GenerateDataKey", "kms:Encrypt"],
            not_resources=[f"arn:{stack.partition}:kms:*:{stack.account}:key/*"],
            conditions={"StringLike": {"kms:ViaService": [f"sqs.{stack.region}.amazonaws.com"]}},
        ),
    ]


def _own_names(stack: Stack) -> tuple[str, str]:
    """Return the log groups and the queues that MWAA makes for this environment."""
    logs = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}"
    queues = f"arn:{stack.partition}:sqs:{stack.region}:*"
    return f"{logs}:log-group:airflow-{NAME}-*", f"{queues}:airflow-celery-*"


def _of(bucket: s3.Bucket) -> list[str]:
    return [bucket.bucket_arn, bucket.arn_for_objects("*")]


def _property(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(each.title() for each in rest) + "Logs"


def _log(name: str) -> dict[str, object]:
    """Return how much a part tells: tasks all, the others what went wrong."""
    return {"enabled": True, "logLevel": "INFO" if name == "taskLogs" else "WARNING"}


def _digest(project: Path) -> str:
    return hashlib.sha256(b"".join((project / each).read_bytes() for each in FILES)).hexdigest()[:8]
