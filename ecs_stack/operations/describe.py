"""Reads of the ECS API that several verbs share, in as few calls as its limits allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar

from ecs_stack.rules.tags import ENVIRONMENT, PROJECT

T = TypeVar("T")

#: DescribeServices takes up to 10 services, DescribeTasks up to 100 tasks a call (Amazon ECS API reference).
SERVICES_A_CALL = 10
TASKS_A_CALL = 100


def cluster_of(project: str, environment: str, *, ecs: Any) -> str | None:
    """The ARN of the environment's cluster, by its name and our tags; None if it isn't there, or is somebody else's."""
    tags = {PROJECT: project, ENVIRONMENT: environment}
    for cluster in ecs.describe_clusters(clusters=[environment], include=["TAGS"])["clusters"]:
        known = {tag["key"]: tag["value"] for tag in cluster.get("tags", ())}
        # ECS remembers a cluster that was deleted for a while, as INACTIVE.
        if cluster["status"] == "ACTIVE" and tags.items() <= known.items():
            return str(cluster["clusterArn"])
    return None


def services(ecs: Any, cluster: str, names: Sequence[str]) -> dict[str, Mapping[str, Any]]:
    """DescribeServices by name. A service that is gone is missing from the answer."""
    found: dict[str, Mapping[str, Any]] = {}
    for chunk in _chunks(names, SERVICES_A_CALL):
        answer = ecs.describe_services(cluster=cluster, services=chunk)
        found |= {service["serviceName"]: service for service in answer["services"]}
    return found


def stopped_tasks(ecs: Any, cluster: str, service: str) -> list[Mapping[str, Any]]:
    """The service's stopped tasks, the last first. ECS forgets them after an hour or so."""
    pages = ecs.get_paginator("list_tasks").paginate(cluster=cluster, serviceName=service, desiredStatus="STOPPED")
    arns = [arn for page in pages for arn in page["taskArns"]]
    tasks: list[Mapping[str, Any]] = []
    for chunk in _chunks(arns, TASKS_A_CALL):
        tasks += ecs.describe_tasks(cluster=cluster, tasks=chunk)["tasks"]
    # A task whose desired status is STOPPED may still be on its way there.
    ended = [task for task in tasks if task.get("lastStatus") == "STOPPED"]
    return sorted(ended, key=lambda task: str(task.get("stoppedAt") or ""), reverse=True)


def primary(service: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The deployment that ECS is moving to, or has reached."""
    return next((d for d in service.get("deployments", ()) if d["status"] == "PRIMARY"), None)


def revision(task_definition: str) -> str:
    """``dev-api:3`` of a task definition's ARN."""
    return task_definition.rsplit("/", 1)[-1]


def task_id(arn: str) -> str:
    """The last part of a task's ARN."""
    return arn.rsplit("/", 1)[-1]


def _chunks(items: Sequence[T], size: int) -> Iterator[list[T]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])
