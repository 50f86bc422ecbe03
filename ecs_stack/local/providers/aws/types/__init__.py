"""The resource types, a module a service."""

from __future__ import annotations

from ..resource import ResourceType
from . import gateways, iam, logs, network, routing, security_groups

TYPES: tuple[type[ResourceType], ...] = (
    *network.TYPES,
    *gateways.TYPES,
    *routing.TYPES,
    *security_groups.TYPES,
    *iam.TYPES,
    *logs.TYPES,
)
