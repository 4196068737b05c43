"""Why a rule of cdk-nag does not hold for a resource."""

import json
from typing import Any

from aws_cdk import Acknowledgment, Stack, Validations
from constructs import IConstruct


def accept(construct: IConstruct, reason: str, *rules: str) -> None:
    """Acknowledge rules of AwsSolutions on a construct and what is in it, for one reason."""
    acknowledged = [Acknowledgment(id=f"AwsSolutions-{rule}", reason=reason) for rule in rules]
    Validations.of(construct).acknowledge(*acknowledged)


def accept_resources(construct: IConstruct, reason: str, *arns: str) -> None:
    """Acknowledge ARNs that end in a star: these and no others."""
    resolve = Stack.of(construct).resolve
    accept(construct, reason, *(f"IAM5[Resource::{_flat(resolve(arn))}]" for arn in arns))


def _flat(value: Any) -> str:
    """Return a value of CloudFormation as cdk-nag writes it in a finding's name."""
    match value:
        case str():
            return value
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
        case {"Fn::Join": [between, parts]}:
            return str(between).join(map(_flat, parts))
    return json.dumps(value, separators=(",", ":"))
