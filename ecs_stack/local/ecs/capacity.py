"""Launch types, capacity provider strategies and platform versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecs_stack.local.ecs.clusters import strategy
from ecs_stack.local.ecs.context import Params
from ecs_stack.local.ecs.errors import EcsError, invalid, unsupported
from ecs_stack.local.ecs.store import Document

#: Developer Guide, "Fargate platform versions for Amazon ECS": Linux.
_PLATFORM_VERSIONS = ("LATEST", "1.4.0", "1.3.0")


def resolve(cluster: Document, definition: Document, params: Params) -> dict[str, Any]:
    """``launchType`` or ``capacityProviderStrategy``, and ``platformVersion``, of a service or task.

    Without either, the cluster's default strategy holds, and without that the launch type is EC2, as on AWS.
    Raises EcsError where AWS refuses the combination.
    """
    asked = params.get("capacityProviderStrategy") or []
    if asked and "launchType" in params:
        raise invalid(
            "Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again."
        )
    members: dict[str, Any] = {}
    if "launchType" in params:
        members["launchType"] = params["launchType"]
    else:
        chosen = strategy(cluster, asked) or cluster["defaultCapacityProviderStrategy"]
        members |= {"capacityProviderStrategy": chosen} if chosen else {"launchType": "EC2"}
    launch_type = members.get("launchType", "FARGATE")
    if launch_type not in definition["compatibilities"]:
        raise invalid(f"Task definition does not support launch_type {launch_type}.")
    if definition.get("networkMode") != "awsvpc":
        raise unsupported(f"Running tasks with networkMode {definition.get('networkMode', 'bridge')}", "Use awsvpc.")
    version = params.get("platformVersion", "LATEST" if launch_type == "FARGATE" else None)
    if version is not None:
        if launch_type != "FARGATE":
            raise invalid("The platform version must be null when specifying an EC2 launch type.")
        if version not in _PLATFORM_VERSIONS:
            raise EcsError("PlatformUnknownException", "The specified platform does not exist.")
        members["platformVersion"] = version
    return members


def choose_provider(items: Sequence[Mapping[str, Any]], used: Mapping[str, int]) -> str:
    """The capacity provider of the next task, ``used`` counting the tasks that each one has.

    First the base is filled, then tasks are shared out by weight (API Reference,
    CapacityProviderStrategyItem).
    """
    for item in items:
        if used.get(item["capacityProvider"], 0) < item["base"]:
            return str(item["capacityProvider"])
    weighted = [item for item in items if item["weight"]]
    best = min(
        weighted,
        key=lambda item: (max(0, used.get(item["capacityProvider"], 0) - item["base"]) + 1) / item["weight"],
    )
    return str(best["capacityProvider"])
