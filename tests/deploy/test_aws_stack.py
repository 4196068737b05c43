"""The stack of every size: what the checkers say of it, what is closed, and what is left of it."""

import json
import os
import subprocess

import pytest

from harness import cloud_stack
from requirements_of_tests import require


@pytest.fixture(scope="module")
def classic(tmp_path_factory):
    return cloud_stack.stack(tmp_path_factory, "classic")


@pytest.mark.slow
def test_cfn_lint_finds_nothing(stack):
    lint = cloud_stack.PYTHON.parent / "cfn-lint"
    # W3005: the CDK names dependencies that references enforce already.
    command = [lint, "-i", "W3005", "-r", "us-east-1", "-t", stack.file]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_rule_of_cdk_nag_is_kept_or_answered_with_a_reason(stack):
    report = json.loads((stack.folder / "validation-report.json").read_text())
    assert report["pluginReports"] == []
    metadata = json.loads((stack.folder / "Pinlake.metadata.json").read_text())
    answers = [
        answer
        for entries in metadata.values()
        for entry in entries
        if entry["type"] == "aws:cdk:acknowledged-rules"
        for answer in entry["data"].items()
        if not answer[0].startswith("CloudFormation-Validate::")  # the CDK's own
    ]
    rules = {rule.partition("AwsSolutions-")[2].partition("[")[0] for rule, _ in answers}
    assert rules - ANSWERED == set(), "say in ANSWERED which rules do not hold for us"
    assert all(len(reason) > 20 for _, reason in answers)
    assert not [rule for rule, _ in answers if rule.endswith("IAM5")], "name the resource"


ANSWERED = {"APIG2", "APIG3", "APIG4", "COG4", "ECS2", "ECS4", "ELB2", "L1", "S1", "SMG4"}
ANSWERED |= {"IAM4", "IAM5", "RDS3", "RDS10"}
"""Rules that do not hold for some resource of ours; the reasons are in the code."""


