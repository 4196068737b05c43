"""The buckets: the lake, what Airflow reads, the plug-in of MSK Connect, and who asked for what."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_s3 as s3
from constructs import Construct

from pinlake_aws.reasons import accept

TIDY = s3.LifecycleRule(abort_incomplete_multipart_upload_after=Duration.days(1))


class Lake(Construct):
    """Four buckets: encrypted, over TLS alone, closed to the public; `destroy` empties them.

    The lake keeps no old versions of objects: Delta has its own, and
    `pinlake erase` must be able to erase. Airflow wants versions in its bucket.
    """

    def __init__(self, scope: Construct, name: str) -> None:
        super().__init__(scope, name)
        self.logs = self._bucket("Logs", None, expires=30)
        accept(self.logs, "It takes the access logs of the others.", "S1")
        self.lake = self._bucket("Lake", self.logs)
        self.airflow = self._bucket("Airflow", self.logs, versioned=True)
        self.plugins = self._bucket("Plugins", self.logs)

    def _bucket(
        self,
        name: str,
        logs: s3.Bucket | None,
        *,
        expires: int | None = None,
        versioned: bool = False,
    ) -> s3.Bucket:
        rules = [TIDY]
        if expires:
            rules.append(s3.LifecycleRule(expiration=Duration.days(expires)))
        if versioned:
            rules.append(s3.LifecycleRule(noncurrent_version_expiration=Duration.days(30)))
        return s3.Bucket(
            self,
            name,
            encryption=s3.BucketEncryption.S3_MANAGED,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
            versioned=versioned,
            lifecycle_rules=rules,
            removal_policy=RemovalPolicy.DESTROY,
            server_access_logs_bucket=logs,
            server_access_logs_prefix=f"{name.lower()}/" if logs else None,
        )
