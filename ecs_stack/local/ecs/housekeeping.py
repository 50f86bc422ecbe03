"""What AWS forgets after a while, forgotten here too."""

from __future__ import annotations

from collections.abc import Callable

from ecs_stack.local.ecs import idempotency, task_definitions
from ecs_stack.local.ecs.arns import region_of
from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.store import Store
from ecs_stack.local.ecs.task_documents import is_over

#: API Reference, DescribeTasks: stopped tasks show for at least an hour.
_STOPPED_TASKS = 3600.0
#: API Reference, DeleteService and DeleteCluster: INACTIVE ones show for an unnamed while.
_INACTIVE = 24 * 3600.0
#: API Reference, ListServiceDeployments: the last 90 days.
_HISTORY = 90 * 24 * 3600.0


def clean(store: Store, context: Callable[[str], Context]) -> None:
    """Drop old documents; inside a transaction."""
    regions = {region_of(cluster["clusterArn"]) for cluster in store.all("cluster")}
    for region in regions:
        _clean_region(context(region))
    for ctx in map(context, sorted(regions)[:1]):
        idempotency.forget_old(ctx)
        _clean_shared(ctx)


def _clean_region(ctx: Context) -> None:
    used = [task["taskDefinitionArn"] for task in ctx.store.all("task") if task["lastStatus"] != "STOPPED"]
    for service in ctx.store.all("service"):
        used += [deployment["taskDefinition"] for deployment in service["deployments"]]
    task_definitions.forget_deleted(ctx, used)


def _clean_shared(ctx: Context) -> None:
    now = ctx.now()
    for task in ctx.store.all("task"):
        if is_over(task) and task["stoppedAt"] < now - _STOPPED_TASKS:
            ctx.store.delete("task", task["taskArn"])
    for kind, key in (("service", "serviceArn"), ("cluster", "clusterArn")):
        for document in ctx.store.all(kind):
            if document["status"] == "INACTIVE" and document["deletedAt"] < now - _INACTIVE:
                ctx.store.delete(kind, document[key])
    for record in ctx.store.all("service_deployment"):
        if record.get("finishedAt", now) < now - _HISTORY:
            ctx.store.delete("service_deployment", record["serviceDeploymentArn"])
