"""The table of operations: what the local Amazon ECS does. What isn't here is refused by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecs_stack.local.ecs import clusters, service_history, services, settings, tags, task_definitions, tasks
from ecs_stack.local.ecs.context import Context, Params, Result


@dataclass(frozen=True)
class Operation:
    """``handler`` runs inside a transaction. ``look_up`` runs before it, and may ask other services."""

    handler: Callable[..., Result]
    look_up: Callable[[Context, Params], Any] | None = None

    def __call__(self, ctx: Context, params: Params, facts: Any) -> Result:
        """The operation's result."""
        return self.handler(ctx, params) if self.look_up is None else self.handler(ctx, params, facts)


OPERATIONS: dict[str, Operation] = {
    "CreateCluster": Operation(clusters.create),
    "DescribeClusters": Operation(clusters.describe),
    "ListClusters": Operation(clusters.list_all),
    "UpdateCluster": Operation(clusters.update),
    "UpdateClusterSettings": Operation(clusters.update_settings),
    "PutClusterCapacityProviders": Operation(clusters.put_capacity_providers),
    "DeleteCluster": Operation(clusters.delete),
    "DescribeCapacityProviders": Operation(clusters.describe_capacity_providers),
    "ListContainerInstances": Operation(clusters.list_container_instances),
    "RegisterTaskDefinition": Operation(task_definitions.register),
    "DescribeTaskDefinition": Operation(task_definitions.describe),
    "ListTaskDefinitions": Operation(task_definitions.list_all),
    "ListTaskDefinitionFamilies": Operation(task_definitions.list_families),
    "DeregisterTaskDefinition": Operation(task_definitions.deregister),
    "DeleteTaskDefinitions": Operation(task_definitions.delete),
    "CreateService": Operation(services.create, services.look_up),
    "DescribeServices": Operation(services.describe),
    "ListServices": Operation(services.list_all),
    "UpdateService": Operation(services.update, services.look_up),
    "DeleteService": Operation(services.delete),
    "ListServiceDeployments": Operation(service_history.list_deployments),
    "DescribeServiceDeployments": Operation(service_history.describe_deployments),
    "DescribeServiceRevisions": Operation(service_history.describe_revisions),
    "StopServiceDeployment": Operation(service_history.stop_deployment),
    "RunTask": Operation(tasks.run, tasks.look_up),
    "StopTask": Operation(tasks.stop),
    "DescribeTasks": Operation(tasks.describe),
    "ListTasks": Operation(tasks.list_all),
    "UpdateTaskProtection": Operation(tasks.update_protection),
    "GetTaskProtection": Operation(tasks.get_protection),
    "TagResource": Operation(tags.tag_resource),
    "UntagResource": Operation(tags.untag_resource),
    "ListTagsForResource": Operation(tags.list_tags),
    "ListAccountSettings": Operation(settings.list_all),
    "PutAccountSetting": Operation(settings.put),
    "PutAccountSettingDefault": Operation(settings.put),
    "DeleteAccountSetting": Operation(settings.delete),
}
