"""Deployments of services, with their service deployments and revisions.

A rollback puts the last completed deployment back under its own id, as Amazon ECS does: "rolling back to
deployment ecs-svc/X" is later followed by "(deployment ecs-svc/X) deployment completed".
"""

from __future__ import annotations

from typing import Any

from ecs_stack.local.ecs.arns import decimal_id
from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.scheduler import breaker_threshold
from ecs_stack.local.ecs.service_documents import counts, primary, say, tasks_of
from ecs_stack.local.ecs.store import Document, snapshot
from ecs_stack.local.ecs.task_documents import PLATFORM_VERSION

BREAKER_TRIPPED = "Service deployment rolled back because the circuit breaker threshold was exceeded."
#: What a new revision records of its service (API Reference, ServiceRevision).
REVISION_MEMBERS = (
    "taskDefinition",
    "launchType",
    "capacityProviderStrategy",
    "platformVersion",
    "platformFamily",
    "networkConfiguration",
    "loadBalancers",
)


def begin(ctx: Context, service: Document) -> dict[str, Any]:
    """A new PRIMARY deployment of what the service now is; the one before becomes ACTIVE."""
    cluster, name = service["serviceArn"].split("/")[1:]
    now = ctx.now()
    members = {member: snapshot(service)[member] for member in REVISION_MEMBERS if member in service}
    revision_arn = ctx.arns.service_revision(cluster, name)
    deployment_arn = ctx.arns.service_deployment(cluster, name)
    common = {"serviceArn": service["serviceArn"], "clusterArn": service["clusterArn"], "createdAt": now}
    ctx.store.put(
        "service_revision",
        revision_arn,
        {"serviceRevisionArn": revision_arn, **common, **members, "guardDutyEnabled": False},
    )
    sources = _supersede(ctx, service)
    configuration = service["deploymentConfiguration"]
    breaker = configuration["deploymentCircuitBreaker"]
    ctx.store.put(
        "service_deployment",
        deployment_arn,
        {
            "serviceDeploymentArn": deployment_arn,
            **common,
            "startedAt": now,
            "updatedAt": now,
            "status": "IN_PROGRESS",
            "sourceServiceRevisions": sources,
            "targetServiceRevision": {"arn": revision_arn},
            "deploymentConfiguration": snapshot(configuration),
            "deploymentCircuitBreaker": {
                "status": "MONITORING" if breaker["enable"] else "DISABLED",
                "failureCount": 0,
                "threshold": breaker_threshold(service["desiredCount"], breaker.get("thresholdConfiguration")),
            },
            "alarms": {"status": "DISABLED"},
        },
    )
    identity = f"ecs-svc/{decimal_id()}"
    deployment = {
        "id": identity,
        "status": "PRIMARY",
        **members,
        **({"platformVersion": PLATFORM_VERSION} if members.get("platformVersion") == "LATEST" else {}),
        "failedTasks": 0,
        "createdAt": now,
        "updatedAt": now,
        "rolloutState": "IN_PROGRESS",
        "rolloutStateReason": f"ECS deployment {identity} in progress.",
        "revisionArn": revision_arn,
        "serviceDeploymentArn": deployment_arn,
        "startFailures": 0,
        "notBefore": 0.0,
        "rollback": False,
        "said": [],
    }
    service["deployments"].append(deployment)
    service["currentServiceDeployment"] = deployment_arn
    service["steady"] = False
    ctx.events.deployment_changed(service["serviceArn"], deployment, name="IN_PROGRESS")
    return deployment


def complete(ctx: Context, service: Document) -> None:
    """The primary deployment is all there, and the others are gone."""
    deployment = primary(service)
    deployment.update(
        rolloutState="COMPLETED",
        rolloutStateReason=f"ECS deployment {deployment['id']} completed.",
        updatedAt=ctx.now(),
        failedTasks=0,
    )
    status = "ROLLBACK_SUCCESSFUL" if deployment["rollback"] else "SUCCESSFUL"
    _finish(ctx, service, status)
    deployment["rollback"] = False
    service["deployments"] = [deployment]
    service["lastCompleted"] = snapshot(deployment)
    say(ctx, service, f"(deployment {deployment['id']}) deployment completed.")
    ctx.events.deployment_changed(service["serviceArn"], deployment, name="COMPLETED")


def record_failure(ctx: Context, service: Document, deployment: dict[str, Any]) -> bool:
    """Count a failed task of a deployment in progress. Whether that was one too many."""
    deployment["failedTasks"] += 1
    deployment["updatedAt"] = ctx.now()
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    threshold = breaker_threshold(service["desiredCount"], breaker.get("thresholdConfiguration"))
    record = ctx.store.edit("service_deployment", deployment["serviceDeploymentArn"])
    if breaker["enable"]:
        record["deploymentCircuitBreaker"].update(failureCount=deployment["failedTasks"], threshold=threshold)
    return bool(breaker["enable"] and deployment["failedTasks"] >= threshold and not deployment["rollback"])


