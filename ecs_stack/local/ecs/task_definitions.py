"""Task definitions: families of revisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ecs_stack.local.ecs import task_definition_rules as rules
from ecs_stack.local.ecs.arns import last_part, region_of
from ecs_stack.local.ecs.capabilities import required_attributes
from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import EcsError, client_error, invalid
from ecs_stack.local.ecs.paging import page
from ecs_stack.local.ecs.store import Document, snapshot
from ecs_stack.local.ecs.tags import checked, without_tags
from ecs_stack.local.ecs.task_size import cpu_units, memory_mib

#: What AWS answers for the members that a container definition leaves out.
_CONTAINER_DEFAULTS: Mapping[str, Any] = {
    "cpu": 0,
    "portMappings": [],
    "essential": True,
    "environment": [],
    "mountPoints": [],
    "volumesFrom": [],
    "systemControls": [],
}
#: API Reference, HealthCheck: defaults, in seconds (retries: a count). startPeriod is off by default.
_HEALTH_DEFAULTS = {"interval": 30, "timeout": 5, "retries": 3}
_DELETE_LIMIT = 10


def register(ctx: Context, params: Params) -> Result:
    """RegisterTaskDefinition: the next revision of the family."""
    rules.check_empty_tags(params)
    rules.check(params)
    tags = checked(params.get("tags", []))
    family = params["family"]
    counter = ctx.store.get("family", f"{ctx.region}/{family}") or {"revision": 0}
    revision = counter["revision"] + 1
    ctx.store.put("family", f"{ctx.region}/{family}", {"revision": revision})
    arn = ctx.arns.task_definition(family, revision)
    document = {
        "placementConstraints": [],
        **snapshot({key: value for key, value in params.items() if key != "tags"}),
        "taskDefinitionArn": arn,
        "containerDefinitions": [_container(c, params) for c in params["containerDefinitions"]],
        "revision": revision,
        "status": "ACTIVE",
        "volumes": [_volume(volume) for volume in params.get("volumes", [])],
        "requiresAttributes": [{"name": name} for name in required_attributes(params)],
        "compatibilities": _compatibilities(params),
        "registeredAt": ctx.now(),
        "registeredBy": ctx.arns.root,
        "tags": tags,
    }
    if "cpu" in params:
        document["cpu"] = str(cpu_units(params["cpu"]))
    if "memory" in params:
        document["memory"] = str(memory_mib(params["memory"]))
    ctx.store.put("task_definition", arn, document)
    return {"taskDefinition": document, "tags": tags}


def describe(ctx: Context, params: Params) -> Result:
    """DescribeTaskDefinition: a family's latest active revision, or any revision by number or ARN."""
    document = find(ctx, params["taskDefinition"])
    if document is None:
        raise client_error("Unable to describe task definition.")
    return {"taskDefinition": document, "tags": without_tags(document, params.get("include", []))["tags"]}


def list_all(ctx: Context, params: Params) -> Result:
    """ListTaskDefinitions, by family and revision. ``familyPrefix`` is a whole family's name, as on AWS."""
    status = params.get("status", "ACTIVE")
    chosen = [
        document
        for document in _region(ctx)
        if document["status"] == status and params.get("familyPrefix", document["family"]) == document["family"]
    ]
    chosen.sort(key=lambda d: (d["family"], d["revision"]), reverse=params.get("sort") == "DESC")
    return page(params, [document["taskDefinitionArn"] for document in chosen], "taskDefinitionArns")


def list_families(ctx: Context, params: Params) -> Result:
    """ListTaskDefinitionFamilies. A family is ACTIVE while one of its revisions is."""
    status = params.get("status", "ALL")
    active = {d["family"] for d in _region(ctx) if d["status"] == "ACTIVE"}
    everything = {d["family"] for d in _region(ctx)}
    chosen = {"ACTIVE": active, "INACTIVE": everything - active, "ALL": everything}[status]
    prefix = params.get("familyPrefix", "")
    return page(params, sorted(name for name in chosen if name.startswith(prefix)), "families")


