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
from ecs_stack.spec.loading import TEMPLATE, json_schema, load, load_all, names
from ecs_stack.spec.service import Deploy, Health, Permission, Route, Scale, Service
from ecs_stack.spec.state import State
from ecs_stack.spec.template import ANY, Ephemeral, Request, load_ephemeral, template_schema

__all__ = [
    "ANY",
    "TEMPLATE",
    "Capacity",
    "Cluster",
    "Deploy",
    "Environment",
    "Ephemeral",
    "Health",
    "LoadBalancer",
    "Monitoring",
    "Network",
    "Permission",
    "Request",
    "Route",
    "Scale",
    "Service",
    "State",
    "billables",
    "json_schema",
    "load",
    "load_all",
    "load_ephemeral",
    "names",
    "task_billables",
    "template_schema",
]
