"""``requiresAttributes``: what ECS derives from a task definition.

The names are those of the container agent (aws/amazon-ecs-agent, agent/app/agent_capability.go).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ecs_stack.local.ecs.task_definition_rules import needs_execution_role

_REMOTE_API = "com.amazonaws.ecs.capability.docker-remote-api"
_ECR = re.compile(r"\d{12}\.dkr\.ecr\.")


def required_attributes(definition: Mapping[str, Any]) -> list[str]:
    """The attributes' names, each once."""
    found = [*_of_task(definition)]
    for container in definition["containerDefinitions"]:
        found += _of_container(container, definition)
    return list(dict.fromkeys(found))


def _of_task(definition: Mapping[str, Any]) -> Iterator[str]:
    if definition.get("networkMode") == "awsvpc":
        yield "ecs.capability.task-eni"
    if definition.get("taskRoleArn"):
        yield "com.amazonaws.ecs.capability.task-iam-role"
    if definition.get("ephemeralStorage"):
        yield "ecs.capability.extensible-ephemeral-storage"
    if any("efsVolumeConfiguration" in volume for volume in definition.get("volumes", ())):
        yield "ecs.capability.efsAuth"
        yield "ecs.capability.efs"
    yield f"{_REMOTE_API}.1.18"


def _of_container(container: Mapping[str, Any], definition: Mapping[str, Any]) -> Iterator[str]:
    log = container.get("logConfiguration", {})
    if "logDriver" in log:
        yield f"com.amazonaws.ecs.capability.logging-driver.{log['logDriver']}"
        yield f"{_REMOTE_API}.1.19"
        if log["logDriver"] == "awslogs" and definition.get("executionRoleArn"):
            yield "ecs.capability.execution-role-awslogs"
    if _ECR.match(container["image"]):
        yield "com.amazonaws.ecs.capability.ecr-auth"
        if definition.get("executionRoleArn") and needs_execution_role(container):
            yield "ecs.capability.execution-role-ecr-pull"
    if "healthCheck" in container:
        yield "ecs.capability.container-health-check"
        yield f"{_REMOTE_API}.1.24"
    if container.get("dependsOn"):
        yield "ecs.capability.container-ordering"
    if container.get("privileged"):
        yield "com.amazonaws.ecs.capability.privileged-container"
    if container.get("memoryReservation"):
        yield f"{_REMOTE_API}.1.21"
    for secret in container.get("secrets", ()):
        store = "asm" if ":secretsmanager:" in secret["valueFrom"] else "ssm"
        yield f"ecs.capability.secrets.{store}.environment-variables"
