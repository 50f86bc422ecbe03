"""The resource types, a module a part of a service."""

from __future__ import annotations

from ..resource import ResourceType
from . import (
    acm,
    appautoscaling,
    ecs_clusters,
    ecs_services,
    ecs_tasks,
    gateways,
    iam,
    iam_policies,
    listeners,
    load_balancers,
    logs,
    network,
    route53,
    routing,
    security_groups,
    target_groups,
)

TYPES: tuple[type[ResourceType], ...] = (
    *network.TYPES,
    *gateways.TYPES,
    *routing.TYPES,
    *security_groups.TYPES,
    *ecs_clusters.TYPES,
    *ecs_tasks.TYPES,
    *ecs_services.TYPES,
    *load_balancers.TYPES,
    *target_groups.TYPES,
    *listeners.TYPES,
    *iam.TYPES,
    *iam_policies.TYPES,
    *logs.TYPES,
    *appautoscaling.TYPES,
    *acm.TYPES,
    *route53.TYPES,
)
