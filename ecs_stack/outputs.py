"""The typed contract of stack outputs: written by ``program``, read by ``environment`` and ``operations``.

A stack exports one output, ``ecs_stack``, whose value is ``StackOutputs.to_dict()``; ``outputs`` adds nothing
to it. Nothing here is secret.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ecs_stack.costs import Billable

EXPORT = "ecs_stack"
#: Raised when a field changes its meaning, so that an older reader refuses a newer state.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class ServiceOutputs:
    """What operations need to know of a service. ``host`` and ``path`` are its route on the load balancer.

    ``image`` and ``task_definition_arn`` are what the last ``up`` asked for.
    """

    name: str
    service_name: str
    service_arn: str
    task_definition_arn: str
    container_name: str
    image: str
    log_group: str
    target_group_arn: str | None = None
    host: str | None = None
    path: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoadBalancerOutputs:
    """The load balancer and its listener."""

    arn: str
    dns_name: str
    listener_arn: str
    listener_port: int


@dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """Everything that the operations verbs know of an environment.

    ``billables`` is what it costs, without prices; None if a version of ecs-stack applied it that didn't record that.
    """

    environment: str
    region: str
    vpc_id: str
    cluster_name: str
    cluster_arn: str
    load_balancer: LoadBalancerOutputs | None = None
    services: Mapping[str, ServiceOutputs] = field(default_factory=dict)
    billables: tuple[Billable, ...] | None = None
    version: int = VERSION

    @property
    def account(self) -> str:
        """The AWS account that the environment is in."""
        return self.cluster_arn.split(":")[4]

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts and strings, as they are exported."""
        return asdict(self)

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> StackOutputs:
        """Read an exported value back.

        Raises ValueError if it was written by a newer version of ecs-stack.
        """
        if int(value.get("version", 0)) > VERSION:
            raise ValueError(f"these outputs have version {value['version']}, this ecs-stack reads {VERSION}")
        fields = dict(value)
        balancer = fields.get("load_balancer")
        fields["load_balancer"] = LoadBalancerOutputs(**_numbers(balancer)) if balancer else None
        fields["services"] = {name: ServiceOutputs(**s) for name, s in (fields.get("services") or {}).items()}
        charged = fields.get("billables")
        fields["billables"] = None if charged is None else tuple(Billable(**_counts(each)) for each in charged)
        fields["version"] = int(fields.get("version", 0))
        return cls(**fields)


def _numbers(balancer: Mapping[str, Any]) -> dict[str, Any]:
    """The engine hands numbers back as floats."""
    return {**balancer, "listener_port": int(balancer["listener_port"])}


def _counts(billable: Mapping[str, Any]) -> dict[str, Any]:
    return {**billable, "count": int(billable["count"]), "max_count": int(billable["max_count"])}
