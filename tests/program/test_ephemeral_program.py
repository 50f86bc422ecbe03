"""What the program makes of an ephemeral environment: only what differs, and nothing on what is the host's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi
import pytest

from ecs_stack import ephemeral_program, plain, spec
from ecs_stack.outputs import EXPORT, EphemeralOutputs, LoadBalancerOutputs, ServiceOutputs, StackOutputs
from tests.components import recording as recordings
from tests.components.recording import Recording, record

SERVICE: dict[str, Any] = {"image": "acme/api:1", "cpu": 256, "memory": 512, "port": 8080}
ACCOUNT = "000000000000"
SPEC = spec.Ephemeral(
    name="pr-42",
    host="dev",
    target="local",
    region="eu-west-1",
    domain="localhost",
    ttl="72h",
    tags={"team": "platform"},
    log_retention_days=30,
    services={"api": spec.Service(**SERVICE, route=spec.Route(host="pr-42.localhost"))},
    borrowed={"web": spec.Route(path="/web/*", host="pr-42.localhost"), "gone": spec.Route(path="/gone")},
)
FACTS = EphemeralOutputs(
    host="dev",
    owner="dependabot[bot]",
    created="2026-11-24T12:00:00Z",
    expires="2026-11-27T12:00:00Z",
    spec=SPEC.model_dump(mode="json", exclude_defaults=True),
    priorities={"api": 7, "web": 3, "gone": 1},
)
HOST = StackOutputs(
    environment="dev",
    region="eu-west-1",
    vpc_id="vpc-1",
    cluster_name="dev",
    cluster_arn=f"arn:aws:ecs:eu-west-1:{ACCOUNT}:cluster/dev",
    private_subnet_ids=("subnet-1", "subnet-2"),
    capacity={"FARGATE": 1, "FARGATE_SPOT": 4},
    load_balancer=LoadBalancerOutputs(
        arn="lb",
        dns_name="lb.example.com",
        listener_arn="listener",
        listener_port=80,
        security_group_id="sg-lb",
        tasks_security_group_id="sg-tasks",
    ),
    services={
        "web": ServiceOutputs(
            name="web",
            service_name="web",
            service_arn="arn:web",
            task_definition_arn="arn:web:1",
            container_name="web",
            image="acme/web:1",
            log_group="/ecs/dev/web",
            target_group_arn="arn:tg-web",
            path="/web/*",
        )
    },
)


@pytest.fixture
def built() -> Recording:
    recording = record()
    pulumi.runtime.test(lambda: ephemeral_program.build(FACTS, HOST, "shop"))()
    return recording


def test_it_makes_nothing_of_the_hosts(built: Recording) -> None:
    kinds = {resource.type for resource in built.all if resource.type.startswith("aws:")}
    assert kinds == {
        "aws:cloudwatch/logGroup:LogGroup",
        "aws:ec2/securityGroup:SecurityGroup",
        "aws:ecs/service:Service",
        "aws:ecs/taskDefinition:TaskDefinition",
        "aws:iam/role:Role",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:lb/listenerRule:ListenerRule",
        "aws:lb/targetGroup:TargetGroup",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    }


def test_no_rule_is_added_to_the_hosts_security_groups(built: Recording) -> None:
    (way_out,) = built.of("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    (way_in,) = built.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    (group,) = built.of("ec2/securityGroup:SecurityGroup")
    for rule in (way_out, way_in):
        assert rule["securityGroupId"] == f"SecurityGroup-{group.name}"
    assert (way_in["referencedSecurityGroupId"], way_in["fromPort"], way_in["toPort"]) == ("sg-lb", 8080, 8080)
    network = built.one("ecs/service:Service")["networkConfiguration"]
    assert network["securityGroups"] == [f"SecurityGroup-{group.name}", "sg-tasks"]
    assert network["subnets"] == ["subnet-1", "subnet-2"]


def test_its_service_stands_in_the_hosts_cluster_under_a_name_of_its_own(built: Recording) -> None:
    service = built.one("ecs/service:Service")
    assert (service["name"], service["cluster"]) == ("pr-42_api", HOST.cluster_arn)
    assert {each["capacityProvider"]: each["weight"] for each in service["capacityProviderStrategies"]} == HOST.capacity
    assert built.one("ecs/taskDefinition:TaskDefinition")["family"] == "pr-42-api"
    assert built.one("cloudwatch/logGroup:LogGroup")["name"] == "/ecs/pr-42/api"


def test_rules_by_host_name_and_those_of_borrowed_services_forward_to_the_hosts(built: Recording) -> None:
    rules = {rule.name: rule for rule in built.of("lb/listenerRule:ListenerRule")}
    assert rules.keys() == {"pr-42-api", "pr-42-web"}  # what the host hasn't any more isn't borrowed
    own, borrowed = rules["pr-42-api"], rules["pr-42-web"]
    assert (own["priority"], borrowed["priority"]) == (7, 3)
    assert borrowed["actions"] == [{"type": "forward", "targetGroupArn": "arn:tg-web"}]
    for rule, path in ((own, "/*"), (borrowed, "/web/*")):
        assert rule["listenerArn"] == "listener"
        assert rule["conditions"] == [
            {"pathPattern": {"values": [path]}},
            {"hostHeader": {"values": ["pr-42.localhost"]}},
        ]


def test_the_tags_say_whose_it_is_and_tasks_inherit_nothing_that_changes(built: Recording) -> None:
    stable = {
        "team": "platform",
        "ecs-stack:project": "shop",
        "ecs-stack:environment": "pr-42",
        "ecs-stack:host": "dev",
        "ecs-stack:owner": "dependabot_bot_",
    }
    assert built.one("ecs/taskDefinition:TaskDefinition")["tags"] == stable
    service = built.one("ecs/service:Service")
    assert service["tags"] == {**stable, "ecs-stack:expires": "2026-11-27T12:00:00Z"}
    assert service["propagateTags"] == "TASK_DEFINITION"
    for rule in built.of("lb/listenerRule:ListenerRule"):
        assert rule["tags"] == service["tags"]


def test_it_exports_what_it_was_made_from(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", lambda name, value: found.update({name: value}))
    record()

    @pulumi.runtime.test
    def run() -> pulumi.Output[None]:
        ephemeral_program.build(FACTS, HOST, "shop")
        return pulumi.Output.from_input(found[EXPORT]).apply(lambda value: found.update(value=value))

    run()
    outputs = StackOutputs.from_dict(json.loads(json.dumps(found["value"])))
    assert outputs.ephemeral == FACTS
    assert (outputs.environment, outputs.cluster_name, outputs.account) == ("pr-42", "dev", ACCOUNT)
    assert outputs.services["api"].service_name == "pr-42_api"
    assert {name: (route.host, route.path) for name, route in outputs.routes.items()} == {
        "api": ("pr-42.localhost", "/*"),
        "web": ("pr-42.localhost", "/web/*"),
        "gone": (None, "/gone"),
    }
    assert outputs.billables


@pytest.fixture
def stacks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine knows what dev and pr-42 export."""
    kept = StackOutputs(**{**HOST.__dict__, "environment": "pr-42", "services": {}, "ephemeral": FACTS})
    exported = {"shop/pr-42": kept.to_dict(), "shop/dev": HOST.to_dict()}

    class Mocks(recordings._Mocks):
        def call(self, args: Any) -> dict[str, Any]:
            if args.token == "pulumi:pulumi:readStackOutputs":
                return {"outputs": {EXPORT: exported[args.args["name"].partition("/")[2]]}}
            return super().call(args)

    monkeypatch.setattr(recordings, "_Mocks", Mocks)
    # Only where the SDK's own launcher runs the program can it leave something to be awaited at the end.
    monkeypatch.setattr(pulumi, "run", lambda _: None)


