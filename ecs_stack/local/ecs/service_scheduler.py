"""The service scheduler: one step of one service, inside a transaction.

Decides by what is stored and by the health last heard of; the reconciler carries out what it wants.
"""

from __future__ import annotations

from typing import Any

from ecs_stack.local.ecs import deployments, network, scheduler, task_documents
from ecs_stack.local.ecs.arns import last_part
from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.service_documents import deployment_of, primary, say, say_once, tasks_of
from ecs_stack.local.ecs.store import Document
from ecs_stack.local.ecs.targets import Targets
from ecs_stack.local.ecs.task_documents import request_stop, short_id
from ecs_stack.local.ecs.tasks import launch_members

#: Seconds that a task without any health check runs before it counts: one that crashes at once never does.
SETTLE = 3.0
_FAILURES = ("TaskFailedToStart", "EssentialContainerExited")
#: Start failures in a row before the service says that it can't start tasks.
_IMPAIRED = 3
_BLOCKED = (
    "was unable to stop or start tasks during a deployment because of the service deployment configuration."
    " Update the minimumHealthyPercent or maximumPercent value and try again."
)


def step(ctx: Context, service: Document, targets: Targets) -> None:
    """Bring a service one step nearer to what it should be. ``service`` is fetched with ``edit``."""
    tasks = tasks_of(ctx, service)
    if service["status"] == "DRAINING":
        _drain(ctx, service, tasks)
        return
    for task in tasks:
        if not task.get("ready") and _is_ready(ctx, task, targets):
            ctx.store.edit("task", task["taskArn"])["ready"] = True
            deployment = deployment_of(service, task["deploymentId"])
            if deployment is not None:
                deployments.record_health(service, deployment)
    replaced = _stop_unhealthy(ctx, service, tasks, targets)
    deployment = primary(service)
    live = [task for task in tasks if task["desiredStatus"] == "RUNNING"]
    failed = deployment["rolloutState"] == "FAILED"
    plan = scheduler.plan(
        scheduler.Wanted(
            primary=deployment["id"],
            count=service["desiredCount"],
            minimum_percent=service["deploymentConfiguration"]["minimumHealthyPercent"],
            maximum_percent=service["deploymentConfiguration"]["maximumPercent"],
            may_start=not failed and ctx.now() >= deployment["notBefore"],
        ),
        [_view(ctx, task, targets) for task in live],
        stopping=len(tasks) - len(live),
    )
    _start(ctx, service, live, plan.start, replaced)
    _stop(ctx, service, [task for task in live if task["taskArn"] in plan.stop])
    if plan.blocked:
        say_once(ctx, service, deployment, _BLOCKED)
    if not plan.start and not plan.stop:
        _settle(ctx, service, tasks, targets)


def task_ended(ctx: Context, task: Document) -> None:
    """A service's task has stopped: if by itself, its deployment counts a failure."""
    found = ctx.store.get("service", task["serviceArn"])
    if found is None or found["status"] == "INACTIVE":
        return
    service = ctx.store.edit("service", task["serviceArn"])
    service["steady"] = False
    deployment = deployment_of(service, task["deploymentId"])
    if deployment is None or task.get("stopCode") not in _FAILURES:
        return
    if task["stopCode"] == "TaskFailedToStart":
        reason = task["stoppedReason"]
        refused = reason.startswith("ECS was unable to assume the role")
        message = "failed to launch a task with (error {})." if refused else "was unable to place a task. Reason: {}."
        say(ctx, service, message.format(reason))
    if not task.get("ready"):
        _back_off(ctx, service, deployment)
    _count_failure(ctx, service, deployment)


def _count_failure(ctx: Context, service: Document, deployment: dict[str, Any]) -> None:
    if deployment["status"] != "PRIMARY" or deployment["rolloutState"] != "IN_PROGRESS":
        return
    if deployments.record_failure(ctx, service, deployment):
        deployments.fail(ctx, service)


def _back_off(ctx: Context, service: Document, deployment: dict[str, Any]) -> None:
    deployment["startFailures"] += 1
    deployment["notBefore"] = ctx.now() + scheduler.backoff(deployment["startFailures"])
    if deployment["startFailures"] == _IMPAIRED:
        said = say_once(ctx, service, deployment, "is unable to consistently start tasks successfully.")
        if said:
            _act(ctx, service, "SERVICE_TASK_START_IMPAIRED", "WARN")


def _is_ready(ctx: Context, task: Document, targets: Targets) -> bool:
    """Running, and every check that it has is passed."""
    if task["lastStatus"] != "RUNNING" or task["desiredStatus"] != "RUNNING":
        return False
    checked = _has_health_check(ctx, task)
    if checked and task["healthStatus"] != "HEALTHY":
        return False
    if task["targets"]:
        healthy = targets.healthy(task)
        return bool(task.get("ready")) if healthy is None else healthy
    return checked or bool(task.get("ready")) or ctx.now() - task["startedAt"] >= SETTLE


def _has_health_check(ctx: Context, task: Document) -> bool:
    definition = ctx.store.get("task_definition", task["taskDefinitionArn"])
    return definition is not None and any(
        container["essential"] and container.get("healthCheck", {}).get("command", ["NONE"])[0] != "NONE"
        for container in definition["containerDefinitions"]
    )


def _view(ctx: Context, task: Document, targets: Targets) -> scheduler.TaskView:
    return scheduler.TaskView(
        arn=task["taskArn"],
        deployment=task["deploymentId"],
        running=task["lastStatus"] == "RUNNING",
        ready=_is_ready(ctx, task, targets),
        zone=task["availabilityZone"],
        created_at=task["createdAt"],
        protected=task.get("protectedUntil", 0) > ctx.now(),
    )


