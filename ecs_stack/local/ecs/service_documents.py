"""Services as documents, and as DescribeServices shows them.

Beside the members of AWS's Service a document has ``steady`` (the last thing said was "steady state"),
``lastCompleted`` (the deployment to roll back to), ``createdFrom`` (the request's digest), and for its
deployments: ``revisionArn``, ``serviceDeploymentArn``, ``loadBalancers``, ``startFailures`` (in a row, for
backing off), ``notBefore`` (no start until then), ``rollback`` (this deployment takes the place of a failed
one) and ``said`` (events that are said once).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from typing import Any

from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.store import Document
from ecs_stack.local.ecs.tags import without_tags

#: DescribeServices answers the newest hundred events.
_EVENTS = 100
_PENDING = ("PROVISIONING", "PENDING", "ACTIVATING")


def say(ctx: Context, service: Document, message: str) -> None:
    """Add a service event: ``(service NAME) MESSAGE``, newest first."""
    event = {
        "id": str(uuid.uuid4()),
        "createdAt": ctx.now(),
        "message": f"(service {service['serviceName']}) {message}",
    }
    service["events"] = [event, *service["events"]][:_EVENTS]


def say_once(ctx: Context, service: Document, deployment: dict[str, Any], message: str) -> bool:
    """Add a service event, unless this deployment already said so. Whether it was said now."""
    if message in deployment["said"]:
        return False
    deployment["said"].append(message)
    say(ctx, service, message)
    return True


def primary(service: Document) -> dict[str, Any]:
    """The deployment that the service moves to, or has."""
    deployment: dict[str, Any] = next(d for d in service["deployments"] if d["status"] == "PRIMARY")
    return deployment


def deployment_of(service: Document, deployment_id: str) -> dict[str, Any] | None:
    """The deployment of this id, while the service has it."""
    return next((d for d in service["deployments"] if d["id"] == deployment_id), None)


def tasks_of(ctx: Context, service: Document) -> list[Document]:
    """The service's tasks that still hold something: not stopped, or not yet out of their target groups."""
    return [
        task
        for task in ctx.store.all("task")
        if task.get("serviceArn") == service["serviceArn"]
        and (task["lastStatus"] != "STOPPED" or any(t["state"] in ("registered", "draining") for t in task["targets"]))
    ]


def counts(tasks: Iterable[Document]) -> dict[str, int]:
    """``runningCount`` and ``pendingCount``: tasks on their way out are neither."""
    statuses = [task["lastStatus"] for task in tasks if task["desiredStatus"] == "RUNNING"]
    return {
        "runningCount": statuses.count("RUNNING"),
        "pendingCount": sum(status in _PENDING for status in statuses),
    }


def view(ctx: Context, service: Document, include: Iterable[str] = ("TAGS",)) -> dict[str, Any]:
    """The service with the counts of this moment."""
    tasks = tasks_of(ctx, service)
    deployments = []
    for deployment in service["deployments"]:
        own = [task for task in tasks if task["deploymentId"] == deployment["id"]]
        wanted = sum(task["desiredStatus"] == "RUNNING" for task in own)
        desired = service["desiredCount"] if deployment["status"] == "PRIMARY" else wanted
        deployments.append({**deployment, "desiredCount": desired, **counts(own)})
    deployments.sort(key=lambda d: (d["status"] != "PRIMARY", -d["createdAt"]))
    revisions = [
        {
            "arn": deployment["revisionArn"],
            "requestedTaskCount": deployment["desiredCount"],
            "runningTaskCount": deployment["runningCount"],
            "pendingTaskCount": deployment["pendingCount"],
        }
        for deployment in deployments
    ]
    return {
        **without_tags(service, include),
        **counts(tasks),
        "deployments": deployments,
        "currentServiceRevisions": revisions,
    }