def record_health(service: Document, deployment: dict[str, Any]) -> None:
    """A task became healthy: consecutive failures start again from zero."""
    breaker = service["deploymentConfiguration"]["deploymentCircuitBreaker"]
    if breaker.get("resetOnHealthyTask", True):
        deployment["failedTasks"] = 0
    deployment.update(startFailures=0, notBefore=0.0)


def fail(ctx: Context, service: Document) -> None:
    """The circuit breaker tripped: fail the primary deployment and, if asked for, roll back."""
    deployment = primary(service)
    deployment.update(
        rolloutState="FAILED",
        rolloutStateReason="ECS deployment circuit breaker: tasks failed to start.",
        updatedAt=ctx.now(),
    )
    say(ctx, service, f"(deployment {deployment['id']}) deployment failed: tasks failed to start.")
    ctx.events.deployment_changed(service["serviceArn"], deployment, name="FAILED")
    record = ctx.store.edit("service_deployment", deployment["serviceDeploymentArn"])
    record["deploymentCircuitBreaker"]["status"] = "TRIGGERED"
    if not service["deploymentConfiguration"]["deploymentCircuitBreaker"]["rollback"]:
        _finish(
            ctx,
            service,
            "STOPPED",
            "Service deployment failed because the circuit breaker threshold was exceeded.",
        )
    elif "lastCompleted" not in service:
        _finish(ctx, service, "ROLLBACK_FAILED", "No rollback candidate was found to run the rollback.")
    else:
        roll_back(ctx, service, "ECS deployment circuit breaker", BREAKER_TRIPPED)


def roll_back(ctx: Context, service: Document, trigger: str, reason: str) -> None:
    """Make the last completed deployment the primary one again."""
    failed = primary(service)
    failed["status"] = "ACTIVE"
    target_id = service["lastCompleted"]["id"]
    target = next((d for d in service["deployments"] if d["id"] == target_id), None)
    if target is None:
        target = snapshot(service["lastCompleted"])
        service["deployments"].append(target)
    target.update(
        status="PRIMARY",
        rolloutState="IN_PROGRESS",
        rolloutStateReason=f"{trigger}: rolling back to deploymentId {target_id}.",
        updatedAt=ctx.now(),
        serviceDeploymentArn=failed["serviceDeploymentArn"],
        rollback=True,
        failedTasks=0,
        startFailures=0,
        notBefore=0.0,
        said=[],
    )
    revision = snapshot(ctx.store.get("service_revision", target["revisionArn"]) or target)
    for member in REVISION_MEMBERS:
        service.pop(member, None)
    service.update({member: revision[member] for member in REVISION_MEMBERS if member in revision})
    service["steady"] = False
    record = ctx.store.edit("service_deployment", failed["serviceDeploymentArn"])
    record.update(
        status="ROLLBACK_IN_PROGRESS",
        statusReason=reason,
        updatedAt=ctx.now(),
        rollback={"reason": reason, "startedAt": ctx.now(), "serviceRevisionArn": target["revisionArn"]},
    )
    say(ctx, service, f"rolling back to deployment {target_id}.")
    ctx.events.deployment_changed(service["serviceArn"], target, name="IN_PROGRESS")


def end(ctx: Context, service: Document, reason: str) -> None:
    """The service is deleted: what was under way stops."""
    if primary(service)["rolloutState"] == "IN_PROGRESS":
        _finish(ctx, service, "STOPPED", reason)


def _supersede(ctx: Context, service: Document) -> list[dict[str, Any]]:
    """Make room for a new primary deployment; the revisions that run now."""
    tasks = tasks_of(ctx, service)
    sources = []
    for deployment in service["deployments"]:
        if deployment["status"] == "PRIMARY":
            if deployment["rolloutState"] == "IN_PROGRESS":
                _finish(ctx, service, "STOPPED", "Service deployment stopped because a newer one started.")
            deployment["status"] = "ACTIVE"
        own = [task for task in tasks if task["deploymentId"] == deployment["id"]]
        summary = _summary(deployment["revisionArn"], service, own)
        if summary["runningTaskCount"] or summary["pendingTaskCount"]:
            sources.append(summary)
    return sources


def _finish(ctx: Context, service: Document, status: str, reason: str | None = None) -> None:
    deployment = primary(service)
    record = ctx.store.edit("service_deployment", deployment["serviceDeploymentArn"])
    record.update(status=status, updatedAt=ctx.now(), finishedAt=ctx.now())
    if status == "STOPPED":
        record["stoppedAt"] = ctx.now()
    if reason is not None:
        record["statusReason"] = reason
    breaker = record["deploymentCircuitBreaker"]
    if breaker["status"] == "MONITORING":
        breaker["status"] = "MONITORING_COMPLETE"
    target = record["targetServiceRevision"]["arn"]
    own = [t for t in tasks_of(ctx, service) if t["revisionArn"] == target]
    record["targetServiceRevision"] = _summary(target, service, own)


def _summary(revision_arn: str, service: Document, tasks: list[Document]) -> dict[str, Any]:
    counted = counts(tasks)
    return {
        "arn": revision_arn,
        "requestedTaskCount": service["desiredCount"],
        "runningTaskCount": counted["runningCount"],
        "pendingTaskCount": counted["pendingCount"],
    }
