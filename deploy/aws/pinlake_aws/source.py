"""A source database: MySQL, private, encrypted, its password in a secret."""

from aws_cdk import Duration, RemovalPolicy
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_rds as rds
from constructs import Construct

from pinlake_aws.ground import Ground
from pinlake_aws.reasons import accept
from pinlake_aws.size import Size

PORT = 3307  # not MySQL's own, which scanners ask for first
DATABASE = "pinlake"
VERSION = "8.4.8", "8.4"


class Source(Construct):
    """A database that the gateway's tasks may reach, and through them `pinlake sample --to`."""

    def __init__(
        self, scope: Construct, name: str, ground: Ground, *clients: ec2.SecurityGroup
    ) -> None:
        super().__init__(scope, name)
        size, network = ground.size, ground.network
        group = network.group("Source", "The source database")
        for client in clients:
            group.add_ingress_rule(client, ec2.Port.tcp(PORT), "SQL over TLS")
        self.database = rds.DatabaseInstance(
            self,
            "Database",
            engine=rds.DatabaseInstanceEngine.mysql(version=rds.MysqlEngineVersion.of(*VERSION)),
            parameters={"require_secure_transport": "ON"},
            instance_type=ec2.InstanceType(size.source.removeprefix("db.")),
            credentials=rds.Credentials.from_generated_secret("pinlake"),
            database_name=DATABASE,
            port=PORT,
            vpc=network.vpc,
            vpc_subnets=network.private,
            security_groups=[group],
            publicly_accessible=False,
            storage_encrypted=True,
            storage_type=rds.StorageType.GP3,
            allocated_storage=size.source_gib,
            multi_az=size.source_spare,
            backup_retention=Duration.days(1),
            delete_automated_backups=True,
            iam_authentication=True,
            removal_policy=RemovalPolicy.DESTROY,
            deletion_protection=False,
        )
        self._accept(size)

    def told(self) -> dict[str, str]:
        """Return where the database is, and the secret that holds its password."""
        secret = self.database.secret
        return {
            "SourceHost": self.database.db_instance_endpoint_address,
            **({"SourceSecret": secret.secret_name} if secret else {}),
        }

    def _accept(self, size: Size) -> None:
        accept(self.database, "`destroy` is one command; it asks before it deletes.", "RDS10")
        accept(
            self.database,
            "The rows are samples that are drawn again by one command; a password that changes by"
            " itself would leave whoever reads them outside.",
            "SMG4",
        )
        if not size.source_spare:
            accept(self.database, "A spare would double the price of a sample.", "RDS3")