@pytest.mark.slow
def test_a_rule_that_nobody_answered_gives_no_template(tmp_path):
    require(cloud_stack.PYTHON.exists(), "deploy/aws/.venv is missing: run script/setup aws")
    open_bucket = (
        "import app\nfrom aws_cdk import App, Stack, aws_s3\n"
        "one = App()\naws_s3.Bucket(Stack(one, 'Open'), 'Bucket')\napp.check(one)\none.synth()\n"
    )
    ran = subprocess.run(
        [cloud_stack.PYTHON, "-c", open_bucket],
        cwd=cloud_stack.PROJECT,
        env=os.environ | {"CDK_OUTDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode != 0
    assert "AwsSolutions-S10" in ran.stdout + ran.stderr


def test_the_pinned_command_line_of_the_cdk_reads_what_was_synthesised(small):
    ran = subprocess.run(
        [cloud_stack.PROJECT / "cdk", "--app", small.folder, "ls"],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    away = any(
        code in ran.stderr for code in ("ENOTFOUND", "EAI_AGAIN", "ETIMEDOUT", "ECONNREFUSED")
    )
    require(not away, "npm's registry is out of reach, and has the CDK's command line")
    assert ran.stdout.split() == ["Pinlake"], ran.stderr


def test_buckets_are_encrypted_closed_and_over_tls_alone(stack):
    buckets = stack.of("S3::Bucket")
    assert len(buckets) == 4
    for bucket in buckets.values():
        assert all(bucket["PublicAccessBlockConfiguration"].values())
        assert len(bucket["PublicAccessBlockConfiguration"]) == 4
        rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
        assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
        assert {"DaysAfterInitiation": 1} in [
            each.get("AbortIncompleteMultipartUpload")
            for each in bucket["LifecycleConfiguration"]["Rules"]
        ]
    policies = stack.of("S3::BucketPolicy").values()
    denied = [
        each["Bucket"]["Ref"]
        for each in policies
        for statement in each["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
        and statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    ]
    assert set(denied) == set(buckets)


def test_the_lake_keeps_no_old_versions_and_airflows_bucket_does(stack):
    states = {
        name[:8]: each.get("VersioningConfiguration", {}).get("Status")
        for name, each in stack.of("S3::Bucket").items()
    }
    assert states == {"LakeLogs": None, "Lake42DF": None, "LakeAirf": "Enabled", "LakePlug": None}


def test_nothing_can_be_entered_from_outside(stack):
    open_to_all = {"0.0.0.0/0", "::/0"}
    rules = [
        *stack.of("EC2::SecurityGroupIngress").values(),
        *(
            rule
            for each in stack.of("EC2::SecurityGroup").values()
            for rule in each.get("SecurityGroupIngress", ())
        ),
    ]
    assert rules
    assert not [each for each in rules if open_to_all & {each.get("CidrIp"), each.get("CidrIpv6")}]
    assert stack.only("ElasticLoadBalancingV2::LoadBalancer")["Scheme"] == "internal"
    assert stack.only("MWAA::Environment")["WebserverAccessMode"] == "PRIVATE_ONLY"
    assert stack.only("RDS::DBInstance")["PubliclyAccessible"] is False
    network = stack.only("ECS::Service")["NetworkConfiguration"]["AwsvpcConfiguration"]
    assert network["AssignPublicIp"] == "DISABLED"
    assert not [
        each for each in stack.of("EC2::Subnet").values() if each.get("MapPublicIpOnLaunch")
    ]


def test_only_nat_gateways_stand_in_public_subnets(stack):
    public = {
        name
        for name, each in stack.of("EC2::Subnet").items()
        if {"Key": "aws-cdk:subnet-type", "Value": "Public"} in each["Tags"]
    }
    users = {
        each["Type"]
        for each in stack.resources.values()
        if any(f'{{"Ref": "{name}"}}' in json.dumps(each.get("Properties", {})) for name in public)
    }
    assert users == {"AWS::EC2::NatGateway", "AWS::EC2::SubnetRouteTableAssociation"}


def test_brokers_take_iam_over_tls_and_nothing_else(stack):
    cluster = stack.only("MSK::Cluster")
    assert cluster["ClientAuthentication"] == {
        "Sasl": {"Iam": {"Enabled": True}},
        "Unauthenticated": {"Enabled": False},
    }
    assert cluster["EncryptionInfo"]["EncryptionInTransit"] == {
        "ClientBroker": "TLS",
        "InCluster": True,
    }
    assert "ConnectivityInfo" not in cluster["BrokerNodeGroupInfo"]
    rules = stack.of("EC2::SecurityGroupIngress").values()
    kafka = [each for each in rules if "Kafka" in json.dumps(each["GroupId"])]
    assert {each["FromPort"] for each in kafka} == {9098}
    assert len(kafka) == 2


def test_streams_the_source_and_alarms_are_encrypted(stack):
    for each in stack.of("Kinesis::Stream").values():
        assert each["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    assert stack.only("RDS::DBInstance")["StorageEncrypted"] is True
    assert stack.only("RDS::DBParameterGroup")["Parameters"] == {"require_secure_transport": "ON"}
    assert "KmsMasterKeyId" in stack.only("SNS::Topic")
    assert stack.only("KMS::Key")["EnableKeyRotation"] is True


def test_no_secret_stands_in_the_template(stack):
    source = stack.only("RDS::DBInstance")
    assert "resolve:secretsmanager" in json.dumps(source["MasterUserPassword"])
    assert "Value" not in stack.only("ApiGateway::ApiKey")


def test_small_is_the_cheapest_and_classic_outlives_a_zone(small, classic):
    def sizes(stack):
        cluster, source = stack.only("MSK::Cluster"), stack.only("RDS::DBInstance")
        return {
            "brokers": cluster["NumberOfBrokerNodes"],
            "zones": len(cluster["BrokerNodeGroupInfo"]["ClientSubnets"]),
            "replicas": {each["ReplicationFactor"] for each in stack.of("MSK::Topic").values()},
            "ways out": len(stack.of("EC2::NatGateway")),
            "endpoints": len(stack.of("EC2::VPCEndpoint")),
            "tasks": stack.only("ECS::Service")["DesiredCount"],
            "source": source["MultiAZ"],
            "airflow": stack.only("MWAA::Environment")["EnvironmentClass"],
        }

    assert sizes(small) == {
        "brokers": 2,
        "zones": 2,
        "replicas": {2},
        "ways out": 1,
        "endpoints": 1,
        "tasks": 1,
        "source": False,
        "airflow": "mw1.micro",
    }
    assert sizes(classic) == {
        "brokers": 3,
        "zones": 3,
        "replicas": {3},
        "ways out": 3,
        "endpoints": 5,
        "tasks": 2,
        "source": True,
        "airflow": "mw1.small",
    }


def test_classic_is_protected_against_deletion_and_small_is_not(small, classic):
    def protected(stack):
        manifest = json.loads((stack.folder / "manifest.json").read_text())
        return manifest["artifacts"]["Pinlake"]["properties"].get("terminationProtection", False)

    assert (protected(small), protected(classic)) == (False, True)


def test_nothing_outlives_the_stack(stack):
    kept = {
        name
        for name, each in stack.resources.items()
        if each.get("DeletionPolicy", "Delete") != "Delete"
        or each.get("UpdateReplacePolicy", "Delete") != "Delete"
    }
    assert kept == set()


def test_everything_that_takes_tags_is_tagged(stack):
    tagged = [e for e in stack.resources.values() if "Tags" in e.get("Properties", {})]
    wanted = {"project", "pinlake"}
    assert len(tagged) > 40
    for each in tagged:
        tags = each["Properties"]["Tags"]
        found = tags.items() if isinstance(tags, dict) else [(t["Key"], t["Value"]) for t in tags]
        assert tuple(sorted(wanted, reverse=True)) in list(found), each["Type"]


def test_the_estimate_is_printed(stack):
    assert "A month of size" in stack.told
    for part in (
        "network",
        "topics",
        "connect",
        "gateway",
        "streams",
        "airflow",
        "source",
        "watch",
    ):
        assert f"  {part} " in stack.told
