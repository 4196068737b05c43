"""An AWS emulator, moto's server, and a stack's template as far as it takes it."""

import contextlib
import json

import boto3
import pytest
import requests

ACCOUNT, REGION = "123456789012", "us-east-1"

REFUSED = {
    "AWS::ElasticLoadBalancingV2::Listener": "it knows no TCP",
    "AWS::RDS::DBInstance": "it fails on a parameter group of the same template",
    "AWS::KMS::Key": "it fails on tags",
}
"""Types that the emulator claims to know, and cannot make of ours."""


def known_types():
    """Return the types that the emulator's CloudFormation makes; others it skips in silence."""
    parsing = pytest.importorskip("moto.cloudformation.parsing", reason="moto is missing")
    return set(parsing.get_model_map()) - set(REFUSED)


@contextlib.contextmanager
def emulator():
    """Run moto's server; yield what makes clients for it."""
    server = pytest.importorskip("moto.server", reason="moto's server is missing")
    running = server.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        # What it emulates belongs to the process, not to this server.
        requests.post(f"http://{host}:{port}/moto-api/reset", timeout=30).raise_for_status()
        yield Emulated(f"http://{host}:{port}")
    finally:
        running.stop()


class Emulated:
    """An account that is emulated."""

    def __init__(self, url):
        self.url = url
        self._clients = []

    def client(self, service):
        """Return a client of a service."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id="any",
            aws_secret_access_key="thing",
        )

    def deploy(self, stack, name="Pinlake", kinds=("AWS::",)):
        """Make what can be made of a stack, of types that begin so; return ids by logical id."""
        self._publish(stack)
        template = {**stack.template, "Resources": possible(stack.resources, kinds), "Outputs": {}}
        formation = self.client("cloudformation")
        capabilities = ["CAPABILITY_NAMED_IAM"]
        formation.create_stack(
            StackName=name, TemplateBody=json.dumps(template), Capabilities=capabilities
        )
        [made] = formation.describe_stacks(StackName=name)["Stacks"]
        assert made["StackStatus"] == "CREATE_COMPLETE"
        pages = formation.get_paginator("list_stack_resources").paginate(StackName=name)
        rows = [row for page in pages for row in page["StackResourceSummaries"]]
        return {row["LogicalResourceId"]: row["PhysicalResourceId"] for row in rows}

    def _publish(self, stack):
        """Put the assets where the CDK's command line would: names count here, not contents."""
        s3 = self.client("s3")
        bucket = f"cdk-pinlake-assets-{ACCOUNT}-{REGION}"
        s3.create_bucket(Bucket=bucket)
        assets = json.loads((stack.folder / "Pinlake.assets.json").read_text())
        for asset in assets["files"].values():
            for place in asset["destinations"].values():
                s3.put_object(Bucket=bucket, Key=place["objectKey"], Body=b"PK")


def possible(resources, kinds):
    """Return the resources that the emulator can make; what they say of others becomes text."""
    known = known_types()
    gone = {
        name
        for name, each in resources.items()
        if each["Type"] not in known or not each["Type"].startswith(kinds)
    }
    kept = {name: _without(each, gone) for name, each in resources.items() if name not in gone}
    for each in kept.values():
        waits = each.pop("DependsOn", [])
        waits = [waits] if isinstance(waits, str) else waits
        each["DependsOn"] = [name for name in waits if name not in gone]
    return kept


def _without(value, gone):
    match value:
        case {"Fn::GetAtt": [name, attribute]} if name in gone:
            return f"arn:aws:gone:{REGION}:{ACCOUNT}:cluster/{name}/{attribute}"
        case {"Ref": name} if name in gone:
            return name
        case dict():
            return {key: _without(each, gone) for key, each in value.items()}
        case list():
            return [_without(each, gone) for each in value]
    return value
