"""Service deployments and service revisions: what a service was, and how it came to be what it is."""

from __future__ import annotations

from typing import Any

from ecs_stack.local.ecs import deployments
from ecs_stack.local.ecs.arns import last_part
from ecs_stack.local.ecs.clusters import active
from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import EcsError, invalid, service_not_found, unsupported
from ecs_stack.local.ecs.paging import page
from ecs_stack.local.ecs.service_documents import counts, primary, tasks_of
from ecs_stack.local.ecs.store import Document

#: API Reference, DescribeServiceDeployments and DescribeServiceRevisions.
_DESCRIBE_LIMIT = 20


def list_deployments(ctx: Context, params: Params) -> Result:
    """ListServiceDeployments, newest first."""
    cluster = active(ctx, params.get("cluster"))
    arn = ctx.arns.service(cluster["clusterName"], last_part(params["service"]))
    if ctx.store.get("service", arn) is None:
        raise service_not_found()
    created = params.get("createdAt", {})
    chosen = [
        record
        for record in reversed(ctx.store.all("service_deployment"))
        if record["serviceArn"] == arn
        and record["status"] in params.get("status", [record["status"]])
        and created.get("after", 0) <= record["createdAt"] <= created.get("before", record["createdAt"])
    ]
    result = page(params, [record["serviceDeploymentArn"] for record in chosen], "arns")
    by_arn = {record["serviceDeploymentArn"]: record for record in chosen}
    result["serviceDeployments"] = [
        {**by_arn[name], "targetServiceRevisionArn": by_arn[name]["targetServiceRevision"]["arn"]}
        for name in result["arns"]
    ]
    return result


def describe_deployments(ctx: Context, params: Params) -> Result:
    """DescribeServiceDeployments."""
    found, failures = [], []
    for arn in _limited(params["serviceDeploymentArns"], "serviceDeploymentArns"):
        record = ctx.store.get("service_deployment", arn)
        if record is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append({**record, "targetServiceRevision": _target(ctx, record)})
    return {"serviceDeployments": found, "failures": failures}


def describe_revisions(ctx: Context, params: Params) -> Result:
    """DescribeServiceRevisions."""
    found, failures = [], []
    for arn in _limited(params["serviceRevisionArns"], "serviceRevisionArns"):
        record = ctx.store.get("service_revision", arn)
        if record is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append({**record, "containerImages": _images(ctx, record)})
    return {"serviceRevisions": found, "failures": failures}


def stop_deployment(ctx: Context, params: Params) -> Result:
    """StopServiceDeployment, by rolling back."""
    arn = params["serviceDeploymentArn"]
    record = ctx.store.get("service_deployment", arn)
    if record is None:
        raise EcsError("ServiceDeploymentNotFoundException", "The service deployment was not found.")
    if params.get("stopType", "ROLLBACK") != "ROLLBACK":
        raise unsupported(f"stopType {params['stopType']}", "Use ROLLBACK.")
    if record["status"] != "IN_PROGRESS":
        raise EcsError(
            "ConflictException",
            f"The service deployment is {record['status']}, not in progress.",
            resource_ids=[arn],
        )
    service = ctx.store.edit("service", record["serviceArn"])
    if "lastCompleted" not in service:
        raise invalid("No rollback candidate was found to run the rollback.")
    deployments.roll_back(
        ctx,
        service,
        "ECS deployment stopped",
        "Service deployment rolled back because it was stopped by a user.",
    )
    ctx.wake()
    return {"serviceDeploymentArn": arn}


def _target(ctx: Context, record: Document) -> dict[str, Any]:
    """The counts of this moment while the deployment is under way; later those of its end."""
    target: dict[str, Any] = record["targetServiceRevision"]
    service = ctx.store.get("service", record["serviceArn"])
    if "finishedAt" in record or service is None:
        return target
    own = counts(t for t in tasks_of(ctx, service) if t["revisionArn"] == target["arn"])
    wanted = service["desiredCount"] if primary(service)["revisionArn"] == target["arn"] else 0
    return {
        "arn": target["arn"],
        "requestedTaskCount": wanted,
        "runningTaskCount": own["runningCount"],
        "pendingTaskCount": own["pendingCount"],
    }


def _images(ctx: Context, revision: Document) -> list[dict[str, str]]:
    """The revision's container images, with the digests that its tasks found."""
    definition = ctx.store.get("task_definition", revision["taskDefinition"])
    digests = {
        container["name"]: container["imageDigest"]
        for task in ctx.store.all("task")
        if task.get("revisionArn") == revision["serviceRevisionArn"]
        for container in task["containers"]
        if "imageDigest" in container
    }
    return [
        {"containerName": container["name"], "image": container["image"]}
        | ({"imageDigest": digests[container["name"]]} if container["name"] in digests else {})
        for container in (definition or {"containerDefinitions": []})["containerDefinitions"]
    ]


def _limited(arns: list[str], member: str) -> list[str]:
    if not 1 <= len(arns) <= _DESCRIBE_LIMIT:
        raise invalid(f"{member} must have between 1 and {_DESCRIBE_LIMIT} elements.")
    return arns