@pytest.mark.usefixtures("stacks")
def test_plain_pulumi_builds_it_from_its_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    recording = record(stack="pr-42")
    pulumi.runtime.test(lambda: plain.run(tmp_path))()
    assert recording.one("ecs/service:Service")["name"] == "pr-42_api"
    assert recording.one("ecs/service:Service")["tags"]["ecs-stack:expires"] == FACTS.expires


@pytest.mark.usefixtures("stacks")
def test_plain_pulumi_takes_a_local_one_to_no_real_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    record(stack="pr-42")
    with pytest.raises(pulumi.RunError, match="this would go to a real account"):
        pulumi.runtime.test(lambda: plain.run(tmp_path))()


@pytest.mark.usefixtures("stacks")
def test_plain_pulumi_misses_a_host_that_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known = pulumi.runtime.invoke

    def invoke(token: str, args: Any) -> Any:
        if args["name"].endswith("/dev"):
            raise Exception('invocation returned an error: unknown stack "organization/shop/dev"')
        return known(token, args)

    monkeypatch.setattr(pulumi.runtime, "invoke", invoke)
    record(stack="pr-42")
    with pytest.raises(pulumi.RunError, match="There is no stack of dev, which pr-42 stands on"):
        pulumi.runtime.test(lambda: plain.run(tmp_path))()
