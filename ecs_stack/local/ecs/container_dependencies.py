"""``dependsOn``: containers that wait for others of their task (API Reference, ContainerDependency)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter
from typing import Any

from ecs_stack.local.ecs.errors import client_error


def check_dependencies(containers: Iterable[Mapping[str, Any]]) -> None:
    """Raises EcsError for an unknown container, a condition that can't hold, or a circle."""
    by_name = {container["name"]: container for container in containers}
    graph = {
        name: [dependency["containerName"] for dependency in container.get("dependsOn", ())]
        for name, container in by_name.items()
    }
    for name, container in by_name.items():
        for dependency in container.get("dependsOn", ()):
            _check_condition(name, dependency, by_name)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = " -> ".join(error.args[1])
        raise client_error(f"Container dependencies must not form a circle: {circle}.") from None


def _check_condition(name: str, dependency: Mapping[str, str], by_name: Mapping[str, Mapping[str, Any]]) -> None:
    other, condition = dependency["containerName"], dependency["condition"]
    if other not in by_name:
        raise client_error(f"Container '{name}' depends on '{other}', which the task definition doesn't have.")
    if condition in ("COMPLETE", "SUCCESS") and by_name[other].get("essential", True):
        raise client_error(
            f"Container '{name}' waits for '{other}' to end ({condition}): '{other}' can't be essential."
        )
    if condition == "HEALTHY" and "healthCheck" not in by_name[other]:
        raise client_error(f"Container '{name}' waits for '{other}' to be HEALTHY: '{other}' needs a health check.")
