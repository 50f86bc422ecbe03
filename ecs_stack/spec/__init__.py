"""What an environment is: frozen models, loaded from ``envs/NAME.yaml``.

>>> environment = spec.load(Path("."), "dev")
>>> environment.services["api"].cpu
256
"""

from __future__ import annotations

from ecs_stack.spec.billing import billables, task_billables
from ecs_stack.spec.environment import (
    Capacity,
    Cluster,
    Environment,
    LoadBalancer,
    Monitoring,
    Network,
)
from ecs_stack.spec.loading import json_schema, load, names
from ecs_stack.spec.service import Deploy, Health, Permission, Route, Scale, Service

__all__ = [
    "Capacity",
    "Cluster",
    "Deploy",
    "Environment",
    "Health",
    "LoadBalancer",
    "Monitoring",
    "Network",
    "Permission",
    "Route",
    "Scale",
    "Service",
    "billables",
    "json_schema",
    "load",
    "names",
    "task_billables",
]
