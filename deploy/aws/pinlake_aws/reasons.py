"""Why a rule of cdk-nag does not hold for a resource: each with its reason, beside what it is about."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept(construct: IConstruct, reason: str, *rules: str) -> None:
    """Acknowledge rules of AwsSolutions on a construct and what is in it, for one reason."""
    acknowledged = [Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason) for rule in rules]
    Validations.of(construct).acknowledge(*acknowledged)
