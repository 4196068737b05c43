"""Make the bucket of the lake unless it is there, by the settings of pinlake in the environment."""
# ruff: noqa: INP001 (a script of its own, no package)

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

THERE = {"BucketAlreadyOwnedByYou", "BucketAlreadyExists"}


def make_bucket(environment: Mapping[str, str]) -> str:
    """Make the bucket that PINLAKE_LAKE names at PINLAKE_S3_ENDPOINT, and return its name."""
    name = urlsplit(environment["PINLAKE_LAKE"]).netloc
    client = boto3.client(
        "s3",
        endpoint_url=environment["PINLAKE_S3_ENDPOINT"],
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
    try:
        client.create_bucket(Bucket=name)
    except ClientError as error:
        if error.response["Error"]["Code"] not in THERE:
            raise
    return name


if __name__ == "__main__":
    sys.stdout.write(f"Bucket {make_bucket(os.environ)} is there\n")
