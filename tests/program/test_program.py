"""What the program makes of an environment."""

from __future__ import annotations

from typing import Any

import pulumi
import pytest

from ecs_stack import spec
from ecs_stack.outputs import StackOutputs
from ecs_stack.program import build
from tests.components.recording import Recording, record

SERVICE: dict[str, Any] = {"image": "acme/api:1", "cpu": 256, "memory": 512}


def environment(**fields: Any) -> spec.Environment:
    return spec.Environment.model_validate(
        {"name": "dev", "target": "aws", "region": "eu-west-1", **fields},
    )


def built(described: spec.Environment) -> Recording:
    recording = record()
    pulumi.runtime.test(lambda: build(described, "shop"))()
    return recording


def exported(described: spec.Environment, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The value of the one output, as the state keeps it."""
    found: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", lambda name, value: found.update({name: value}))
    record()

    @pulumi.runtime.test
    def run() -> pulumi.Output[None]:
        build(described, "shop")
        return pulumi.Output.from_input(found["ecs_stack"]).apply(lambda value: found.update(value=value))

    run()
    return found["value"]


def test_the_outputs_follow_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    routed = {**SERVICE, "port": 8080, "route": {"host": "api.example.com"}}
    outputs = StackOutputs.from_dict(exported(environment(services={"api": routed, "worker": SERVICE}), monkeypatch))
    assert (outputs.environment, outputs.region, outputs.vpc_id) == ("dev", "eu-west-1", "vpc-1")
    assert (outputs.cluster_name, outputs.cluster_arn) == ("dev", "arn:aws:Cluster:dev")
    assert outputs.load_balancer
    assert outputs.load_balancer.dns_name == "lb.example.com"
    assert outputs.load_balancer.listener_port == 80
    api, worker = outputs.services["api"], outputs.services["worker"]
    assert (api.service_name, api.container_name, api.image) == ("api", "api", "acme/api:1")
    assert api.log_group == "/ecs/dev/api"
    assert (api.host, api.path) == ("api.example.com", "/*")
    assert api.target_group_arn == "arn:aws:TargetGroup:dev-api"
    assert (worker.host, worker.path, worker.target_group_arn) == (None, None, None)


def test_without_a_route_there_is_no_load_balancer(monkeypatch: pytest.MonkeyPatch) -> None:
    described = environment(services={"worker": SERVICE})
    assert built(described).of("lb/loadBalancer:LoadBalancer") == []
    assert exported(described, monkeypatch)["load_balancer"] is None


def test_without_services_there_is_a_network_and_a_cluster() -> None:
    recording = built(environment())
    components = [r.type for r in recording.all if r.type.startswith("ecs-stack:")]
    assert sorted(components) == ["ecs-stack:index:Cluster", "ecs-stack:index:Network"]


@pytest.mark.parametrize(
    ("target", "account", "allowed"),
    [("aws", "123456789012", '["123456789012"]'), ("aws", None, None), ("local", "123456789012", None)],
)
def test_any_other_account_is_refused(target: str, account: str | None, allowed: str | None) -> None:
    provider = built(environment(target=target, account=account)).one("pulumi:providers:aws")
    assert (provider["region"], provider["allowedAccountIds"]) == ("eu-west-1", allowed)


def test_only_allowed_addresses_and_the_tasks_way_out_are_open(monkeypatch: pytest.MonkeyPatch) -> None:
    routed = {**SERVICE, "port": 8080, "route": {}}
    recording = built(environment(services={"api": routed}, load_balancer={"allow_from": ["192.0.2.0/24"]}))
    opened = {
        rule.name: rule["cidrIpv4"]
        for kind in ("Ingress", "Egress")
        for rule in recording.of(f"vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule")
        if rule["cidrIpv4"]
    }
    assert opened == {"dev-lb-from-192.0.2.0-24": "192.0.2.0/24", "dev-api-out": "0.0.0.0/0"}


def test_each_service_has_its_own_priority() -> None:
    routed = {**SERVICE, "port": 8080}
    services = {
        "all": {**routed, "route": {}},
        "api": {**routed, "route": {"path": "/api/*"}},
        "pinned": {**routed, "route": {"path": "/pinned", "priority": 3}},
    }
    rules = built(environment(services=services)).of("lb/listenerRule:ListenerRule")
    priorities = {rule.name: rule["priority"] for rule in rules}
    assert priorities["dev-pinned"] == 3 < priorities["dev-api"] < priorities["dev-all"]


def test_every_field_of_a_service_arrives() -> None:
    described = environment(
        cluster={"capacity": {"fargate": 0, "fargate_spot": 2}, "container_insights": "enabled"},
        monitoring={"log_retention_days": 7},
        services={
            "api": {
                **SERVICE,
                "architecture": "ARM64",
                "user": "7",
                "port": 9000,
                "route": {"path": "/x"},
                "health": {"path": "/up", "interval": 20, "timeout": 3, "healthy_threshold": 4,
                           "unhealthy_threshold": 5, "matcher": "204", "grace_period": 6},
                "deregistration_delay": 8,
                "deploy": {"minimum_percent": 0, "maximum_percent": 150},
                "scale": {"min": 2, "max": 3, "memory": 40},
            }
        },
    )  # fmt: skip
    recording = built(described)
    group = recording.one("lb/targetGroup:TargetGroup")
    assert group["healthCheck"] == {
        "enabled": True,
        "protocol": "HTTP",
        "port": "traffic-port",
        "path": "/up",
        "interval": 20,
        "timeout": 3,
        "healthyThreshold": 4,
        "unhealthyThreshold": 5,
        "matcher": "204",
    }
    assert (group["port"], group["deregistrationDelay"]) == (9000, 8)
    service = recording.one("ecs/service:Service")
    assert service["healthCheckGracePeriodSeconds"] == 6
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (0, 150)
    assert service["capacityProviderStrategies"] == [{"capacityProvider": "FARGATE_SPOT", "weight": 2}]
    assert service["desiredCount"] == 2
    assert recording.one("appautoscaling/target:Target")["maxCapacity"] == 3
    assert recording.one("appautoscaling/policy:Policy").name == "dev-api-memory"
    assert recording.one("cloudwatch/logGroup:LogGroup")["retentionInDays"] == 7
    assert recording.one("ecs/cluster:Cluster")["settings"][0]["value"] == "enabled"
    task = recording.one("ecs/taskDefinition:TaskDefinition")
    assert task["runtimePlatform"]["cpuArchitecture"] == "ARM64"
    assert '"user": "7"' in task["containerDefinitions"]