def deregister(ctx: Context, params: Params) -> Result:
    """DeregisterTaskDefinition: INACTIVE, still describable; what runs from it stays."""
    name = last_part(params["taskDefinition"])
    if ":" not in name:
        raise client_error("Task definition must be given as family:revision or as a full ARN.")
    document = find(ctx, params["taskDefinition"])
    if document is None:
        raise client_error("The specified task definition does not exist.")
    if document["status"] == "ACTIVE":
        document = ctx.store.edit("task_definition", document["taskDefinitionArn"])
        document.update(status="INACTIVE", deregisteredAt=ctx.now())
    return {"taskDefinition": document}


def delete(ctx: Context, params: Params) -> Result:
    """DeleteTaskDefinitions: only INACTIVE ones. They go when nothing uses them any more."""
    names = params["taskDefinitions"]
    if len(names) > _DELETE_LIMIT:
        raise invalid(f"At most {_DELETE_LIMIT} task definitions can be deleted in a call.")
    deleted, failures = [], []
    for name in names:
        document = find(ctx, name)
        if document is None or ":" not in last_part(name):
            failures.append({"arn": name, "reason": "The specified task definition does not exist."})
        elif document["status"] == "ACTIVE":
            failures.append(
                {
                    "arn": document["taskDefinitionArn"],
                    "reason": "The specified task definition is still in ACTIVE status. Please deregister the"
                    " target and try again.",
                }
            )
        else:
            document = ctx.store.edit("task_definition", document["taskDefinitionArn"])
            document.update(status="DELETE_IN_PROGRESS", deleteRequestedAt=ctx.now())
            deleted.append(document)
    return {"taskDefinitions": deleted, "failures": failures}


def find(ctx: Context, name: str) -> Document | None:
    """A task definition by family (its latest active revision), family:revision or ARN, to read."""
    family, _, revision = last_part(name).partition(":")
    if not revision:
        active = [d for d in _region(ctx) if d["family"] == family and d["status"] == "ACTIVE"]
        return max(active, key=lambda d: int(d["revision"]), default=None)
    if not revision.isdigit():
        raise client_error(f"Invalid revision number. Number: {revision}")
    return ctx.store.get("task_definition", ctx.arns.task_definition(family, int(revision)))


def runnable(ctx: Context, name: str) -> Document:
    """A task definition that new tasks can be started from, to read.

    Raises ClientException if there is none, or if it was deregistered.
    """
    document = find(ctx, name)
    if document is None:
        raise client_error("TaskDefinition not found.")
    if document["status"] != "ACTIVE":
        raise client_error("TaskDefinition is inactive")
    return document


def forget_deleted(ctx: Context, used: Iterable[str]) -> None:
    """Drop what DeleteTaskDefinitions was called for and no task or service of ``used`` refers to."""
    in_use = set(used)
    for document in _region(ctx):
        arn = document["taskDefinitionArn"]
        if document["status"] == "DELETE_IN_PROGRESS" and arn not in in_use:
            ctx.store.delete("task_definition", arn)


def _region(ctx: Context) -> list[Document]:
    return [d for d in ctx.store.all("task_definition") if region_of(d["taskDefinitionArn"]) == ctx.region]


def _container(container: Mapping[str, Any], definition: Params) -> dict[str, Any]:
    filled = {**snapshot(dict(_CONTAINER_DEFAULTS)), **snapshot(dict(container))}
    for mapping in filled["portMappings"]:
        mapping.setdefault("protocol", "tcp")
        if "containerPort" in mapping:
            same = definition.get("networkMode") in ("awsvpc", "host")
            mapping["hostPort"] = mapping.get("hostPort") or (mapping["containerPort"] if same else 0)
    if "healthCheck" in filled:
        filled["healthCheck"] = {**_HEALTH_DEFAULTS, **filled["healthCheck"]}
    return filled


def _volume(volume: Mapping[str, Any]) -> dict[str, Any]:
    """A volume without a configuration is a bind mount: AWS answers an empty ``host``."""
    configured = {key for key in volume if key.endswith("Configuration") or key == "configuredAtLaunch"}
    return {**snapshot(dict(volume))} if configured else {"host": {}, **snapshot(dict(volume))}


def _compatibilities(definition: Params) -> list[str]:
    found = ["EC2"]
    try:
        rules.check_fargate(definition)
    except EcsError:
        return [*found, "EXTERNAL"] if definition.get("networkMode") != "awsvpc" else found
    return [*found, "FARGATE"]
