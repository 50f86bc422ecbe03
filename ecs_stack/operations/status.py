"""How an environment's services run now: ECS's counts, deployments and events, and the load balancer's view."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecs_stack.operations import describe
from ecs_stack.operations.reasons import exit_code, stop_reason
from ecs_stack.outputs import ServiceOutputs, StackOutputs
from ecs_stack.results import DeploymentStatus, ServiceEvent, ServiceStatus, StoppedTask

#: How many of a service's last events and stopped tasks are returned.
EVENTS = 10
STOPPED = 10


def service_statuses(
    outputs: StackOutputs, *, ecs: Any, elbv2: Any, urls: Mapping[str, str]
) -> tuple[ServiceStatus, ...]:
    """Every service of the environment, in the order of their names. ``urls`` maps a service to where it answers."""
    names = [service.service_name for service in outputs.services.values()]
    found = describe.services(ecs, outputs.cluster_name, names)
    return tuple(
        _status(outputs.cluster_name, service, found.get(service.service_name), ecs, elbv2, urls.get(name))
        for name, service in sorted(outputs.services.items())
    )


def stopped(task: Mapping[str, Any]) -> StoppedTask:
    """A stopped task of DescribeTasks, with its reason in words."""
    return StoppedTask(
        id=describe.task_id(task["taskArn"]),
        stopped_at=task.get("stoppedAt"),
        revision=describe.revision(task["taskDefinitionArn"]),
        reason=stop_reason(task),
        exit_code=exit_code(task),
    )


def _status(
    cluster: str,
    outputs: ServiceOutputs,
    service: Mapping[str, Any] | None,
    ecs: Any,
    elbv2: Any,
    url: str | None,
) -> ServiceStatus:
    if service is None:
        return ServiceStatus(
            name=outputs.name,
            status="MISSING",
            desired=0,
            running=0,
            pending=0,
            healthy=None,
            revision=describe.revision(outputs.task_definition_arn),
            image=outputs.image,
            url=url,
        )
    return ServiceStatus(
        name=outputs.name,
        status=service["status"],
        desired=service["desiredCount"],
        running=service["runningCount"],
        pending=service["pendingCount"],
        healthy=_healthy(elbv2, outputs.target_group_arn),
        revision=describe.revision(service["taskDefinition"]),
        image=_image(ecs, outputs, service["taskDefinition"]),
        url=url,
        deployments=tuple(_deployment(d) for d in service.get("deployments", ())),
        events=tuple(
            ServiceEvent(at=event["createdAt"], message=event["message"])
            for event in service.get("events", ())[:EVENTS]
        ),
        stopped_tasks=tuple(
            stopped(task) for task in describe.stopped_tasks(ecs, cluster, outputs.service_name)[:STOPPED]
        ),
    )


def _deployment(deployment: Mapping[str, Any]) -> DeploymentStatus:
    return DeploymentStatus(
        id=deployment["id"],
        status=deployment["status"],
        rollout_state=deployment.get("rolloutState", ""),
        revision=describe.revision(deployment["taskDefinition"]),
        desired=deployment["desiredCount"],
        running=deployment["runningCount"],
        failed=deployment.get("failedTasks", 0),
        reason=deployment.get("rolloutStateReason"),
    )


def _healthy(elbv2: Any, target_group: str | None) -> int | None:
    if target_group is None:
        return None
    try:
        targets = elbv2.describe_target_health(TargetGroupArn=target_group)["TargetHealthDescriptions"]
    except elbv2.exceptions.TargetGroupNotFoundException:
        return 0
    return sum(1 for target in targets if target["TargetHealth"]["State"] == "healthy")


def _image(ecs: Any, outputs: ServiceOutputs, task_definition: str) -> str:
    """What the service runs; not always what the last up asked for."""
    if task_definition == outputs.task_definition_arn:
        return outputs.image
    found = ecs.describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    images = {c["name"]: c["image"] for c in found["containerDefinitions"]}
    return str(images.get(outputs.container_name) or next(iter(images.values()), ""))