def _stop_unhealthy(ctx: Context, service: Document, tasks: list[Document], targets: Targets) -> int:
    """Stop tasks that a health check has given up on; how many."""
    grace = service.get("healthCheckGracePeriodSeconds", 0)
    stopped = 0
    for task in tasks:
        if task["lastStatus"] != "RUNNING" or task["desiredStatus"] != "RUNNING":
            continue
        if ctx.now() - task["startedAt"] < grace:
            continue
        verdict = targets.unhealthy(task)
        if task["healthStatus"] == "UNHEALTHY":
            reason, event = "Task failed container health checks", "failed container health checks."
        elif verdict is not None:
            group, port, why = verdict
            reason = f"Task failed ELB health checks in (target-group {group})"
            event = f"(port {port}) is unhealthy in (target-group {group}) due to (reason {why})."
        else:
            continue
        say(ctx, service, f"(task {short_id(task)}) {event}")
        edited = ctx.store.edit("task", task["taskArn"])
        request_stop(ctx, edited, code="ServiceSchedulerInitiated", reason=reason)
        stopped += 1
        deployment = deployment_of(service, task["deploymentId"])
        if deployment is not None:
            if not task.get("ready"):
                _back_off(ctx, service, deployment)
            _count_failure(ctx, service, deployment)
    return stopped


def _start(ctx: Context, service: Document, live: list[Document], number: int, replaced: int) -> None:
    deployment = primary(service)
    definition = ctx.store.get("task_definition", deployment["taskDefinition"])
    cluster = ctx.store.get("cluster", service["clusterArn"])
    if not number or definition is None or cluster is None:
        return
    started: list[Document] = []
    for _ in range(number):
        siblings = [*live, *started]
        spot = network.place(ctx, deployment["networkConfiguration"], siblings, deployment["id"])
        if spot is None:
            say_once(
                ctx,
                service,
                deployment,
                "was unable to place a task. Reason: the subnets have no free address.",
            )
            break
        started.append(
            task_documents.build(
                ctx,
                cluster,
                definition,
                spot,
                group=f"service:{service['serviceName']}",
                startedBy=deployment["id"],
                enableExecuteCommand=service["enableExecuteCommand"],
                tags=_tags(service, definition),
                serviceArn=service["serviceArn"],
                deploymentId=deployment["id"],
                revisionArn=deployment["revisionArn"],
                targets=[
                    {"targetGroupArn": b["targetGroupArn"], "port": b["containerPort"], "state": "new"}
                    for b in deployment["loadBalancers"]
                ],
                **launch_members(deployment, siblings),
            )
        )
    if not started:
        return
    service["steady"] = False
    message = f"has started {len(started)} tasks: {_names(started)}."
    if replaced:
        message += f" Amazon ECS replaced {min(replaced, len(started))} tasks due to an unhealthy status."
    say(ctx, service, message)


def _stop(ctx: Context, service: Document, tasks: list[Document]) -> None:
    running = [task for task in tasks if task["lastStatus"] == "RUNNING"]
    for task in tasks:
        edited = ctx.store.edit("task", task["taskArn"])
        reason = f"Scaling activity initiated by (deployment {primary(service)['id']})"
        request_stop(ctx, edited, code="ServiceSchedulerInitiated", reason=reason)
    if running:
        say(ctx, service, f"has stopped {len(running)} running tasks: {_names(running)}.")
    if len(tasks) > len(running):
        say(ctx, service, f"stopped {len(tasks) - len(running)} pending tasks.")
    if tasks:
        service["steady"] = False


def _settle(ctx: Context, service: Document, tasks: list[Document], targets: Targets) -> None:
    """Complete the deployment and say that the service is steady, once it is."""
    deployment = primary(service)
    mine = [t for t in tasks if t["deploymentId"] == deployment["id"] and t["desiredStatus"] == "RUNNING"]
    if len(mine) != service["desiredCount"] or not all(_is_ready(ctx, task, targets) for task in mine):
        return
    if any(task["deploymentId"] != deployment["id"] for task in tasks):
        return
    if deployment["rolloutState"] == "IN_PROGRESS":
        deployments.complete(ctx, service)
    elif deployment["rolloutState"] == "COMPLETED" and len(service["deployments"]) > 1:
        service["deployments"] = [deployment]
    if not service["steady"] and len(tasks) == len(mine) and deployment["rolloutState"] == "COMPLETED":
        service["steady"] = True
        say(ctx, service, "has reached a steady state.")
        _act(ctx, service, "SERVICE_STEADY_STATE", "INFO")


def _drain(ctx: Context, service: Document, tasks: list[Document]) -> None:
    """The service is deleted: stop everything, then be INACTIVE."""
    _stop(ctx, service, [task for task in tasks if task["desiredStatus"] == "RUNNING"])
    if not tasks:
        service.update(status="INACTIVE", deployments=[], deletedAt=ctx.now())


def _tags(service: Document, definition: Document) -> list[dict[str, str]]:
    source = {"SERVICE": service, "TASK_DEFINITION": definition}.get(service["propagateTags"])
    tags = list(source["tags"]) if source else []
    if service["enableECSManagedTags"]:
        tags.append({"key": "aws:ecs:clusterName", "value": last_part(service["clusterArn"])})
        tags.append({"key": "aws:ecs:serviceName", "value": service["serviceName"]})
    return tags


def _names(tasks: list[Document]) -> str:
    return " ".join(f"(task {short_id(task)})" for task in tasks)


def _act(ctx: Context, service: Document, name: str, kind: str) -> None:
    ctx.events.service_action(service["serviceArn"], service["clusterArn"], at=ctx.now(), name=name, kind=kind)
