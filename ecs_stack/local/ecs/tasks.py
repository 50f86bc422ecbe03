"""Tasks: RunTask, StopTask, DescribeTasks, ListTasks and task protection."""

from __future__ import annotations

from collections import Counter
from typing import Any

from ecs_stack.local.ecs import capacity, network, task_documents, task_overrides
from ecs_stack.local.ecs.arns import last_part
from ecs_stack.local.ecs.clusters import active
from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import client_error, invalid, service_not_found
from ecs_stack.local.ecs.idempotency import remember_request, repeated_request
from ecs_stack.local.ecs.paging import page
from ecs_stack.local.ecs.roles import role_problem, roles_of
from ecs_stack.local.ecs.store import Document
from ecs_stack.local.ecs.tags import checked, without_tags
from ecs_stack.local.ecs.task_definitions import find, runnable

#: API Reference, RunTask: count; DescribeTasks: tasks.
_RUN_LIMIT = 10
_DESCRIBE_LIMIT = 100
#: API Reference, UpdateTaskProtection: expiresInMinutes.
_PROTECTION_MINUTES = (1, 2880)
_PROTECTION_DEFAULT = 120


def look_up(ctx: Context, params: Params) -> list[Document]:
    """The subnets of a RunTask request, and whether its roles can be assumed; outside of transactions."""
    with ctx.store.transaction():
        definition = find(ctx, params["taskDefinition"]) or {}
        roles = roles_of(definition, params.get("overrides", {}))
    problem = role_problem(ctx.client("iam"), roles)
    if problem is not None:
        raise client_error(problem)
    return network.look_up_subnets(ctx, params)


def run(ctx: Context, params: Params, subnets: list[Document]) -> Result:
    """RunTask: up to ten tasks that nobody replaces."""
    count = params.get("count", 1)
    if not 1 <= count <= _RUN_LIMIT:
        raise invalid(f"count must be between 1 and {_RUN_LIMIT}.")
    if params.get("group", "").startswith(("service:", "family:")):
        raise invalid("Invalid namespace for group.")
    cluster = active(ctx, params.get("cluster"))
    earlier = repeated_request(ctx, "RunTask", params)
    if earlier is not None:
        return {"tasks": [t for arn in earlier if (t := ctx.store.get("task", arn))], "failures": []}
    definition = runnable(ctx, params["taskDefinition"])
    launch = capacity.resolve(cluster, definition, params)
    configuration = network.checked_configuration(params)
    overrides = params.get("overrides", {})
    task_overrides.check(overrides, definition)
    if params.get("volumeConfigurations"):
        raise invalid("volumeConfigurations needs a volume that is configured at launch.")
    network.remember(ctx, subnets)
    tasks: list[Document] = []
    failures: list[dict[str, str]] = []
    for _ in range(count):
        spot = network.place(ctx, configuration, tasks)
        if spot is None:
            failures.append({"arn": definition["taskDefinitionArn"], "reason": "RESOURCE:ENI"})
            continue
        tasks.append(
            task_documents.build(
                ctx,
                cluster,
                definition,
                spot,
                overrides=overrides,
                group=params.get("group", f"family:{definition['family']}"),
                enableExecuteCommand=params.get("enableExecuteCommand", False),
                tags=_tags(params, cluster, definition),
                **({"startedBy": params["startedBy"]} if "startedBy" in params else {}),
                **launch_members(launch, tasks),
            )
        )
    remember_request(ctx, "RunTask", params, [task["taskArn"] for task in tasks])
    ctx.wake()
    return {"tasks": tasks, "failures": failures}


def launch_members(launch: dict[str, Any], siblings: list[Document]) -> dict[str, Any]:
    """A task's launch type, capacity provider and platform version."""
    members: dict[str, Any] = {"launchType": launch.get("launchType", "FARGATE")}
    if launch.get("capacityProviderStrategy"):
        used = Counter(str(task.get("capacityProviderName")) for task in siblings)
        members["capacityProviderName"] = capacity.choose_provider(launch["capacityProviderStrategy"], used)
    if members["launchType"] == "FARGATE":
        version = launch.get("platformVersion", "LATEST")
        members["platformVersion"] = task_documents.PLATFORM_VERSION if version == "LATEST" else version
    return members


def stop(ctx: Context, params: Params) -> Result:
    """StopTask. A task of a service is replaced; a stopped task is answered as it is."""
    arn = _task_arn(ctx, params)
    if ctx.store.get("task", arn) is None:
        raise invalid("The referenced task was not found.")
    task = ctx.store.edit("task", arn)
    task_documents.request_stop(ctx, task, code="UserInitiated", reason=params.get("reason", "Task stopped by user"))
    ctx.wake()
    return {"task": task}


