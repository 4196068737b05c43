"""Who may do what: every policy of the stack, statement by statement."""

import json

from harness import cloud_stack


def statements(stack):
    """Yield (logical id, statement) of every policy of roles."""
    for name, each in stack.of("IAM::Policy").items():
        for statement in each["PolicyDocument"]["Statement"]:
            yield name, statement
    for name, each in stack.of("IAM::Role").items():
        for policy in each.get("Policies", ()):
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def listed(value):
    return value if isinstance(value, list) else [value]


def role(stack, name):
    """Return {action: resources} of the role whose policy's logical id begins so."""
    found = {}
    for policy, statement in statements(stack):
        if policy.startswith(name):
            for action in listed(statement["Action"]):
                found.setdefault(action, []).extend(
                    map(json.dumps, listed(statement.get("Resource")))
                )
    return found


NAMELESS = {
    "kinesis:ListStreams",
    "ecr:GetAuthorizationToken",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "logs:DescribeLogGroups",
    "s3:GetAccountPublicAccessBlock",
    "cloudwatch:PutMetricData",
}
"""Actions that IAM takes with * alone."""

BEFORE_THEY_ARE_MADE = "DatabricksWorkspace"
UPLOADS = "CustomCDKBucketDeployment"


def test_only_actions_without_resources_may_have_a_star_for_one(stack):
    found = {
        action
        for name, statement in statements(stack)
        if "*" in listed(statement.get("Resource")) and not name.startswith(BEFORE_THEY_ARE_MADE)
        for action in listed(statement["Action"])
    }
    assert found <= NAMELESS, found - NAMELESS


def test_no_policy_of_ours_has_a_star_in_an_action(stack):
    starred = {
        (name, action)
        for name, statement in statements(stack)
        for action in listed(statement["Action"])
        if "*" in action
    }
    assert {name[: len(UPLOADS)] for name, _ in starred} == {UPLOADS}
    assert not [action for _, action in starred if action in {"*", "s3:*"}]


def test_databricks_machines_are_made_by_named_actions_and_pass_one_role(stack):
    rights = role(stack, BEFORE_THEY_ARE_MADE)
    assert all(action.startswith(("ec2:", "iam:")) for action in rights)
    assert rights["iam:PassRole"] == ['{"Fn::GetAtt": ["DatabricksCluster7AB42288", "Arn"]}']
    assert '"*"' not in rights["iam:CreateServiceLinkedRole"]


def test_roles_are_taken_on_by_services_of_this_account_or_with_an_external_id(stack):
    for name, each in stack.of("IAM::Role").items():
        for statement in each["AssumeRolePolicyDocument"]["Statement"]:
            principal = statement["Principal"]
            assert principal != "*"
            if "AWS" in principal:
                condition = json.dumps(statement["Condition"])
                assert "sts:ExternalId" in condition, name


def test_databricks_takes_on_its_roles_with_its_own_account_and_id(small):
    trusts = {
        name: json.dumps(each["AssumeRolePolicyDocument"])
        for name, each in small.of("IAM::Role").items()
        if name.startswith("Databricks")
    }
    assert len(trusts) == 3
    workspace = next(text for name, text in trusts.items() if "Workspace" in name)
    assert "414351767826" in workspace
    assert cloud_stack.DATABRICKS in workspace
    catalog = next(text for name, text in trusts.items() if "Catalog" in name)
    assert "unity-catalog-prod-UCMasterRole" in catalog
    assert "aws:PrincipalArn" in catalog
    cluster = next(text for name, text in trusts.items() if "Cluster" in name)
    assert "ec2.amazonaws.com" in cluster
    assert small.of("IAM::InstanceProfile")


def test_a_databricks_cluster_reads_streams_and_works_on_the_lake_alone(stack):
    rights = role(stack, "DatabricksCluster")
    assert {each for each in rights if each.startswith("kinesis:")} == {
        "kinesis:GetRecords",
        "kinesis:GetShardIterator",
        "kinesis:ListShards",
        "kinesis:DescribeStream",
        "kinesis:DescribeStreamSummary",
        "kinesis:ListStreams",
    }
    assert not [each for each in rights if "kafka" in each]
    assert all("Lake42DFAD75" in arn for arn in rights["s3:PutObject"])


def test_the_gateway_may_write_to_the_data_sets_topics_and_streams_and_make_nothing(stack):
    rights = role(stack, "GatewayTaskTaskRole")
    writes = rights["kafka-cluster:WriteData"]
    assert len(writes) == 3
    assert all(f"/{cloud_stack.USER_ID}." in arn and "*" not in arn for arn in writes)
    assert len(rights["kinesis:PutRecords"]) == 3
    assert not [each for each in rights if "Create" in each and "ssmmessages" not in each]
    assert not [each for each in rights if "Delete" in each or "ReadData" in each]


def test_the_connector_reads_the_topics_and_writes_below_the_sinks_folder_alone(stack):
    rights = role(stack, "ConnectRole")
    assert [arn for arn in rights["s3:PutObject"] if "/topics/*" not in arn] == []
    assert not [each for each in rights if "Delete" in each]
    made = rights["kafka-cluster:CreateTopic"]
    assert len(made) == 1
    assert "__amazon_msk_connect_*" in made[0]


def test_api_gateway_may_use_the_data_sets_streams_alone(stack):
    rights = role(stack, "StreamsRole")
    assert len(rights) == 8
    for action, arns in rights.items():
        assert len(arns) == (1 if action == "kinesis:ListStreams" else 3)
