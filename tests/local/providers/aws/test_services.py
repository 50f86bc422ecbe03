"""What is special about ECS services: waiting truthfully, changing only what differs, draining before going."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ecs_stack.local.providers.aws import operations
from ecs_stack.local.providers.aws.call import Call
from ecs_stack.local.providers.aws.configuration import Configuration
from ecs_stack.local.providers.aws.diff import difference
from ecs_stack.local.providers.aws.registry import REGISTRY

SERVICE = REGISTRY["aws:ecs/service:Service"]
ARN = "arn:aws:ecs:eu-west-1:000000000000:service/main/app"
CLUSTER = "arn:aws:ecs:eu-west-1:000000000000:cluster/main"
NEW, OLD = "arn:aws:ecs:eu-west-1:000000000000:task-definition/app:2", "arn:...:task-definition/app:1"


def deployment(number: int, status: str, rollout: str, task: str = NEW, reason: str = "") -> dict[str, Any]:
    return {
        "id": f"ecs-svc/{number}",
        "status": status,
        "rolloutState": rollout,
        "rolloutStateReason": reason,
        "taskDefinition": task,
    }


def service(*deployments: dict[str, Any], running: int = 2, status: str = "ACTIVE") -> dict[str, Any]:
    return {
        "serviceArn": ARN,
        "serviceName": "app",
        "clusterArn": CLUSTER,
        "status": status,
        "taskDefinition": deployments[0]["taskDefinition"] if deployments else NEW,
        "desiredCount": 2,
        "runningCount": running,
        "schedulingStrategy": "REPLICA",
        "deployments": list(deployments),
        "events": [],
    }


class Ecs:
    """ECS that answers DescribeServices from a script; the last answer stays."""

    def __init__(self, *script: dict[str, Any]) -> None:
        self.script = list(script)
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def describe_services(self, **_: Any) -> dict[str, Any]:
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return {"services": [answer]}

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> dict[str, Any]:
            self.calls.append((name, arguments))
            return {"service": self.script[0]}

        return call

    def get(self, *_: Any) -> Ecs:
        """Stands for the clients as well."""
        return self


def call_of(ecs: Ecs) -> Call:
    return Call(
        clients=ecs,  # type: ignore[arg-type]
        configuration=Configuration(region="eu-west-1"),
        region="eu-west-1",
        cancelled=threading.Event(),
    )


INPUTS = {"name": "app", "cluster": CLUSTER, "taskDefinition": NEW, "desiredCount": 2, "waitForSteadyState": True}


def test_a_create_waits_until_the_deployment_is_complete() -> None:
    ecs = Ecs(
        service(deployment(1, "PRIMARY", "IN_PROGRESS"), running=0),
        service(deployment(1, "PRIMARY", "IN_PROGRESS"), running=2),
        service(deployment(1, "PRIMARY", "COMPLETED"), running=2),
    )
    resource_id, outputs = operations.create(SERVICE, call_of(ecs), INPUTS)
    assert resource_id == ARN
    assert outputs["taskDefinition"] == NEW
    assert len(ecs.script) == 1, "it didn't wait for the end"


@pytest.mark.parametrize(
    "end",
    [
        service(
            deployment(2, "INACTIVE", "FAILED", reason="tasks failed to start"), deployment(3, "PRIMARY", "COMPLETED")
        ),
        service(deployment(3, "PRIMARY", "COMPLETED", OLD), running=2),
    ],
    ids=["failed", "gone"],
)
def test_a_rollback_is_an_error_though_the_service_is_steady(end: dict[str, Any]) -> None:
    start = service(deployment(2, "PRIMARY", "IN_PROGRESS"), deployment(1, "ACTIVE", "COMPLETED", OLD))
    ecs = Ecs(start, start, end)
    old = {**INPUTS, "taskDefinition": OLD}
    with pytest.raises(operations.Failed, match="failed and was rolled back") as failure:
        operations.update(SERVICE, call_of(ecs), ARN, {**old, "arn": ARN}, old, INPUTS, ())
    assert failure.value.resource_id == ARN


def test_an_update_names_only_what_changed() -> None:
    done = service(deployment(1, "PRIMARY", "COMPLETED"))
    ecs = Ecs(done)
    old = {**INPUTS, "taskDefinition": OLD, "waitForSteadyState": False}
    new = {**old, "taskDefinition": NEW, "desiredCount": 5}
    operations.update(SERVICE, call_of(ecs), ARN, {**old, "arn": ARN}, old, new, ["desiredCount"])
    assert ecs.calls == [("update_service", {"cluster": CLUSTER, "service": ARN, "taskDefinition": NEW})]


def test_a_count_that_is_ignored_isnt_a_change() -> None:
    old = {**INPUTS, "desiredCount": 2}
    assert not difference(SERVICE, old, {**old, "desiredCount": 5}, {}, ["desiredCount"]).changes


def test_a_service_drains_before_it_goes() -> None:
    ecs = Ecs(service(), service(status="DRAINING"), service(status="INACTIVE"))
    SERVICE.delete(call_of(ecs), ARN, {"cluster": CLUSTER})
    assert ecs.calls == [
        ("update_service", {"cluster": CLUSTER, "service": ARN, "desiredCount": 0}),
        ("delete_service", {"cluster": CLUSTER, "service": ARN, "force": False}),
    ]
    assert len(ecs.script) == 1, "it didn't wait for the end"


def test_a_forced_delete_doesnt_scale_down() -> None:
    ecs = Ecs(service(), service(status="INACTIVE"))
    SERVICE.delete(call_of(ecs), ARN, {"cluster": CLUSTER, "forceDelete": True})
    assert ecs.calls == [("delete_service", {"cluster": CLUSTER, "service": ARN, "force": True})]


def test_capacity_providers_change_in_place_only_by_force() -> None:
    def strategy(weight: int) -> list[dict[str, Any]]:
        return [{"capacityProvider": "FARGATE", "weight": weight}]

    old = {**INPUTS, "capacityProviderStrategies": strategy(1)}
    new = {**INPUTS, "capacityProviderStrategies": strategy(2)}
    assert difference(SERVICE, old, new, old).replaces
    assert not difference(SERVICE, old, {**new, "forceNewDeployment": True}, old).replaces
    assert difference(SERVICE, old, {**INPUTS, "forceNewDeployment": True}, old).replaces


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        (CLUSTER, "main", True),
        ("main", CLUSTER, True),
        ("main", "other", False),
        (CLUSTER, CLUSTER.replace("main", "other"), False),
    ],
)
def test_a_cluster_by_name_or_arn(before: str, after: str, same: bool) -> None:
    diff = difference(SERVICE, {"cluster": before}, {"cluster": after}, {})
    assert (not diff.changes) == same
    assert ("cluster" in diff.replaces) != same
