"""``deploy/aws/destroy``: delete everything, data too, then look for what is left and may bill."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.exceptions import ClientError, WaiterError

from pinlake_aws.leftovers import leftovers

STACK, TOOLKIT = "Pinlake", "PinlakeToolkit"
QUALIFIER = "pinlake"
TRIES = 3  # buckets are written to while their writers are being deleted
API_LOGS = "API-Gateway-Execution-Logs_"
SERVICES_LOGS = ("airflow-pinlake-", API_LOGS)

Client = Callable[[str], Any]


def main() -> int:
    """Ask, delete, look; return 1 if anything is left that may bill."""
    parser = argparse.ArgumentParser(prog="deploy/aws/destroy", description=__doc__)
    parser.add_argument("--yes", action="store_true", help="do not ask")
    asked = parser.parse_args()
    client: Client = boto3.Session().client
    account = client("sts").get_caller_identity()["Account"]
    region = client("s3").meta.region_name
    if not asked.yes and not _agreed(account, region):
        return 2
    _delete_stack(client)
    _delete_bootstrap(client, account, region)
    found = leftovers(client)
    for each in found:
        _say(str(each))
    billing = [each for each in found if each.bills]
    _say(f"{len(billing)} left that may bill" if billing else "nothing is left that bills")
    return 1 if billing else 0


def _agreed(account: str, region: str) -> bool:
    _say(f"This deletes {STACK} in account {account}, {region}: lake, topics, streams, all data.")
    _say(f"Type {STACK} to go on, or say --yes:")
    return sys.stdin.readline().strip() == STACK


def _delete_stack(client: Client) -> None:
    """Empty the buckets and delete the stack, again where something wrote meanwhile."""
    api_ids = _resources(client, "AWS::ApiGateway::RestApi")
    for _ in range(TRIES):
        if not _is_there(client, STACK):
            break
        _unprotect(client)
        for bucket in _resources(client, "AWS::S3::Bucket"):
            client("s3").put_bucket_logging(Bucket=bucket, BucketLoggingStatus={})
            _empty(client, bucket)
        _delete(client, STACK)
    _delete_logs(client, api_ids)


def _unprotect(client: Client) -> None:
    formation = client("cloudformation")
    [stack] = formation.describe_stacks(StackName=STACK)["Stacks"]
    if stack.get("EnableTerminationProtection"):
        formation.update_termination_protection(StackName=STACK, EnableTerminationProtection=False)


def _delete(client: Client, stack: str) -> None:
    """Delete a stack and wait; what it could not delete is tried again by the caller.

    CloudFormation alone is asked: the CDK would synthesise first, and want all settings.
    """
    formation = client("cloudformation")
    formation.delete_stack(StackName=stack)
    with contextlib.suppress(WaiterError):
        every = {"Delay": 15, "MaxAttempts": 480}
        formation.get_waiter("stack_delete_complete").wait(StackName=stack, WaiterConfig=every)


def _delete_logs(client: Client, api_ids: list[str]) -> None:
    """Delete the log groups that services made by themselves."""
    logs = client("logs")
    for name in _log_groups(client):
        if not name.startswith(API_LOGS) or any(each in name for each in api_ids):
            logs.delete_log_group(logGroupName=name)


def _log_groups(client: Client) -> Iterator[str]:
    paginator = client("logs").get_paginator("describe_log_groups")
    for prefix in SERVICES_LOGS:
        for page in paginator.paginate(logGroupNamePrefix=prefix):
            yield from (group["logGroupName"] for group in page["logGroups"])


def _delete_bootstrap(client: Client, account: str, region: str) -> None:
    """Delete what the CDK keeps for deployments: a bucket, a registry of images, their stack."""
    bucket = f"cdk-{QUALIFIER}-assets-{account}-{region}"
    registry = f"cdk-{QUALIFIER}-container-assets-{account}-{region}"
    _unless_gone(lambda: _empty(client, bucket))
    _unless_gone(lambda: client("ecr").delete_repository(repositoryName=registry, force=True))
    if _is_there(client, TOOLKIT):
        _delete(client, TOOLKIT)
    # The CDK's template keeps its bucket.
    _unless_gone(lambda: client("s3").delete_bucket(Bucket=bucket))


def _unless_gone(act: Callable[[], object]) -> None:
    try:
        act()
    except ClientError as error:
        if error.response["Error"]["Code"] not in {"NoSuchBucket", "RepositoryNotFoundException"}:
            raise


def _empty(client: Client, bucket: str) -> None:
    """Delete every object with every version of it."""
    s3 = client("s3")
    for page in s3.get_paginator("list_object_versions").paginate(Bucket=bucket):
        found = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
        objects = [{"Key": each["Key"], "VersionId": each["VersionId"]} for each in found]
        if objects:
            s3.delete_objects(Bucket=bucket, Delete={"Objects": objects, "Quiet": True})


def _resources(client: Client, kind: str) -> list[str]:
    """Return the physical ids of a stack's resources of a type; none where there is no stack."""
    if not _is_there(client, STACK):
        return []
    paginator = client("cloudformation").get_paginator("list_stack_resources")
    rows = (
        row
        for page in paginator.paginate(StackName=STACK)
        for row in page["StackResourceSummaries"]
    )
    return [
        row["PhysicalResourceId"]
        for row in rows
        if row["ResourceType"] == kind and row["ResourceStatus"] != "DELETE_COMPLETE"
    ]


def _is_there(client: Client, stack: str) -> bool:
    try:
        client("cloudformation").describe_stacks(StackName=stack)
    except ClientError as error:
        if "does not exist" in str(error):
            return False
        raise
    return True


def _say(text: str) -> None:
    print(text, file=sys.stderr)  # noqa: T201


if __name__ == "__main__":
    sys.exit(main())
