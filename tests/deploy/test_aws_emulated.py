"""What an AWS emulator makes of the stack, resource by resource; it skips types in silence."""

import pytest

from harness.emulated_aws import REFUSED, emulator, known_types

SKIPPED = {
    "AWS::ApiGateway::Account",
    "AWS::ApiGateway::ApiKey",
    "AWS::ApiGateway::Stage",
    "AWS::ApiGateway::UsagePlan",
    "AWS::ApiGateway::UsagePlanKey",
    "AWS::ApiGateway::VpcLink",
    "AWS::ApplicationAutoScaling::ScalableTarget",
    "AWS::ApplicationAutoScaling::ScalingPolicy",
    "AWS::Budgets::Budget",
    "AWS::CloudWatch::Alarm",
    "AWS::KafkaConnect::Connector",
    "AWS::KafkaConnect::CustomPlugin",
    "AWS::MSK::Cluster",
    "AWS::MSK::Configuration",
    "AWS::MSK::Topic",
    "AWS::MWAA::Environment",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::Subscription",
    "AWS::SNS::TopicPolicy",
    "AWS::SecretsManager::Secret",
    "AWS::SecretsManager::SecretTargetAttachment",
    "Custom::AWS",
    "Custom::CDKBucketDeployment",
}
"""Types of ours that the emulator does not make: the checks of the template alone speak of them."""


@pytest.fixture(scope="module")
def stack(small):
    return small


@pytest.fixture(scope="module")
def aws():
    with emulator() as aws:
        yield aws


@pytest.fixture(scope="module")
def made(aws, stack):
    return aws.deploy(stack)


def of(stack, made, kind):
    """Return {logical id: physical id} of what was made of a type."""
    found = {name: made[name] for name in stack.of(kind)}
    assert found
    return found


def test_the_types_that_are_not_made_are_these(stack):
    ours = {each["Type"] for each in stack.resources.values()}
    assert ours - known_types() == SKIPPED | set(REFUSED)


def test_every_resource_of_every_other_type_is_made(stack, made):
    wanted = {n for n, e in stack.resources.items() if e["Type"] not in SKIPPED | set(REFUSED)}
    assert set(made) == wanted
    assert len(wanted) > 90


def test_buckets_are_there_and_encrypted(stack, made, aws):
    s3 = aws.client("s3")
    buckets = of(stack, made, "S3::Bucket")
    assert len(buckets) == 4
    for name in buckets.values():
        rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"


def test_streams_are_active_with_their_shard_and_take_a_record(stack, made, aws):
    kinesis = aws.client("kinesis")
    streams = of(stack, made, "Kinesis::Stream").values()
    assert set(streams) == {each["Name"] for each in stack.of("Kinesis::Stream").values()}
    for name in streams:
        told = kinesis.describe_stream(StreamName=name)["StreamDescription"]
        assert (told["StreamStatus"], len(told["Shards"])) == ("ACTIVE", 1)
        put = kinesis.put_record(StreamName=name, Data=b'{"a":1}', PartitionKey="p")
        assert put["ShardId"] == told["Shards"][0]["ShardId"]


def test_roles_have_their_policies(stack, made, aws):
    iam = aws.client("iam")
    roles = of(stack, made, "IAM::Role")
    policies = stack.of("IAM::Policy")
    for policy in policies.values():
        [role] = policy["Roles"]
        name = roles[role["Ref"]]
        document = iam.get_role_policy(RoleName=name, PolicyName=policy["PolicyName"])
        assert document["PolicyDocument"]["Statement"]
    assert len(policies) > 8


def test_the_api_has_a_method_for_every_route_and_each_needs_a_key(stack, made, aws):
    [api] = of(stack, made, "ApiGateway::RestApi").values()
    found = {}
    pages = aws.client("apigateway").get_paginator("get_resources")
    for page in pages.paginate(restApiId=api, embed=["methods"]):
        for resource in page["items"]:
            for verb, method in resource.get("resourceMethods", {}).items():
                found[verb, resource["path"]] = method
    assert len(found) == 12
    assert ("ANY", "/{proxy+}") in found
    assert all(method["apiKeyRequired"] for method in found.values())
    put = found["PUT", "/streams/{stream-name}/record"]["methodIntegration"]
    assert put["uri"].endswith(":kinesis:action/PutRecord")


def test_the_network_has_its_subnets_and_one_way_out(stack, made, aws):
    ec2 = aws.client("ec2")
    [vpc] = of(stack, made, "EC2::VPC").values()
    where = [{"Name": "vpc-id", "Values": [vpc]}]
    subnets = ec2.describe_subnets(Filters=where)["Subnets"]
    assert len(subnets) == 4
    assert not any(each["MapPublicIpOnLaunch"] for each in subnets)
    gateways = ec2.describe_nat_gateways(Filters=where)["NatGateways"]
    assert len(gateways) == 1
    groups = ec2.describe_security_groups(Filters=where)["SecurityGroups"]
    ours = [each for each in groups if each["GroupName"] != "default"]
    assert len(ours) == len(stack.of("EC2::SecurityGroup"))
    entered = [
        address["CidrIp"]
        for each in ours
        for rule in each["IpPermissions"]
        for address in rule["IpRanges"]
    ]
    assert entered == []


def test_the_gateways_task_and_service_are_there(stack, made, aws):
    ecs = aws.client("ecs")
    [task] = of(stack, made, "ECS::TaskDefinition").values()
    told = ecs.describe_task_definition(taskDefinition=task)["taskDefinition"]
    [container] = told["containerDefinitions"]
    assert container["entryPoint"] == ["pinlake"]
    [cluster] = of(stack, made, "ECS::Cluster").values()
    [service] = ecs.list_services(cluster=cluster)["serviceArns"]
    [found] = ecs.describe_services(cluster=cluster, services=[service])["services"]
    assert found["desiredCount"] == 1


def test_logs_are_kept_a_week_and_not_for_ever(stack, made, aws):
    logs = aws.client("logs")
    names = set(of(stack, made, "Logs::LogGroup").values())
    pages = logs.get_paginator("describe_log_groups").paginate()
    groups = [group for page in pages for group in page["logGroups"]]
    found = {group["logGroupName"]: group.get("retentionInDays") for group in groups}
    assert {found[name] for name in names} == {7}


def test_functions_have_the_code_that_was_published(stack, made, aws):
    functions = aws.client("lambda")
    for name in of(stack, made, "Lambda::Function").values():
        told = functions.get_function(FunctionName=name)["Configuration"]
        assert told["Runtime"]
