"""`deploy/aws/destroy` on an emulated account: all of it goes, and what is left is told."""

import os
import subprocess

import pytest

from harness import cloud_stack
from harness.emulated_aws import ACCOUNT, REGION, emulator

KEEPS = tuple(f"AWS::{each}::" for each in ("S3", "Kinesis", "Logs", "IAM", "SNS", "ApiGateway"))
"""What holds data, and what has rights; of a network the emulator cannot let go."""

TOOLKIT = '{"Resources": {"Queue": {"Type": "AWS::SQS::Queue"}}}'


@pytest.fixture(scope="module")
def stack(small):
    return small


@pytest.fixture
def aws():
    with emulator() as aws:
        yield aws


def destroy(aws, *arguments, typed=""):
    """Run the command against the emulated account."""
    environment = {
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "any",
        "AWS_SECRET_ACCESS_KEY": "thing",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
    }
    return cloud_stack.run(
        *("-m", "pinlake_aws.teardown", *arguments), environment=environment, typed=typed
    )


def buckets(aws):
    return [each["Name"] for each in aws.client("s3").list_buckets()["Buckets"]]


def fill(aws, stack, made):
    """Put into the account what a running pipeline and its services leave in it."""
    s3 = aws.client("s3")
    for name in stack.of("S3::Bucket"):
        for number in range(3):
            s3.put_object(Bucket=made[name], Key="topics/a.json", Body=b"%d" % number)
    [api] = [made[name] for name in stack.of("ApiGateway::RestApi")]
    logs = aws.client("logs")
    for name in ("airflow-pinlake-Task", f"API-Gateway-Execution-Logs_{api}/test", "another"):
        logs.create_log_group(logGroupName=name)
    aws.client("ecr").create_repository(
        repositoryName=f"cdk-pinlake-container-assets-{ACCOUNT}-{REGION}"
    )
    aws.client("cloudformation").create_stack(StackName="PinlakeToolkit", TemplateBody=TOOLKIT)


def test_everything_goes_and_only_what_is_anothers_stays(aws, stack):
    made = aws.deploy(stack, kinds=KEEPS)
    fill(aws, stack, made)
    aws.client("s3").create_bucket(Bucket="of-another-project")
    ran = destroy(aws, "--yes")
    assert buckets(aws) == ["of-another-project"], ran.stderr
    assert aws.client("kinesis").list_streams()["StreamNames"] == []
    assert aws.client("ecr").describe_repositories()["repositories"] == []
    groups = aws.client("logs").describe_log_groups()["logGroups"]
    assert [each["logGroupName"] for each in groups] == ["another"]
    living = aws.client("cloudformation").list_stacks(StackStatusFilter=["CREATE_COMPLETE"])
    assert living["StackSummaries"] == []
    assert "MAY BILL" not in ran.stderr
    assert (ran.returncode, "nothing is left that bills" in ran.stderr) == (0, True), ran.stderr


def test_it_can_be_run_again_and_on_an_account_that_has_nothing(aws):
    for _ in range(2):
        ran = destroy(aws, "--yes")
        assert (ran.returncode, ran.stderr) == (0, "nothing is left that bills\n")


def test_what_has_the_tag_and_is_left_is_named_and_fails(aws):
    tags = {"project": "pinlake"}
    aws.client("kinesis").create_stream(StreamName="forgotten", ShardCount=1, Tags=tags)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="left-behind")
    tagging = {"TagSet": [{"Key": "project", "Value": "pinlake"}]}
    s3.put_bucket_tagging(Bucket="left-behind", Tagging=tagging)
    aws.client("logs").create_log_group(logGroupName="PinlakeForgotten")
    ran = destroy(aws, "--yes")
    assert ran.returncode == 1
    assert "MAY BILL: arn:aws:s3:::left-behind" in ran.stderr
    assert "MAY BILL: PinlakeForgotten" in ran.stderr
    assert "left that may bill" in ran.stderr


def test_a_key_on_its_way_out_is_told_and_bills_nothing(aws):
    keys = aws.client("kms")
    made = keys.create_key(Tags=[{"TagKey": "project", "TagValue": "pinlake"}])["KeyMetadata"]
    ran = destroy(aws, "--yes")
    assert (ran.returncode, "a key, Enabled" in ran.stderr) == (1, True), ran.stderr
    keys.schedule_key_deletion(KeyId=made["KeyId"], PendingWindowInDays=7)
    ran = destroy(aws, "--yes")
    assert (ran.returncode, "bills nothing: " in ran.stderr) == (0, True), ran.stderr


@pytest.mark.parametrize("typed", ["", "no\n", "pinlake\n"])
def test_it_asks_first_and_deletes_nothing_without_the_name(aws, stack, typed):
    aws.deploy(stack, kinds=KEEPS)
    before = buckets(aws)
    ran = destroy(aws, typed=typed)
    assert ran.returncode == 2
    assert ACCOUNT in ran.stderr
    assert buckets(aws) == before


def test_the_name_is_enough_to_go_on(aws, stack):
    aws.deploy(stack, kinds=KEEPS)
    ran = destroy(aws, typed="Pinlake\n")
    assert (ran.returncode, buckets(aws)) == (0, []), ran.stderr


PROTECTED = """
import boto3
from botocore.stub import Stubber
from pinlake_aws.teardown import _unprotect

formation = boto3.client("cloudformation", region_name="us-east-1")
with Stubber(formation) as asked:
    made = {"StackName": "Pinlake", "CreationTime": 0, "StackStatus": "CREATE_COMPLETE"}
    protected = {"Stacks": [{**made, "EnableTerminationProtection": True}]}
    asked.add_response("describe_stacks", protected, {"StackName": "Pinlake"})
    lifted = {"StackName": "Pinlake", "EnableTerminationProtection": False}
    asked.add_response("update_termination_protection", {}, lifted)
    _unprotect(lambda service: formation)
    asked.assert_no_pending_responses()
"""


def test_the_protection_of_classic_is_lifted_first():
    # The emulator has no such call; botocore holds the request against AWS's own model.
    ran = subprocess.run(
        [cloud_stack.PYTHON, "-c", PROTECTED],
        cwd=cloud_stack.PROJECT,
        env=os.environ | {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "thing"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
