"""RunTask's overrides, checked against the task definition (API Reference, TaskOverride)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecs_stack.local.ecs.errors import client_error, invalid
from ecs_stack.local.ecs.store import Document
from ecs_stack.local.ecs.task_size import cpu_units, is_fargate_size, memory_mib


def check(overrides: Mapping[str, Any], definition: Document) -> None:
    """Raises EcsError for a container that doesn't exist, or a size that Fargate doesn't have."""
    names = {container["name"] for container in definition["containerDefinitions"]}
    for container in overrides.get("containerOverrides", ()):
        if container.get("name") not in names:
            raise invalid(
                f"Override for container named {container.get('name')} is not a container in the TaskDefinition."
            )
        if container.get("environmentFiles") or container.get("resourceRequirements"):
            raise invalid("environmentFiles and resourceRequirements can't be overridden by the local Amazon ECS.")
    if overrides.get("inferenceAcceleratorOverrides"):
        raise invalid("The task definition has no inference accelerators to override.")
    if "cpu" in overrides or "memory" in overrides:
        cpu = cpu_units(overrides.get("cpu", definition.get("cpu", "")))
        memory = memory_mib(overrides.get("memory", definition.get("memory", "")))
        if cpu is None or memory is None or not is_fargate_size(cpu, memory):
            raise client_error(f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory.")