def describe(ctx: Context, params: Params) -> Result:
    """DescribeTasks."""
    cluster = active(ctx, params.get("cluster"))
    if not params["tasks"]:
        raise invalid("Tasks cannot be empty.")
    if len(params["tasks"]) > _DESCRIBE_LIMIT:
        raise invalid(f"Tasks cannot have more than {_DESCRIBE_LIMIT} elements.")
    found, failures = [], []
    for name in params["tasks"]:
        arn = f"arn:aws:ecs:{ctx.region}:{ctx.account}:task/{cluster['clusterName']}/{last_part(name)}"
        task = ctx.store.get("task", arn)
        if task is None or (name.startswith("arn:") and name != arn):
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(without_tags(task, params.get("include", [])))
    return {"tasks": found, "failures": failures}


def list_all(ctx: Context, params: Params) -> Result:
    """ListTasks. Without ``desiredStatus`` those that are meant to run."""
    cluster = active(ctx, params.get("cluster"))
    if "containerInstance" in params or "daemonName" in params:
        raise invalid("This cluster has no container instances and no daemons.")
    service = None
    if "serviceName" in params:
        service = ctx.arns.service(cluster["clusterName"], last_part(params["serviceName"]))
        if ctx.store.get("service", service) is None:
            raise service_not_found()
    chosen = [
        task["taskArn"]
        for task in ctx.store.all("task")
        if task["clusterArn"] == cluster["clusterArn"]
        and task["desiredStatus"] == params.get("desiredStatus", "RUNNING")
        and (service is None or task.get("serviceArn") == service)
        and _family(task) == params.get("family", _family(task))
        and task["launchType"] == params.get("launchType", task["launchType"])
        and task.get("startedBy") == params.get("startedBy", task.get("startedBy"))
    ]
    return page(params, chosen, "taskArns")


def update_protection(ctx: Context, params: Params) -> Result:
    """UpdateTaskProtection: keeps scale-ins and deployments from stopping a task, for a time."""
    low, high = _PROTECTION_MINUTES
    minutes = params.get("expiresInMinutes", _PROTECTION_DEFAULT)
    if not low <= minutes <= high:
        raise invalid(f"expiresInMinutes must be between {low} and {high}.")
    for task in _protectable(ctx, params):
        task["protectedUntil"] = ctx.now() + minutes * 60 if params["protectionEnabled"] else 0
    return get_protection(ctx, params)


def get_protection(ctx: Context, params: Params) -> Result:
    """GetTaskProtection."""
    protected = []
    for task in _protectable(ctx, params):
        enabled = task.get("protectedUntil", 0) > ctx.now()
        expiry = {"expirationDate": task["protectedUntil"]} if enabled else {}
        protected.append({"taskArn": task["taskArn"], "protectionEnabled": enabled, **expiry})
    known = {last_part(item["taskArn"]) for item in protected}
    missing = [name for name in params.get("tasks", []) if last_part(name) not in known]
    return {
        "protectedTasks": protected,
        "failures": [{"arn": name, "reason": "TASK_NOT_VALID"} for name in missing],
    }


def _task_arn(ctx: Context, params: Params) -> str:
    """The ARN of the request's task, given by id or ARN."""
    cluster = active(ctx, params.get("cluster"))
    return f"arn:aws:ecs:{ctx.region}:{ctx.account}:task/{cluster['clusterName']}/{last_part(params['task'])}"


def _protectable(ctx: Context, params: Params) -> list[Document]:
    cluster = active(ctx, params["cluster"])
    wanted = {last_part(name) for name in params.get("tasks", [])}
    return [
        ctx.store.edit("task", task["taskArn"])
        for task in ctx.store.all("task")
        if task["clusterArn"] == cluster["clusterArn"]
        and "serviceArn" in task
        and task["desiredStatus"] == "RUNNING"
        and (not wanted or last_part(task["taskArn"]) in wanted)
    ]


def _family(task: Document) -> str:
    return str(task["taskDefinitionArn"]).split("/")[-1].split(":")[0]


def _tags(params: Params, cluster: Document, definition: Document) -> list[dict[str, str]]:
    propagate = params.get("propagateTags", "NONE")
    if propagate == "SERVICE":
        raise invalid("propagateTags SERVICE is for tasks of services.")
    tags = {tag["key"]: tag for tag in (definition["tags"] if propagate == "TASK_DEFINITION" else [])}
    tags |= {tag["key"]: tag for tag in checked(params.get("tags", []))}
    if params.get("enableECSManagedTags"):
        tags["aws:ecs:clusterName"] = {"key": "aws:ecs:clusterName", "value": cluster["clusterName"]}
    return list(tags.values())
