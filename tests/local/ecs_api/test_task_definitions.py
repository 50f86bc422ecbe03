"""What RegisterTaskDefinition accepts and refuses, row by row, with where the rule comes from.

"API" is the API Reference's page of that name, "Guide" the Developer Guide's "Amazon ECS task definition
differences for Fargate" unless another page is named.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ecs_fakes import ROLE, Cloud, cloud_at, definition

from ecs_stack.local.ecs.task_size import cpu_units, is_fargate_size, memory_mib

pytestmark = pytest.mark.emulator
Change = Callable[[dict[str, Any]], None]


def task(**members: Any) -> Change:
    """Change members of the task definition; None removes one."""

    def change(request: dict[str, Any]) -> None:
        for name, value in members.items():
            request.pop(name, None)
            if value is not None:
                request[name] = value

    return change


def app(**members: Any) -> Change:
    """Change members of its container."""
    return lambda request: task(**members)(request["containerDefinitions"][0])


def beside(**members: Any) -> Change:
    """Add a second container."""
    return lambda request: request["containerDefinitions"].append({"name": "side", "image": "side:1", **members})


def both(*changes: Change) -> Change:
    def change(request: dict[str, Any]) -> None:
        for one in changes:
            one(request)

    return change


def check(**members: Any) -> Change:
    return app(healthCheck={"command": ["CMD", "/check"], **members})


def depends(condition: str, name: str = "side") -> list[dict[str, str]]:
    return [{"containerName": name, "condition": condition}]


AWSLOGS = {
    "logDriver": "awslogs",
    "options": {"awslogs-group": "/ecs/x", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "x"},
}
ECR = "000000000000.dkr.ecr.eu-west-1.amazonaws.com/api:1"
SECRET = [{"name": "PASSWORD", "valueFrom": "arn:aws:ssm:eu-west-1:000000000000:parameter/x"}]

REFUSED = [
    ("API RegisterTaskDefinition: family", task(family="no spaces"), "Family"),
    ("API RegisterTaskDefinition: family", task(family="x" * 256), "Family"),
    (
        "API RegisterTaskDefinition: containers",
        task(containerDefinitions=[]),
        "Container list cannot be empty.",
    ),
    ("API ContainerDefinition: name", app(name=None), "Container.name should not be null or empty."),
    ("API ContainerDefinition: name", app(name="no spaces"), "Container name"),
    ("API ContainerDefinition: name", beside(name="app"), "must be unique"),
    ("API ContainerDefinition: image", app(image=None), "Container.image should not be null or empty."),
    ("API ContainerDefinition: image", app(image="a b"), "Container.image contains invalid characters"),
    ("API ContainerDefinition: essential", app(essential=False), "must be essential"),
    ("API RegisterTaskDefinition: taskRoleArn", task(taskRoleArn="admin"), "Role is not valid"),
    (
        "API RegisterTaskDefinition: executionRoleArn",
        task(executionRoleArn="arn:aws:iam::1:user/x"),
        "Role is not",
    ),
    ("Guide: network mode", task(networkMode="bridge"), "Fargate only supports network mode"),
    ("Guide: task CPU", task(cpu=None), "Fargate requires that 'cpu' be defined at the task level."),
    ("Guide: task memory", task(memory=None), "Fargate requires that 'memory' be defined at the task level."),
    (
        "Guide: sizes",
        task(cpu="256", memory="700"),
        "No Fargate configuration exists for given values: 256 CPU",
    ),
    ("Guide: sizes", task(cpu="1024", memory="1024"), "Valid memory for 1024 CPU: 2048"),
    ("Guide: sizes", task(cpu="300"), "Valid CPU: 256, 512"),
    ("Guide: sizes", task(cpu="8192", memory="17408"), "No Fargate configuration exists"),
    ("Guide: sizes", task(cpu="lots"), "Invalid 'cpu' setting for task"),
    ("Guide: sizes", task(memory="lots"), "Invalid 'memory' setting for task"),
    ("API ContainerDefinition: memory", app(memory=1024), "greater than the task's"),
    ("API ContainerDefinition: memory", app(memory=5), "at least 6"),
    ("API ContainerDefinition: memory", app(memory=64, memoryReservation=128), "'memoryReservation'"),
    ("API ContainerDefinition: memory", both(app(memory=300), beside(memory=300)), "greater than the memory"),
    ("API ContainerDefinition: cpu", app(cpu=512), "more than those of the task"),
    (
        "API PortMapping: hostPort",
        app(portMappings=[{"containerPort": 80, "hostPort": 81}]),
        "in port mappings must match.",
    ),
    ("API PortMapping: containerPort", app(portMappings=[{"containerPort": 70000}]), "containerPort"),
    ("API PortMapping: containerPort", app(portMappings=[{}]), "containerPort"),
    ("API PortMapping", app(portMappings=[{"containerPort": 80}] * 2), "mapped twice"),
    ("API PortMapping", beside(portMappings=[{"containerPort": 8080}]), "mapped twice"),
    (
        "API PortMapping: name",
        app(portMappings=[{"containerPort": 80, "appProtocol": "http"}]),
        "needs a name",
    ),
    ("API HealthCheck: command", app(healthCheck={"command": []}), "must start with CMD"),
    ("API HealthCheck: command", app(healthCheck={"command": ["/check"]}), "must start with CMD"),
    ("API HealthCheck: command", app(healthCheck={"command": ["CMD"]}), "needs something to run"),
    ("API HealthCheck: interval", check(interval=4), "interval of container 'app' must be between 5 and 300"),
    ("API HealthCheck: timeout", check(timeout=61), "timeout of container 'app' must be between 2 and 60"),
    ("API HealthCheck: retries", check(retries=0), "retries of container 'app' must be between 1 and 10"),
    ("API HealthCheck: startPeriod", check(startPeriod=301), "startPeriod"),
    (
        "API ContainerDependency",
        app(dependsOn=depends("START", "ghost")),
        "which the task definition doesn't have",
    ),
    (
        "API ContainerDependency: no circles",
        both(app(dependsOn=depends("START")), beside(dependsOn=depends("START", "app"))),
        "circle",
    ),
    (
        "API ContainerDependency: COMPLETE can't be set on an essential container",
        both(app(dependsOn=depends("COMPLETE")), beside()),
        "can't be essential",
    ),
    (
        "API ContainerDependency: SUCCESS can't be set on an essential container",
        both(app(dependsOn=depends("SUCCESS")), beside()),
        "can't be essential",
    ),
    (
        "API ContainerDependency: HEALTHY requires a health check",
        both(app(dependsOn=depends("HEALTHY")), beside()),
        "needs a health check",
    ),
    (
        "Guide: awslogs needs the execution role",
        both(task(executionRoleArn=None), app(logConfiguration=AWSLOGS)),
        "Fargate requires task definition to have execution role ARN to support log driver awslogs.",
    ),
    (
        "Guide: ECR needs the execution role",
        both(task(executionRoleArn=None), app(image=ECR)),
        "Fargate requires task definition to have execution role ARN to support ECR images.",
    ),
    (
        "API Secret: the execution role reads it",
        both(task(executionRoleArn=None), app(secrets=SECRET)),
        "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'.",
    ),
    (
        "Guide: log drivers",
        app(logConfiguration={"logDriver": "json-file"}),
        "json-file is not supported by Fargate",
    ),
    (
        "Guide 'awslogs log driver': options",
        app(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": "x"}}),
        "awslogs requires options: awslogs-region",
    ),
    ("Guide: privileged", app(privileged=True), "Fargate does not support privileged"),
    (
        "Guide: Linux capabilities",
        app(linuxParameters={"capabilities": {"add": ["NET_ADMIN"]}}),
        "SYS_PTRACE",
    ),
    ("Guide: devices", app(linuxParameters={"devices": [{"hostPath": "/dev/x"}]}), "linuxParameters.devices"),
    ("Guide: host volumes", task(volumes=[{"name": "v", "host": {"sourcePath": "/x"}}]), "host.sourcePath"),
    (
        "Guide: placement",
        task(placementConstraints=[{"type": "memberOf", "expression": "x"}]),
        "placementConstr",
    ),
    (
        "API MountPoint",
        app(mountPoints=[{"sourceVolume": "v", "containerPath": "/v"}]),
        "Unknown volume 'v'.",
    ),
    ("API VolumeFrom", app(volumesFrom=[{"sourceContainer": "ghost"}]), "Unknown container 'ghost'"),
    (
        "API ContainerDefinition: links",
        app(links=["x"]),
        "links is not supported on container when networkMode=aws",
    ),
    ("API ContainerDefinition: stopTimeout", app(stopTimeout=121), "stopTimeout must be at most 120"),
    ("API EphemeralStorage", task(ephemeralStorage={"sizeInGiB": 20}), "at least 21"),
    ("API EphemeralStorage", task(ephemeralStorage={"sizeInGiB": 201}), "at most 200"),
    (
        "API ContainerDefinition: memory or memoryReservation",
        task(memory=None, requiresCompatibilities=None),
        "Invalid setting for container 'app'. At least one of 'memory' or 'memoryReservation'",
    ),
    ("API RegisterTaskDefinition: tags", task(tags=[]), "Tags can not be empty."),
]

ACCEPTED = [
    (
        "API RegisterTaskDefinition: cpu in vCPUs",
        task(cpu=".25 vCPU", memory="0.5 GB"),
        {"cpu": "256", "memory": "512"},
    ),
    ("Guide: largest size", task(cpu="16384", memory="122880"), {"memory": "122880"}),
    ("Guide: awslogs", app(logConfiguration=AWSLOGS), {}),
    (
        "Guide: SYS_PTRACE",
        app(linuxParameters={"capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}}),
        {},
    ),
    ("API ContainerDependency", both(app(dependsOn=depends("SUCCESS")), beside(essential=False)), {}),
    (
        "API PortMapping: protocols apart",
        app(portMappings=[{"containerPort": 53}, {"containerPort": 53, "protocol": "udp"}]),
        {},
    ),
    (
        "EC2: bridge needs no task size",
        task(networkMode="bridge", requiresCompatibilities=None, cpu=None),
        {"compatibilities": ["EC2", "EXTERNAL"]},
    ),
    (
        "EC2: awsvpc without a size isn't for Fargate",
        task(requiresCompatibilities=None, cpu=None),
        {"compatibilities": ["EC2"]},
    ),
    ("API Volume: a bind mount", task(volumes=[{"name": "v"}]), {"volumes": [{"name": "v", "host": {}}]}),
]


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with cloud_at(Path(tmp_path_factory.mktemp("definitions")), None) as started:
        yield started


def changed(change: Change) -> dict[str, Any]:
    request = copy.deepcopy(definition())
    change(request)
    return request


@pytest.mark.parametrize(
    ("source", "change", "says"), REFUSED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_refused(cloud: Cloud, source: str, change: Change, says: str) -> None:
    with pytest.raises(ClientError) as caught:
        cloud.ecs.register_task_definition(**changed(change))
    assert caught.value.response["Error"]["Code"] == "ClientException"
    assert says in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("source", "change", "expect"), ACCEPTED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_accepted(cloud: Cloud, source: str, change: Change, expect: dict[str, Any]) -> None:
    registered = cloud.ecs.register_task_definition(**changed(change))["taskDefinition"]
    described = cloud.ecs.describe_task_definition(taskDefinition=registered["taskDefinitionArn"])["taskDefinition"]
    assert described == registered
    assert {name: described[name] for name in expect} == expect


def test_a_refused_revision_is_no_revision(cloud: Cloud) -> None:
    first = cloud.register(family="counted")
    with pytest.raises(ClientError):
        cloud.register(family="counted", memory=5)
    assert (first[-2:], cloud.register(family="counted")[-2:]) == (":1", ":2")


def test_defaults_of_health_checks(cloud: Cloud) -> None:
    """API HealthCheck: interval 30, timeout 5, retries 3."""
    arn = cloud.register(healthCheck={"command": ["CMD-SHELL", "true"]})
    container = cloud.ecs.describe_task_definition(taskDefinition=arn)["taskDefinition"]["containerDefinitions"][0]
    assert container["healthCheck"] == {
        "command": ["CMD-SHELL", "true"],
        "interval": 30,
        "timeout": 5,
        "retries": 3,
    }


def test_attributes_follow_from_what_is_used(cloud: Cloud) -> None:
    """Developer Guide 'Container agent capabilities'."""
    request = changed(
        both(task(taskRoleArn=ROLE), app(image=ECR, logConfiguration=AWSLOGS, secrets=SECRET), check(retries=2))
    )
    names = {a["name"] for a in cloud.ecs.register_task_definition(**request)["taskDefinition"]["requiresAttributes"]}
    assert names >= {
        "com.amazonaws.ecs.capability.logging-driver.awslogs",
        "ecs.capability.execution-role-awslogs",
        "com.amazonaws.ecs.capability.ecr-auth",
        "ecs.capability.execution-role-ecr-pull",
        "com.amazonaws.ecs.capability.task-iam-role",
        "ecs.capability.task-eni",
        "ecs.capability.container-health-check",
        "ecs.capability.secrets.ssm.environment-variables",
    }


def test_deregistered_and_deleted(cloud: Cloud) -> None:
    """API DeregisterTaskDefinition, DeleteTaskDefinitions: INACTIVE, then DELETE_IN_PROGRESS."""
    arn = cloud.register(family="leaving")
    assert cloud.ecs.deregister_task_definition(taskDefinition=arn)["taskDefinition"]["status"] == "INACTIVE"
    deleted = cloud.ecs.delete_task_definitions(taskDefinitions=[arn])["taskDefinitions"][0]
    assert (deleted["status"], "deleteRequestedAt" in deleted) == ("DELETE_IN_PROGRESS", True)
    with pytest.raises(ClientError, match="Unable to describe"):
        cloud.ecs.describe_task_definition(taskDefinition="leaving")


@pytest.mark.parametrize(
    ("text", "units"),
    [("256", 256), (".5 vCPU", 512), ("1 vcpu", 1024), ("4vCPU", 4096), ("x", None), ("", None)],
)
def test_cpu_notations(text: str, units: int | None) -> None:
    assert cpu_units(text) == units


@pytest.mark.parametrize(("text", "mib"), [("512", 512), ("0.5GB", 512), ("1 GB", 1024), ("30 gb", 30720), ("x", None)])
def test_memory_notations(text: str, mib: int | None) -> None:
    assert memory_mib(text) == mib


@pytest.mark.parametrize(
    ("cpu", "memory", "there"),
    [
        (256, 2048, True),
        (256, 3072, False),
        (4096, 30720, True),
        (4096, 31744, False),
        (8192, 20480, True),
        (32768, 65536, False),
    ],
)
def test_fargate_sizes(cpu: int, memory: int, there: bool) -> None:
    assert is_fargate_size(cpu, memory) is there
