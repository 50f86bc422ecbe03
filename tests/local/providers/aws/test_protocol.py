"""What holds for every type: checks, names, tags, secrets, configuration, functions."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.providers.aws import AwsServicer
from ecs_stack.local.providers.aws.values import UNKNOWN, Properties, decode, encode
from ecs_stack.local.providers.server import listening

from .cases import POLICY
from .conftest import ECS_TRUST, World
from .harness import CheckFailed, Engine, Resource, urn

pytestmark = pytest.mark.emulator

LOGS = "aws:cloudwatch/logGroup:LogGroup"
ROLE = "aws:iam/role:Role"
NONE, SOME = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME


@pytest.fixture
def made(engine: Engine) -> Iterator[Callable[..., Resource]]:
    """Makes resources that are removed after the test."""
    resources: list[Resource] = []

    def make(token: str, name: str, inputs: dict[str, Any]) -> Resource:
        resources.append(engine.create(token, name, inputs))
        return resources[-1]

    yield make
    for resource in reversed(resources):
        engine.delete(resource)


@pytest.fixture
def other_engine(provider: int) -> Iterator[Callable[..., Engine]]:
    """Further engines on the same server, with configurations of their own."""
    engines: list[Engine] = []

    def connect(**configuration: Any) -> Engine:
        engines.append(Engine(provider, **configuration))
        return engines[-1]

    yield connect
    for each in engines:
        each.close()


# Check


def test_a_name_is_made_once_and_kept(engine: Engine) -> None:
    first = engine.check(LOGS, "app", {})
    assert first["name"].startswith("app-")
    assert len(first["name"]) == len("app-") + 7
    assert engine.check(LOGS, "app", {}, first)["name"] == first["name"]
    given = engine.check(LOGS, "app", {"name": "mine"}, first)
    assert given["name"] == "mine"
    # A given name that is given no more isn't kept: it was the program's.
    assert engine.check(LOGS, "app", {}, given)["name"] != "mine"


def test_the_seed_of_the_engine_makes_the_name(engine: Engine) -> None:
    assert engine.check(LOGS, "app", {})["name"] == engine.check(LOGS, "app", {})["name"]


def test_a_prefix_makes_the_name(engine: Engine) -> None:
    assert engine.check(LOGS, "app", {"namePrefix": "/a/"})["name"].startswith("/a/")


def test_a_name_too_long_for_aws_is_refused(engine: Engine) -> None:
    token = "aws:lb/loadBalancer:LoadBalancer"
    assert len(engine.check(token, "x" * 24, {"subnets": ["a"]})["name"]) == 32
    with pytest.raises(CheckFailed, match="longer than maximum length 32"):
        engine.check(token, "x" * 25, {"subnets": ["a"]})


def test_values_take_their_declared_types(engine: Engine) -> None:
    checked = engine.check(LOGS, "app", {"retentionInDays": "7", "skipDestroy": "true"})
    assert (checked["retentionInDays"], checked["skipDestroy"]) == (7, True)
    assert engine.check("aws:ecs/taskDefinition:TaskDefinition", "t", task(cpu=256))["cpu"] == "256"


def task(**more: Any) -> dict[str, Any]:
    return {"family": "f", "containerDefinitions": '[{"name":"a","image":"b"}]', **more}


@pytest.mark.parametrize(
    ("token", "inputs", "place", "words"),
    [
        (LOGS, {"retentionInDays": "soon"}, "retentionInDays", "must be a whole number, not 'soon'"),
        (LOGS, {"retentionInDays": 8}, "retentionInDays", "must be one of 0, 1, 3, 5, 7"),
        (LOGS, {"tags": ["a"]}, "tags", "must be an object, not a list"),
        (LOGS, {"retention_in_days": 7}, "retention_in_days", "did you mean 'retentionInDays'?"),
        (LOGS, {"name": "a", "namePrefix": "b"}, "namePrefix", "conflicts with 'name'"),
        (LOGS, {"deletionProtectionEnabled": True}, "deletionProtectionEnabled", "doesn't implement"),
        (ROLE, {}, "assumeRolePolicy", "Missing required property 'assumeRolePolicy'"),
        (ROLE, {"assumeRolePolicy": ["a"]}, "assumeRolePolicy", "must be a string"),
        (
            "aws:lb/targetGroup:TargetGroup",
            {"port": 80, "protocol": "HTTP", "vpcId": "v", "healthCheck": {"pth": "/"}},
            "healthCheck.pth",
            "did you mean 'path'?",
        ),
        (
            "aws:ecs/taskDefinition:TaskDefinition",
            {"family": "f", "containerDefinitions": '[{"name":"a","image":"b","portMapings":[]}]'},
            "containerDefinitions",
            'Unknown parameter in containerDefinitions[0]: "portMapings"',
        ),
        (
            "aws:ecs/taskDefinition:TaskDefinition",
            {"family": "f", "containerDefinitions": "[{"},
            "containerDefinitions",
            "isn't JSON",
        ),
        (
            "aws:ec2/route:Route",
            {"routeTableId": "r", "destinationCidrBlock": "0.0.0.0/0"},
            "gatewayId",
            "a route needs one of",
        ),
    ],
)
def test_wrong_inputs(engine: Engine, token: str, inputs: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        engine.check(token, "app", inputs)
    assert words in refused.value.failures[place]


def test_a_refusal_doesnt_quote_a_value(engine: Engine) -> None:
    """It may be a secret."""
    definitions = '[{"name":"a","image":"b","environment":[{"name":"PIN","value":4711}]}]'
    with pytest.raises(CheckFailed) as refused:
        engine.check("aws:ecs/taskDefinition:TaskDefinition", "t", {"family": "f", "containerDefinitions": definitions})
    (reason,) = refused.value.failures.values()
    assert "environment[0].value" in reason
    assert "4711" not in reason


def test_an_unknown_type_is_an_error_that_names_it(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as error:
        engine.check("aws:ecs/services:Service", "app", {})
    assert "no resource type 'aws:ecs/services:Service'" in error.value.details()
    assert "did you mean 'aws:ecs/service:Service'?" in error.value.details()


def test_a_policy_as_an_object_becomes_its_document(engine: Engine) -> None:
    checked = engine.check(ROLE, "app", {"assumeRolePolicy": {"Version": "2012-10-17", "Statement": []}})
    assert checked["assumeRolePolicy"] == '{"Statement":[],"Version":"2012-10-17"}'


# Diff


def test_an_explicit_name_is_freed_before_it_is_taken_again(engine: Engine, made: Callable[..., Resource]) -> None:
    given = made(ROLE, "given", {"name": "given-name", "assumeRolePolicy": ECS_TRUST})
    auto = made(ROLE, "auto", {"assumeRolePolicy": ECS_TRUST})
    moved = {"assumeRolePolicy": ECS_TRUST, "path": "/moved/"}
    assert engine.diff(given, {"name": "given-name", **moved}).deleteBeforeReplace
    diff = engine.diff(auto, moved)
    assert list(diff.replaces) == ["path"]
    assert not diff.deleteBeforeReplace


def test_documents_are_compared_by_meaning(engine: Engine, made: Callable[..., Resource]) -> None:
    role = made(ROLE, "meaning", {"assumeRolePolicy": ECS_TRUST})
    reordered = (
        '{ "Statement": {"Principal": {"Service": ["ecs-tasks.amazonaws.com"]}, "Effect": "Allow",'
        ' "Action": ["sts:AssumeRole"]}, "Version": "2012-10-17" }'
    )
    assert engine.diff(role, {"assumeRolePolicy": reordered}).changes == NONE
    assert engine.diff(role, {"assumeRolePolicy": ECS_TRUST.replace("ecs-tasks", "ec2")}).changes == SOME


def test_container_definitions_are_compared_as_ecs_reads_them(engine: Engine, world: World) -> None:
    task = world.task
    inputs = {k: v for k, v in task.inputs.items() if not k.startswith("__")}
    same = (
        '[{"image":"ecs-stack-test/absent:1","name":"app","essential":true,"cpu":0,"mountPoints":[],'
        '"portMappings":[{"protocol":"tcp","containerPort":80,"hostPort":80}],'
        '"environment":[{"name":"A","value":"1"},{"value":"2","name":"B"}]}]'
    )
    assert engine.diff(task, {**inputs, "containerDefinitions": same}).changes == NONE
    diff = engine.diff(task, {**inputs, "containerDefinitions": same.replace('"1"}', '"3"}')})
    assert list(diff.replaces) == ["containerDefinitions"]


def test_paths_of_a_detailed_diff(engine: Engine, made: Callable[..., Resource]) -> None:
    group = made(LOGS, "paths", {"tags": {"kept": "1", "ecs-stack:project": "a", "dotted.key": "b"}})
    diff = engine.diff(group, {"tags": {"kept": "1", "dotted.key": "c", "new": "d"}, "retentionInDays": 7})
    assert {path: change.kind for path, change in diff.detailedDiff.items()} == {
        'tags["ecs-stack:project"]': provider_pb2.PropertyDiff.DELETE,
        'tags["dotted.key"]': provider_pb2.PropertyDiff.UPDATE,
        "tags.new": provider_pb2.PropertyDiff.ADD,
        "retentionInDays": provider_pb2.PropertyDiff.UPDATE,
    }


def test_an_unknown_value_is_a_change(engine: Engine, made: Callable[..., Resource]) -> None:
    group = made(LOGS, "unknown", {"name": "unknown-value"})
    assert list(engine.diff(group, {"name": UNKNOWN}).replaces) == ["name"]


# Tags


def test_default_tags(other_engine: Callable[..., Engine], world: World) -> None:
    before = other_engine(defaultTags={"tags": {"team": "one", "env": "test"}})
    group = before.create(LOGS, "tags", {"tags": {"env": "mine", "a": "b"}})
    try:
        assert group["tags"] == {"env": "mine", "a": "b"}
        assert group["tagsAll"] == {"env": "mine", "a": "b", "team": "one"}
        assert before.diff(group, {"tags": {"env": "mine", "a": "b"}}).changes == NONE
        after = other_engine(defaultTags='{"tags": {"team": "two"}}')  # as the SDK sends objects
        diff = after.diff(group, {"tags": {"env": "mine", "a": "b"}})
        assert list(diff.diffs) == ["tagsAll"]
        changed = after.update(group, {"tags": {"env": "mine", "a": "b"}})
        assert changed["tagsAll"] == {"env": "mine", "a": "b", "team": "two"}
        live = world.client("logs").list_tags_for_resource(resourceArn=group["arn"])["tags"]
        assert live == {"env": "mine", "a": "b", "team": "two"}
        refreshed = after.refresh(changed)
        assert refreshed is not None
        assert refreshed.inputs["tags"] == {"env": "mine", "a": "b"}
    finally:
        before.delete(group)


# Secrets


def test_secrets_come_back_as_secrets(engine: Engine) -> None:
    stub = engine.stub
    inputs = engine.check(ROLE, "secret", {"assumeRolePolicy": ECS_TRUST, "description": "hidden"})
    request = {"urn": urn(ROLE, "secret"), "type": ROLE, "name": "secret"}
    checked = stub.Check(
        provider_pb2.CheckRequest(
            news=encode({"assumeRolePolicy": ECS_TRUST, "description": "hidden"}, {"description"}), **request
        )
    )
    assert decode(checked.inputs).secret == {"description"}
    answer = stub.Create(provider_pb2.CreateRequest(properties=encode(inputs, {"description"}), **request))
    state = decode(answer.properties)
    try:
        assert state.secret == {"description"}
        read = stub.Read(
            provider_pb2.ReadRequest(
                id=answer.id, properties=answer.properties, inputs=encode(inputs, {"description"}), **request
            )
        )
        assert decode(read.properties).secret == decode(read.inputs).secret == {"description"}
    finally:
        engine.delete(Resource(ROLE, "secret", answer.id, inputs, state.values))


def test_values_survive_the_wire() -> None:
    values = {"a": [1, 2.5, True, "x", {"b": UNKNOWN}], "c": {}, "d": "secret"}
    assert decode(encode(values, {"d"})) == Properties(values, {"d"})


# Configuration


def test_connections_have_configurations_of_their_own(other_engine: Callable[..., Engine]) -> None:
    one, two = other_engine(region="us-east-1"), other_engine(region="ap-south-1")
    assert [each.invoke("aws:index/getRegion:getRegion")["region"] for each in (one, two, one)] == [
        "us-east-1",
        "ap-south-1",
        "us-east-1",
    ]


def test_a_resource_may_live_in_another_region(
    engine: Engine, made: Callable[..., Resource], client: Callable[..., Any]
) -> None:
    group = made(LOGS, "elsewhere", {"region": "us-east-2"})
    assert group["region"] == "us-east-2"
    assert group["arn"].split(":")[3] == "us-east-2"
    assert client("logs", "us-east-2").describe_log_groups(logGroupNamePrefix=group.id)["logGroups"]
    assert not client("logs", "eu-west-1").describe_log_groups(logGroupNamePrefix=group.id)["logGroups"]


def test_accounts_are_checked(other_engine: Callable[..., Engine]) -> None:
    other_engine(allowedAccountIds='["000000000000"]')
    for refused in ({"allowedAccountIds": ["123456789012"]}, {"forbiddenAccountIds": ["000000000000"]}):
        with pytest.raises(grpc.RpcError) as error:
            other_engine(**refused)
        assert "000000000000" in error.value.details()


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"regoin": "eu-west-1"}, "did you mean 'region'?"),
        ({"region": "eu-west-1", "assumeRoles": "[]"}, "doesn't implement 'assumeRoles'"),
        ({}, "has no region"),
    ],
)
def test_wrong_configuration(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, config: dict[str, Any], words: str
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    answer = engine.stub.CheckConfig(provider_pb2.CheckRequest(urn="u", news=encode(config)))
    assert any(words in failure.reason for failure in answer.failures)


def test_another_region_replaces_a_provider(engine: Engine) -> None:
    def diff(old: dict[str, Any], new: dict[str, Any]) -> Any:
        return engine.stub.DiffConfig(
            provider_pb2.DiffRequest(urn="u", olds=encode(old), old_inputs=encode(old), news=encode(new))
        )

    assert list(diff({"region": "a"}, {"region": "b"}).replaces) == ["region"]
    assert diff({"region": "a", "version": "1"}, {"region": "a", "version": "2"}).changes == NONE
    tags = diff({"region": "a"}, {"region": "a", "defaultTags": "{}"})
    assert (list(tags.diffs), list(tags.replaces)) == (["defaultTags"], [])


# Functions


def test_zones(engine: Engine) -> None:
    zones = engine.invoke("aws:index/getAvailabilityZones:getAvailabilityZones")
    assert zones["names"] == ["eu-west-1a", "eu-west-1b", "eu-west-1c"]
    fewer = engine.invoke(
        "aws:index/getAvailabilityZones:getAvailabilityZones", {"state": "available", "excludeNames": ["eu-west-1b"]}
    )
    assert fewer["names"] == ["eu-west-1a", "eu-west-1c"]


def test_identity(engine: Engine) -> None:
    assert engine.invoke("aws:index/getCallerIdentity:getCallerIdentity")["accountId"] == "000000000000"


def test_unknown_functions_and_arguments(engine: Engine) -> None:
    with pytest.raises(grpc.RpcError) as error:
        engine.invoke("aws:index/getZones:getZones")
    assert "no function 'aws:index/getZones:getZones'" in error.value.details()
    with pytest.raises(CheckFailed) as refused:
        engine.invoke("aws:index/getRegion:getRegion", {"nam": "x"})
    assert "did you mean 'name'?" in refused.value.failures["nam"]


# The server


def test_callers_at_once(engine: Engine, world: World) -> None:
    """As the engine makes independent resources."""
    group = world.group.id

    def life(i: int) -> None:
        rule = engine.create(
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
            f"at-once-{i}",
            {"securityGroupId": group, "ipProtocol": "tcp", "fromPort": i, "toPort": i, "cidrIpv4": "10.0.0.0/8"},
        )
        assert engine.refresh(rule) == rule
        engine.delete(rule)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(life, range(1000, 1024)))


def test_a_wait_ends_when_the_engine_cancels(local_cloud: LocalCloud, world: World) -> None:
    """A role with a policy isn't deleted: the provider waits for the policy to go, unless it is told to stop."""
    iam = world.client("iam")
    with listening(AwsServicer(local_cloud.endpoint)) as port:
        engine = Engine(port)
        role = engine.create(ROLE, "waiting", {"assumeRolePolicy": ECS_TRUST})
        iam.put_role_policy(RoleName=role.id, PolicyName="by-hand", PolicyDocument=POLICY)
        stopper = threading.Timer(0.5, lambda: engine.stub.Cancel(empty_pb2.Empty()))
        stopper.start()
        try:
            with pytest.raises(grpc.RpcError) as error:
                engine.delete(role)
            assert error.value.details() == "cancelled"
            assert iam.get_role(RoleName=role.id)
        finally:
            stopper.join()
            iam.delete_role_policy(RoleName=role.id, PolicyName="by-hand")
            world.engine.delete(role)
            engine.close()
