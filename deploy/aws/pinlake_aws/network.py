"""The network: private subnets, one way out, no way in but API Gateway's private link."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from pinlake_aws.log_groups import log_group
from pinlake_aws.size import Size

CIDR = "10.0.0.0/16"


class Network(Construct):
    """A VPC whose public subnets hold the NAT gateways and nothing else.

    Why NAT gateways: Airflow asks Databricks, which has no endpoint of ours.
    """

    def __init__(self, scope: Construct, name: str, size: Size) -> None:
        super().__init__(scope, name)
        self.vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(CIDR),
            max_azs=size.zones,
            nat_gateways=size.nat_gateways,
            restrict_default_security_group=False,
            subnet_configuration=[
                _subnet("out", ec2.SubnetType.PUBLIC, 28),
                _subnet("private", ec2.SubnetType.PRIVATE_WITH_EGRESS, 22),
            ],
        )
        self.private = ec2.SubnetSelection(subnet_group_name="private")
        self.vpc.add_gateway_endpoint("S3", service=ec2.GatewayVpcEndpointAwsService.S3)
        if size.interface_endpoints:
            self._add_endpoints(size.interface_endpoints)
        self._record(size)

    def group(self, name: str, description: str) -> ec2.SecurityGroup:
        """Return a new group that nobody may enter yet."""
        return ec2.SecurityGroup(self, name, vpc=self.vpc, description=description)

    def _add_endpoints(self, services: tuple[str, ...]) -> None:
        """Let traffic to these services stay inside: it is dearer through a NAT gateway."""
        group = self.group("Endpoints", "Endpoints of AWS services")
        group.add_ingress_rule(ec2.Peer.ipv4(CIDR), ec2.Port.tcp(443), "from the network")
        for service in services:
            self.vpc.add_interface_endpoint(
                service,
                service=ec2.InterfaceVpcEndpointAwsService(service),
                subnets=self.private,
                security_groups=[group],
                open=False,
            )

    def _record(self, size: Size) -> None:
        """Keep what was refused: all traffic would cost more than it tells."""
        group = log_group(self, "RefusedLog", size)
        self.vpc.add_flow_log(
            "Refused",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(group),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )


def _subnet(name: str, kind: ec2.SubnetType, mask: int) -> ec2.SubnetConfiguration:
    public = kind == ec2.SubnetType.PUBLIC
    return ec2.SubnetConfiguration(
        name=name,
        subnet_type=kind,
        cidr_mask=mask,
        map_public_ip_on_launch=False if public else None,
    )
