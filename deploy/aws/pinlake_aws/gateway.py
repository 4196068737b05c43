"""pinlake's own gateway as a service: behind the REST API, before Kafka and Kinesis."""

from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigateway as api
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_elasticloadbalancingv2 as elb
from aws_cdk import aws_iam as iam
from constructs import Construct

from pinlake_aws.ground import Ground
from pinlake_aws.log_groups import log_group
from pinlake_aws.names import Names
from pinlake_aws.network import Network
from pinlake_aws.reasons import accept
from pinlake_aws.settings import REPOSITORY
from pinlake_aws.size import Size
from pinlake_aws.streams import Streams
from pinlake_aws.topics import Topics

PORT = 8082
PRODUCE = ["DescribeTopic", "WriteData"]
STREAM = ["PutRecord", "PutRecords", "DescribeStreamSummary", "ListShards"]


class Gateway(Construct):
    """Tasks of Fargate behind a balancer that only API Gateway's private link reaches.

    Topics are in MSK and streams in Kinesis, so a task keeps nothing: any may
    end at any time, and what was acknowledged is in the cluster.
    """

    def __init__(
        self, scope: Construct, name: str, ground: Ground, topics: Topics, streams: Streams
    ) -> None:
        super().__init__(scope, name)
        size, network, names = ground.size, ground.network, ground.settings.names
        self.group = network.group("Gateway", "Tasks of the gateway")
        topics.allow(self.group)
        cluster = ecs.Cluster(
            self,
            "Cluster",
            vpc=network.vpc,
            execute_command_configuration=ecs.ExecuteCommandConfiguration(
                logging=ecs.ExecuteCommandLogging.NONE
            ),
        )
        accept(cluster, "Alarms on the API and the balancer tell it for less.", "ECS4")
        task = self._task(size, topics, names, ground.settings.image)
        self._grant(task, topics, names, streams.arns)
        self.service = self._service(size, cluster, task, network)
        self.balancer, self.target = self._balance(network)
        self.link = api.VpcLink(self, "Link", targets=[self.balancer])

    def serve(self, rest: api.RestApi) -> None:
        """Give every path that has no route of its own to the gateway."""
        proxy = rest.root.add_resource("{proxy+}")
        proxy.add_method(
            "ANY",
            api.HttpIntegration(
                f"http://{self.balancer.load_balancer_dns_name}/{{proxy}}",
                proxy=True,
                http_method="ANY",
                options=api.IntegrationOptions(
                    connection_type=api.ConnectionType.VPC_LINK,
                    vpc_link=self.link,
                    request_parameters={
                        "integration.request.path.proxy": "method.request.path.proxy"
                    },
                ),
            ),
            request_parameters={"method.request.path.proxy": True},
        )

    def _task(
        self, size: Size, topics: Topics, names: Names, dockerfile: Path
    ) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self, "Task", cpu=size.gateway_cpu, memory_limit_mib=size.gateway_mib
        )
        task.add_container(
            "gateway",
            image=ecs.ContainerImage.from_asset(
                str(REPOSITORY),
                file=str(dockerfile.relative_to(REPOSITORY)),
                platform=ecr_assets.Platform.LINUX_AMD64,
            ),
            entry_point=["pinlake"],
            command=["serve", "--host", "0.0.0.0", "--port", str(PORT), "--insecure"],  # noqa: S104
            environment=environment(topics.brokers, names, Stack.of(self).region),
            port_mappings=[ecs.PortMapping(container_port=PORT)],
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="gateway", log_group=log_group(self, "Log", size)
            ),
        )
        accept(task, "Addresses of the cluster are no secrets; credentials are the role's.", "ECS2")
        return task

    def _grant(
        self, task: ecs.TaskDefinition, topics: Topics, names: Names, stream_arns: list[str]
    ) -> None:
        """Let the tasks write to the topics and the streams, and see that they are there."""
        role = task.task_role
        for right in topics.rights(
            ["Connect", "DescribeCluster", "WriteDataIdempotently"],
            dict.fromkeys(names.topics, PRODUCE),
        ):
            role.add_to_principal_policy(right)
        actions = [f"kinesis:{each}" for each in STREAM]
        role.add_to_principal_policy(iam.PolicyStatement(actions=actions, resources=stream_arns))
        role.add_to_principal_policy(
            iam.PolicyStatement(actions=["kinesis:ListStreams"], resources=["*"])
        )
        accept(
            task,
            "ListStreams, the sign-in to ECR and the channel of ECS Exec know no resource.",
            "IAM5[Resource::*]",
        )

    def _service(
        self, size: Size, cluster: ecs.Cluster, task: ecs.FargateTaskDefinition, network: Network
    ) -> ecs.FargateService:
        """Run the tasks. ECS Exec is on: it is the way to the source and to Airflow's page."""
        service = ecs.FargateService(
            self,
            "Service",
            cluster=cluster,
            task_definition=task,
            desired_count=size.gateway_tasks,
            min_healthy_percent=100,
            security_groups=[self.group],
            vpc_subnets=network.private,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            enable_execute_command=True,
        )
        scaling = service.auto_scale_task_count(
            min_capacity=size.gateway_tasks, max_capacity=size.gateway_tasks_most
        )
        scaling.scale_on_cpu_utilization("Cpu", target_utilization_percent=60)
        return service

    def _balance(self, network: Network) -> tuple[elb.NetworkLoadBalancer, elb.NetworkTargetGroup]:
        group = network.group("Balancer", "The balancer before the gateway")
        self.group.add_ingress_rule(group, ec2.Port.tcp(PORT), "from the balancer")
        balancer = elb.NetworkLoadBalancer(
            self,
            "Balancer",
            vpc=network.vpc,
            internet_facing=False,
            vpc_subnets=network.private,
            security_groups=[group],
            enforce_security_group_inbound_rules_on_private_link_traffic=False,
            cross_zone_enabled=True,
        )
        target = balancer.add_listener("Http", port=80).add_targets(
            "Gateway",
            port=PORT,
            targets=[self.service],
            deregistration_delay=Duration.seconds(10),
            health_check=elb.HealthCheck(protocol=elb.Protocol.HTTP, path="/health"),
        )
        accept(balancer, "API Gateway logs each request; the balancer sees the same ones.", "ELB2")
        return balancer, target


def environment(brokers: str, names: Names, region: str) -> dict[str, str]:
    """Return the settings of pinlake in a task; topics and streams are the stack's to make."""
    return {
        "PINLAKE_TOPICS": f"kafka://{brokers}",
        "PINLAKE_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "PINLAKE_KAFKA_SASL_MECHANISM": "AWS_MSK_IAM",
        "PINLAKE_STREAMS": f"kinesis://{region}",
        "PINLAKE_KINESIS_ONLY": ",".join(names.streams),
        "PINLAKE_GATEWAY_AUTO_CREATE_TOPICS": "false",
        "PINLAKE_GATEWAY_AUTO_CREATE_STREAMS": "false",
    }
