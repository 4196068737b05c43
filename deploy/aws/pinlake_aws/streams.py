"""Kinesis streams of the data set, and the routes of the API that lead to them."""

from dataclasses import dataclass
from pathlib import Path

from aws_cdk import RemovalPolicy
from aws_cdk import aws_apigateway as api
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from constructs import Construct

from pinlake_aws.reasons import accept
from pinlake_aws.size import Size

TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Route:
    """A call of the REST API, and the operation of Kinesis that it means."""

    method: str
    path: str
    operation: str
    template: str
    asks: tuple[str, ...] = ()  # of the query, and of headers


PAGE = ("querystring.limit", "querystring.exclusive-start-stream-name")
WHERE = tuple(
    f"querystring.{name}" for name in ("shard-id", "type", "starting-sequence-number", "timestamp")
)
ONE, MANY = "streams/{stream-name}/record", "streams/{stream-name}/records"

ROUTES = (
    Route("GET", "streams", "ListStreams", "list_streams", PAGE),
    Route("GET", "streams/{stream-name}", "DescribeStream", "stream"),
    Route("POST", "streams/{stream-name}", "CreateStream", "create_stream"),
    Route("DELETE", "streams/{stream-name}", "DeleteStream", "stream"),
    Route("PUT", ONE, "PutRecord", "put_record"),
    Route("POST", ONE, "PutRecord", "put_record"),
    Route("PUT", MANY, "PutRecords", "put_records"),
    Route("POST", MANY, "PutRecords", "put_records"),
    Route("PUT", "streams/record", "PutRecord", "put_record", ("querystring.stream-name",)),
    Route(
        "GET",
        "streams/{stream-name}/sharditerator",
        "GetShardIterator",
        "get_shard_iterator",
        WHERE,
    ),
    Route("GET", MANY, "GetRecords", "get_records", ("header.Shard-Iterator", "querystring.limit")),
)

WITHOUT_ANSWER = {"CreateStream", "DeleteStream"}


class Streams(Construct):
    """One stream a name, and a role for API Gateway that may use these and no others."""

    def __init__(self, scope: Construct, name: str, size: Size, names: tuple[str, ...]) -> None:
        super().__init__(scope, name)
        self.streams = [self._stream(size, each) for each in names]
        self.arns = [each.stream_arn for each in self.streams]
        self._role = self._make_role()

    def serve(self, rest: api.RestApi) -> None:
        """Add the routes to an API."""
        for route in ROUTES:
            resource = rest.root.resource_for_path(route.path)
            resource.add_method(
                route.method,
                self._integration(route),
                request_parameters={f"method.request.{each}": False for each in route.asks},
                method_responses=[_method_response(status) for status in ("200", "400", "500")],
            )

    def _stream(self, size: Size, name: str) -> kinesis.Stream:
        on_demand = size.shards is None
        return kinesis.Stream(
            self,
            name,
            stream_name=name,
            stream_mode=(
                kinesis.StreamMode.ON_DEMAND if on_demand else kinesis.StreamMode.PROVISIONED
            ),
            shard_count=size.shards,
            encryption=kinesis.StreamEncryption.MANAGED,
            removal_policy=RemovalPolicy.DESTROY,
        )

    def _make_role(self) -> iam.Role:
        role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("apigateway.amazonaws.com"))
        operations = sorted({f"kinesis:{route.operation}" for route in ROUTES} - {LIST})
        role.add_to_policy(iam.PolicyStatement(actions=operations, resources=self.arns))
        role.add_to_policy(iam.PolicyStatement(actions=[LIST], resources=["*"]))
        accept(role, "ListStreams knows no resource: IAM takes * alone.", "IAM5[Resource::*]")
        return role

    def _integration(self, route: Route) -> api.AwsIntegration:
        return api.AwsIntegration(
            service="kinesis",
            action=route.operation,
            integration_http_method="POST",
            options=api.IntegrationOptions(
                credentials_role=self._role,
                passthrough_behavior=api.PassthroughBehavior.NEVER,
                request_parameters={
                    "integration.request.header.Content-Type": "'application/x-amz-json-1.1'"
                },
                request_templates={"application/json": _template(route.template)},
                integration_responses=_responses(route.operation),
            ),
        )


LIST = "kinesis:ListStreams"


def _template(name: str) -> str:
    return (TEMPLATES / f"{name}.vtl").read_text()


def _responses(operation: str) -> list[api.IntegrationResponse]:
    """Return how answers go back: Kinesis's own JSON, with 200, 400 or 500."""
    empty = {"application/json": _template("empty")} if operation in WITHOUT_ANSWER else None
    content_type = {"method.response.header.Content-Type": "'application/json'"}
    return [
        api.IntegrationResponse(
            status_code="200", response_parameters=content_type, response_templates=empty
        ),
        *(
            api.IntegrationResponse(
                status_code=f"{kind}00",
                selection_pattern=rf"{kind}\d{{2}}",
                response_parameters=content_type,
            )
            for kind in (4, 5)
        ),
    ]


def _method_response(status: str) -> api.MethodResponse:
    return api.MethodResponse(
        status_code=status,
        response_parameters={"method.response.header.Content-Type": True},
    )
