"""Files of this repository that go into buckets when the stack is deployed."""

from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_deployment as deployment
from constructs import Construct

from pinlake_aws.log_groups import log_group
from pinlake_aws.reasons import accept, accept_resources
from pinlake_aws.size import Size

ALL_OF_A_KIND = ("GetObject", "GetBucket", "List", "DeleteObject", "Abort")


class Uploads(Construct):
    """Uploads by the CDK's own function, which runs at a deployment and costs nothing between."""

    def __init__(self, scope: Construct, name: str, size: Size) -> None:
        super().__init__(scope, name)
        self._log = log_group(self, "Log", size)

    def put(
        self,
        name: str,
        sources: list[deployment.ISource],
        bucket: s3.Bucket,
        folder: str | None = None,
    ) -> deployment.BucketDeployment:
        """Put files below a folder of a bucket; without one, an archive as it is."""
        uploaded = deployment.BucketDeployment(
            self,
            name,
            sources=sources,
            destination_bucket=bucket,
            destination_key_prefix=folder,
            extract=folder is not None,
            memory_limit=512,
            log_group=self._log,
        )
        self._accept(uploaded, bucket)
        return uploaded

    def _accept(self, uploaded: deployment.BucketDeployment, bucket: s3.Bucket) -> None:
        function = uploaded.handler_role.node.scope
        reason = "The CDK's own function for uploads: its code, runtime and rights are the CDK's."
        kinds = (f"IAM5[Action::s3:{each}*]" for each in ALL_OF_A_KIND)
        accept(function, reason, "L1", LAMBDA, *kinds)
        assets = "arn:<AWS::Partition>:s3:::cdk-pinlake-assets-<AWS::AccountId>-<AWS::Region>/*"
        accept(function, reason, f"IAM5[Resource::{assets}]")
        accept_resources(function, reason, bucket.arn_for_objects("*"))


LAMBDA = (
    "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]"
)
