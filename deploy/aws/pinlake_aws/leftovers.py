"""What is left of the stack in an account: by its tag, and by the names that services give."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Client = Callable[[str], Any]

TAG = {"Key": "project", "Values": ["pinlake"]}
BILLS_NOTHING = {
    ":task-definition/": "an inactive task definition",
    ":security-group/": "a security group",
}
LOGS = ("airflow-pinlake-", "Pinlake", "/aws/lambda/Pinlake", "/aws/ecs/containerinsights/Pinlake")
"""How the log groups of this stack begin, those of services too."""


@dataclass(frozen=True)
class Left:
    """Something that is still there."""

    name: str
    why: str
    bills: bool

    def __str__(self) -> str:
        """Return one line for people."""
        return f"{'MAY BILL' if self.bills else 'bills nothing'}: {self.name} ({self.why})"


def leftovers(client: Client) -> list[Left]:
    """Return what is left, in the region of the client.

    What MWAA makes by itself stands in the stack's network, whose tag tells of
    it: a network that is gone has nothing in it.
    """
    return [*_stacks(client), *_tagged(client), *_logs(client)]


def _stacks(client: Client) -> Iterator[Left]:
    for page in client("cloudformation").get_paginator("list_stacks").paginate():
        for each in page["StackSummaries"]:
            name, status = each["StackName"], each["StackStatus"]
            if name in {"Pinlake", "PinlakeToolkit"} and status != "DELETE_COMPLETE":
                yield Left(name, f"a stack, {status}", bills=True)


def _tagged(client: Client) -> Iterator[Left]:
    tagging = client("resourcegroupstaggingapi")
    for page in tagging.get_paginator("get_resources").paginate(TagFilters=[TAG]):
        for each in page["ResourceTagMappingList"]:
            yield _judged(client, each["ResourceARN"])


def _judged(client: Client, arn: str) -> Left:
    if ":kms:" in arn:
        return _key(client, arn)
    if ":natgateway/" in arn:
        return _gateway(client, arn)
    reason = next((why for part, why in BILLS_NOTHING.items() if part in arn), None)
    return Left(arn, reason or "it has the tag project=pinlake", bills=reason is None)


def _key(client: Client, arn: str) -> Left:
    """Return whether a key is on its way out: from then on it costs nothing."""
    state = client("kms").describe_key(KeyId=arn)["KeyMetadata"]["KeyState"]
    return Left(arn, f"a key, {state}", bills=state != "PendingDeletion")


def _gateway(client: Client, arn: str) -> Left:
    """Return whether a NAT gateway is deleted: AWS tells of it for an hour more."""
    name = arn.rpartition("/")[2]
    [found] = client("ec2").describe_nat_gateways(NatGatewayIds=[name])["NatGateways"]
    return Left(arn, f"a NAT gateway, {found['State']}", bills=found["State"] != "deleted")


def _logs(client: Client) -> Iterator[Left]:
    paginator = client("logs").get_paginator("describe_log_groups")
    for prefix in LOGS:
        for page in paginator.paginate(logGroupNamePrefix=prefix):
            for group in page["logGroups"]:
                yield Left(group["logGroupName"], "a log group", bills=True)
