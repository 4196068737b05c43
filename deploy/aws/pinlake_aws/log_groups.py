"""Where parts write their logs: groups that the stack owns, so that they end with it."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_logs as logs
from constructs import Construct

from pinlake_aws.size import Size


def log_group(scope: Construct, name: str, size: Size) -> logs.LogGroup:
    """Return a new log group that keeps its lines as long as the size says."""
    return logs.LogGroup(
        scope,
        name,
        retention=logs.RetentionDays[size.logs],
        removal_policy=RemovalPolicy.DESTROY,
    )
