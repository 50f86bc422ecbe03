"""Tasks as documents: made, changed by what the runner reports, and stopped.

Beside the members of AWS's Task a document has: ``privateIp``, ``subnetId``, ``vpcId``; ``launched`` (given
to the runner); ``hostPorts`` (container port -> port on 127.0.0.1); ``targets`` (registrations in target
groups, whose ``state`` goes new, registered, draining, gone); and for tasks of services ``serviceArn``,
``deploymentId``, ``revisionArn`` and ``ready`` (seen healthy once).
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ecs_stack.local.ecs.arns import last_part
from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.runner.model import TaskRun, TaskState
from ecs_stack.local.ecs.store import Document, snapshot

#: Developer Guide, "Amazon ECS task lifecycle", in order.
_LIFECYCLE = (
    "PROVISIONING",
    "PENDING",
    "ACTIVATING",
    "RUNNING",
    "DEACTIVATING",
    "STOPPING",
    "DEPROVISIONING",
    "STOPPED",
)
_TIMES = {
    "connectivity_at": "connectivityAt",
    "pull_started_at": "pullStartedAt",
    "pull_stopped_at": "pullStoppedAt",
    "started_at": "startedAt",
    "stopping_at": "stoppingAt",
    "execution_stopped_at": "executionStoppedAt",
    "stopped_at": "stoppedAt",
}
#: What LATEST stands for on Linux (Developer Guide, "Fargate platform versions for Amazon ECS").
PLATFORM_VERSION = "1.4.0"
_EPHEMERAL_GIB = 20


def build(
    ctx: Context,
    cluster: Document,
    definition: Document,
    spot: tuple[Document, str],
    **members: Any,
) -> Document:
    """A new task at a ``spot`` (subnet and address), stored.

    ``members`` are further members of the document: ``group``, ``startedBy``, ...
    """
    subnet, address = spot
    arn = ctx.arns.task(cluster["clusterName"])
    attachment = _attachment(ctx.region, subnet["subnetId"], address)
    overrides = members.pop("overrides", {})
    storage = overrides.get("ephemeralStorage") or definition.get("ephemeralStorage") or {"sizeInGiB": _EPHEMERAL_GIB}
    containers = [
        _container(ctx, arn, container, attachment["id"], address) for container in definition["containerDefinitions"]
    ]
    task = {
        "taskArn": arn,
        "clusterArn": cluster["clusterArn"],
        "taskDefinitionArn": definition["taskDefinitionArn"],
        "attachments": [attachment],
        "attributes": [{"name": "ecs.cpu-architecture", "value": _architecture(definition)}],
        "availabilityZone": subnet["zone"],
        "containers": containers,
        "cpu": overrides.get("cpu", definition.get("cpu")),
        "memory": overrides.get("memory", definition.get("memory")),
        "createdAt": ctx.now(),
        "desiredStatus": "RUNNING",
        "lastStatus": "PROVISIONING",
        "healthStatus": "UNKNOWN",
        "overrides": _overrides(overrides, definition),
        "platformFamily": "Linux",
        "ephemeralStorage": storage,
        "fargateEphemeralStorage": storage,
        "version": 1,
        "privateIp": address,
        "subnetId": subnet["subnetId"],
        "vpcId": subnet["vpcId"],
        "launched": False,
        "hostPorts": {},
        "targets": [],
        **members,
    }
    ctx.store.put("task", arn, task)
    ctx.events.task_changed(snapshot(task))
    return task


def observe(ctx: Context, task: Document, state: TaskState) -> None:
    """Take over what the runner reports. ``task`` is fetched with ``edit``."""
    by_name = {container.name: container for container in state.containers}
    for container in task["containers"]:
        seen = by_name.get(container["name"])
        if seen is None:
            continue
        container.update(lastStatus=seen.last_status, healthStatus=seen.health_status)
        container.pop("reason", None)
        for member, value in (
            ("runtimeId", seen.runtime_id),
            ("imageDigest", seen.image_digest),
            ("exitCode", seen.exit_code),
            ("reason", seen.reason),
        ):
            if value is not None:
                container[member] = value
    task["healthStatus"] = state.health_status
    if state.host_ports:
        task["hostPorts"] = {str(port): host_port for port, host_port in state.host_ports.items()}
    for attribute, member in _TIMES.items():
        moment: datetime | None = getattr(state, attribute)
        if moment is not None:
            task[member] = moment.timestamp()
    if state.connectivity_at is not None:
        task["connectivity"] = "CONNECTED"
    if state.last_status in ("STOPPING", "DEPROVISIONING", "STOPPED"):
        task.setdefault("stopCode", state.stop_code or "EssentialContainerExited")
        task.setdefault("stoppedReason", state.stopped_reason or "Essential container in task exited")
        task.setdefault("stoppingAt", ctx.now())
    if state.last_status == "STOPPED":
        stopped(ctx, task)
    elif state.last_status == "RUNNING" and any(target["state"] == "new" for target in task["targets"]):
        advance(ctx, task, "ACTIVATING")
    else:
        advance(ctx, task, state.last_status)


def advance(ctx: Context, task: Document, status: str) -> None:
    """Move ``lastStatus`` on; never back."""
    if _LIFECYCLE.index(status) <= _LIFECYCLE.index(task["lastStatus"]):
        return
    task["lastStatus"] = status
    if status in ("STOPPING", "DEPROVISIONING", "STOPPED"):
        task["desiredStatus"] = "STOPPED"
    _changed(ctx, task)


def request_stop(ctx: Context, task: Document, *, code: str, reason: str) -> None:
    """Want a task stopped; the first reason stays. Its targets drain before its containers are stopped."""
    if task["desiredStatus"] == "STOPPED":
        return
    task.update(desiredStatus="STOPPED", stopCode=code, stoppedReason=reason, stoppingAt=ctx.now())
    if any(target["state"] == "registered" for target in task["targets"]):
        task["lastStatus"] = "DEACTIVATING"
    _changed(ctx, task)


def stopped(ctx: Context, task: Document) -> None:
    """A task that has ended."""
    task.setdefault("stoppedAt", ctx.now())
    task["connectivity"] = "DISCONNECTED"
    for attachment in task["attachments"]:
        attachment["status"] = "DELETED"
    for container in task["containers"]:
        container["lastStatus"] = "STOPPED"
    advance(ctx, task, "STOPPED")


def is_over(task: Document) -> bool:
    """Stopped, and no target group knows it any more."""
    return task["lastStatus"] == "STOPPED" and all(t["state"] in ("new", "gone") for t in task["targets"])


def run_of(ctx: Context, task: Document) -> TaskRun:
    """The task as the runner wants it."""
    definition = ctx.store.get("task_definition", task["taskDefinitionArn"])
    if definition is None:
        raise LookupError(f"{task['taskDefinitionArn']} is gone")
    return TaskRun(
        arn=task["taskArn"],
        cluster=task["clusterArn"],
        region=ctx.region,
        group=task["group"],
        zone=task["availabilityZone"],
        private_ip=task["privateIp"],
        subnet_id=task["subnetId"],
        definition=snapshot(definition),
        overrides=snapshot(task["overrides"]),
    )


def short_id(task: Mapping[str, Any]) -> str:
    """The id that service events show."""
    return last_part(task["taskArn"])


def _changed(ctx: Context, task: Document) -> None:
    task["version"] += 1
    ctx.events.task_changed(snapshot(task))


def _attachment(region: str, subnet_id: str, address: str) -> dict[str, Any]:
    details = {
        "subnetId": subnet_id,
        "networkInterfaceId": f"eni-{secrets.token_hex(9)[:17]}",
        # A locally administered address: the second hexadecimal digit is 2, 6, A or E.
        "macAddress": ":".join(("02", *(f"{byte:02x}" for byte in secrets.token_bytes(5)))),
        "privateDnsName": f"ip-{address.replace('.', '-')}.{_domain(region)}",
        "privateIPv4Address": address,
    }
    return {
        "id": str(uuid.uuid4()),
        "type": "ElasticNetworkInterface",
        "status": "ATTACHED",
        "details": [{"name": name, "value": value} for name, value in details.items()],
    }


def _container(
    ctx: Context, task_arn: str, container: Mapping[str, Any], attachment_id: str, address: str
) -> dict[str, Any]:
    cluster, task_id = task_arn.split("/")[1:]
    members = {
        "containerArn": ctx.arns.container(cluster, task_id),
        "taskArn": task_arn,
        "name": container["name"],
        "image": container["image"],
        "lastStatus": "PENDING",
        "networkBindings": [],
        "networkInterfaces": [{"attachmentId": attachment_id, "privateIpv4Address": address}],
        "healthStatus": "UNKNOWN",
        "managedAgents": [],
        "cpu": str(container.get("cpu", 0)),
    }
    for member in ("memory", "memoryReservation"):
        if member in container:
            members[member] = str(container[member])
    return members


def _overrides(overrides: Mapping[str, Any], definition: Document) -> dict[str, Any]:
    """AWS lists every container, overridden or not."""
    given = {override.get("name"): override for override in overrides.get("containerOverrides", ())}
    return {
        **overrides,
        "containerOverrides": [
            given.get(container["name"], {"name": container["name"]})
            for container in definition["containerDefinitions"]
        ],
        "inferenceAcceleratorOverrides": [],
    }


def _architecture(definition: Document) -> str:
    return str(definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")).lower()


def _domain(region: str) -> str:
    """The private DNS names of a VPC (VPC User Guide, "DNS attributes for your VPC")."""
    return "ec2.internal" if region == "us-east-1" else f"{region}.compute.internal"
