"""The one door: a REST API that only a key opens, and whose calls are counted and logged."""

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as api
from constructs import Construct

from pinlake_aws.log_groups import log_group
from pinlake_aws.reasons import accept
from pinlake_aws.size import Size

STAGE = "test"  # as the scripts of the classic tutorial call it
RATE, BURST = 500, 1000  # requests a second, of the key


class Rest(Construct):
    """An API in the region, not at the edge: CloudFront refuses a GET with a body."""

    def __init__(self, scope: Construct, name: str, size: Size) -> None:
        super().__init__(scope, name)
        self.api = api.RestApi(
            self,
            "Api",
            rest_api_name="pinlake",
            endpoint_types=[api.EndpointType.REGIONAL],
            cloud_watch_role=True,
            cloud_watch_role_removal_policy=RemovalPolicy.DESTROY,
            default_method_options=api.MethodOptions(api_key_required=True),
            deploy_options=self._stage(size),
        )
        self.key = self.api.add_api_key("Key", description="pinlake's producers")
        plan = self.api.add_usage_plan(
            "Plan", throttle=api.ThrottleSettings(rate_limit=RATE, burst_limit=BURST)
        )
        plan.add_api_key(self.key)
        plan.add_api_stage(stage=self.api.deployment_stage)
        self._accept()

    def _stage(self, size: Size) -> api.StageOptions:
        log = log_group(self, "Log", size)
        return api.StageOptions(
            stage_name=STAGE,
            metrics_enabled=True,
            logging_level=api.MethodLoggingLevel.ERROR,
            data_trace_enabled=False,
            access_log_destination=api.LogGroupLogDestination(log),
            access_log_format=api.AccessLogFormat.json_with_standard_fields(
                caller=False,
                http_method=True,
                ip=True,
                protocol=True,
                request_time=True,
                resource_path=True,
                response_length=True,
                status=True,
                user=False,
            ),
        )

    def _accept(self) -> None:
        accept(
            self.api,
            "Scripts and sensors send x-api-key; they cannot sign in, nor sign requests.",
            "APIG4",
            "COG4",
        )
        accept(
            self.api,
            "A firewall for the web looks for what browsers are attacked with; the key and its rate"
            " bound what comes in here. Add one where keys are handed to strangers.",
            "APIG3",
        )
        accept(
            self.api,
            "Bodies are checked by what takes them, with the error that its clients know.",
            "APIG2",
        )
        accept(
            self.api,
            "API Gateway writes its log by the policy that AWS keeps for it.",
            "IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/"
            "AmazonAPIGatewayPushToCloudWatchLogs]",
        )
