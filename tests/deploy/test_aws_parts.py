"""The parts of the stack: the API, what runs behind it, and what watches it."""

import json
import re

from harness import cloud_stack
from pinlake import dataset, settings


def test_every_method_needs_a_key_and_the_key_has_a_rate(stack):
    methods = stack.of("ApiGateway::Method").values()
    assert len(methods) == 12
    assert all(each["ApiKeyRequired"] is True for each in methods)
    plan = stack.only("ApiGateway::UsagePlan")
    assert plan["Throttle"]["RateLimit"] > 0
    assert plan["ApiStages"]
    assert stack.only("ApiGateway::UsagePlanKey")["KeyType"] == "API_KEY"
    assert stack.only("ApiGateway::RestApi")["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    stage = stack.only("ApiGateway::Stage")
    assert stage["StageName"] == "test"
    assert stage["AccessLogSetting"]["DestinationArn"]


def test_every_other_path_goes_to_the_gateway_by_the_private_link(stack):
    [method] = [e for e in stack.of("ApiGateway::Method").values() if e["HttpMethod"] == "ANY"]
    integration = method["Integration"]
    assert (integration["Type"], integration["ConnectionType"]) == ("HTTP_PROXY", "VPC_LINK")
    assert json.dumps(integration["Uri"]).endswith('"/{proxy}"]]}')
    assert integration["RequestParameters"] == {
        "integration.request.path.proxy": "method.request.path.proxy"
    }


def environment(stack):
    [container] = stack.only("ECS::TaskDefinition")["ContainerDefinitions"]
    return {each["Name"]: each["Value"] for each in container["Environment"]}, container


def test_the_gateways_settings_are_settings_of_pinlake(stack, tmp_path):
    given, container = environment(stack)
    plain = {
        name: value if isinstance(value, str) else "kafka://b-1:9098"
        for name, value in given.items()
        if name != "PINLAKE_STREAMS"
    }
    everything = {**plain, "PINLAKE_STREAMS": "kinesis://us-east-1"}
    found = settings.read(tmp_path, environment=everything, folder=tmp_path).settings
    assert dict(found.kafka) == {"security.protocol": "SASL_SSL", "sasl.mechanism": "AWS_MSK_IAM"}
    assert found.gateway.auto_create_topics is False
    assert found.kinesis.only.count(",") == 2
    assert container["EntryPoint"] == ["pinlake"]
    assert container["Command"][0] == "serve"


def test_the_gateways_image_is_built_from_what_its_dockerfile_copies(stack):
    assets = json.loads((stack.folder / "Pinlake.assets.json").read_text())
    [image] = assets["dockerImages"].values()
    folder = stack.folder / image["source"]["directory"]
    dockerfile = (folder / image["source"]["dockerFile"]).read_text()
    copied = [
        name
        for line in dockerfile.splitlines()
        if line.startswith("COPY") and "--from" not in line
        for name in line.split()[1:-1]
    ]
    assert copied
    assert [name for name in copied if not (folder / name).exists()] == []
    assert not list(folder.rglob(".venv")) + list(folder.rglob("__pycache__"))


def test_topics_and_streams_are_those_that_the_gateway_would_make(stack):
    names = dataset.load("pinterest").log_names(cloud_stack.USER_ID)
    topics = {each["TopicName"] for each in stack.of("MSK::Topic").values()}
    streams = {each["Name"] for each in stack.of("Kinesis::Stream").values()}
    assert topics - {"pinlake-dead-letters"} == {n.name for n in names if n.kind == "topic"}
    assert streams == {n.name for n in names if n.kind == "stream"}


def test_the_connector_runs_by_iam_and_tls_with_the_stacks_own_plugin(stack):
    connector = stack.only("KafkaConnect::Connector")
    assert connector["KafkaClusterClientAuthentication"] == {"AuthenticationType": "IAM"}
    assert connector["KafkaClusterEncryptionInTransit"] == {"EncryptionType": "TLS"}
    assert connector["Plugins"][0]["CustomPlugin"]["CustomPluginArn"]["Fn::GetAtt"]
    assert stack.only("KafkaConnect::CustomPlugin")["ContentType"] == "ZIP"


def test_airflow_runs_the_projects_dags_with_its_requirements(stack):
    airflow = stack.only("MWAA::Environment")
    assert airflow["DagS3Path"] == "dags"
    folder = airflow["RequirementsS3Path"].rpartition("/")[0]
    assert airflow["StartupScriptS3Path"] == f"{folder}/startup.sh"
    uploads = [e for e in stack.resources.values() if e["Type"] == "Custom::CDKBucketDeployment"]
    prefixes = {each["Properties"].get("DestinationBucketKeyPrefix") for each in uploads}
    assert prefixes == {None, "dags", folder}
    assert len(airflow["NetworkConfiguration"]["SubnetIds"]) == 2
    options = dict(airflow["AirflowConfigurationOptions"])
    assert options.pop("pinlake.lake")["Fn::Join"][1][0] == "s3://"
    assert options == {
        "pinlake.user_id": cloud_stack.USER_ID,
        "pinlake.dataset": "pinterest",
        "pinlake.airflow_run": "local",
    }


def test_the_dags_are_uploaded_with_the_data_sets_that_they_link_to(stack):
    [dags] = stack.folder.glob("asset.*/pinlake_dags.py")
    uploaded = dags.parent
    assert (uploaded / "datasets" / "pinterest" / "dataset.toml").is_file()
    assert not [each for each in uploaded.rglob("*") if each.is_symlink()]
    assert not [each for each in uploaded.rglob("*") if each.name == "__pycache__"]


def test_every_part_is_watched_and_every_alarm_is_mailed(stack):
    alarms = stack.of("CloudWatch::Alarm").values()
    text = json.dumps(list(alarms))
    assert set(re.findall(r"AWS/\w+|AmazonMWAA", text)) == {
        "AWS/ApiGateway",
        "AWS/NetworkELB",
        "AWS/Kafka",
        "AWS/Kinesis",
        "AWS/KafkaConnect",
        "AmazonMWAA",
    }
    assert all(each["AlarmActions"] and each["AlarmDescription"] for each in alarms)
    subscription = stack.only("SNS::Subscription")
    assert (subscription["Protocol"], subscription["Endpoint"]) == ("email", "someone@example.com")
    notices = stack.only("Budgets::Budget")["NotificationsWithSubscribers"]
    assert {each["Subscribers"][0]["Address"] for each in notices} == {"someone@example.com"}
