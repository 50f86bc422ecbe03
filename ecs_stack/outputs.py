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
class RouteOutputs:
    """The requests that reach a service: ``host`` None is any."""

    path: str = "/*"
    host: str | None = None


@dataclass(frozen=True, kw_only=True)
class LoadBalancerOutputs:
    """The load balancer and the listener that services add their rules to.

    ``domain`` is where it answers beside ``dns_name``; ``zone`` the hosted zone in Route 53 in which its records were
    made, None if they are made by hand.
    ``security_group_id`` is its own; ``tasks_security_group_id`` the one that it lets out to, and that the tasks of
    ephemeral environments join: None if the environment hosts none.
    """

    arn: str
    dns_name: str
    listener_arn: str
    listener_port: int
    listener_protocol: str = "HTTP"
    domain: str | None = None
    zone: str | None = None
    security_group_id: str | None = None
    tasks_security_group_id: str | None = None

    @property
    def address(self) -> str:
        """The name that people use: the domain where it is in the certificate or in the DNS, AWS's name otherwise."""
        named = self.domain if self.zone or self.listener_protocol == "HTTPS" else None
        return named or self.dns_name


@dataclass(frozen=True, kw_only=True)
class PipelineOutputs:
    """The roles that pipelines take; ``boundary_arn`` is the permissions boundary of the roles that they make.

    ``preview_role_arn`` is None if the environment hosts no ephemeral ones.
    """

    deploy_role_arn: str
    preview_role_arn: str | None
    boundary_arn: str


@dataclass(frozen=True, kw_only=True)
class EphemeralOutputs:
    """What makes an environment an ephemeral one. ``created`` and ``expires`` are as ``rules.ephemeral.stamp`` writes.

    ``spec`` is what it was made from (``spec.Ephemeral``), ``priorities`` are its listener rules', by service. A
    prune leaves one with ``protect`` alone.
    """

    host: str
    owner: str
    created: str
    expires: str
    spec: Mapping[str, Any]
    priorities: Mapping[str, int] = field(default_factory=dict)
    branch: str | None = None
    sha: str | None = None
    protect: bool = False


@dataclass(frozen=True, kw_only=True)
class StackOutputs:
    """Everything that the operations verbs know of an environment.

    ``billables`` is what it costs, without prices; None if a version of ecs-stack applied it that didn't record that.
    ``private_subnet_ids`` and ``capacity`` (weights by capacity provider) are for what stands on it; empty if an older
    version applied it. ``ephemeral`` is None for every other environment, ``pipelines`` for one without ``ci``.
    """

    environment: str
    region: str
    vpc_id: str
    cluster_name: str
    cluster_arn: str
    load_balancer: LoadBalancerOutputs | None = None
    services: Mapping[str, ServiceOutputs] = field(default_factory=dict)
    private_subnet_ids: tuple[str, ...] = ()
    capacity: Mapping[str, int] = field(default_factory=dict)
    ephemeral: EphemeralOutputs | None = None
    billables: tuple[Billable, ...] | None = None
    pipelines: PipelineOutputs | None = None
    version: int = VERSION

    @property
    def account(self) -> str:
        """The AWS account that the environment is in."""
        return self.cluster_arn.split(":")[4]

    @property
    def borrowed(self) -> dict[str, RouteOutputs]:
        """The host's services that answer in an ephemeral environment; none in any other."""
        routes = self.ephemeral.spec.get("borrowed", {}) if self.ephemeral else {}
        return {name: RouteOutputs(**route) for name, route in routes.items()}

    @property
    def forwarded(self) -> set[str]:
        """Those of them to which its own listener rules forward; the host's rules do to the rest."""
        return self.borrowed.keys() - (set(self.ephemeral.spec.get("inherited", ())) if self.ephemeral else set())

    @property
    def routes(self) -> dict[str, RouteOutputs]:
        """What reaches each service that has a route, borrowed ones included."""
        return {
            **self.borrowed,
            **{s.name: RouteOutputs(path=s.path, host=s.host) for s in self.services.values() if s.path is not None},
        }

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
        fields = {name: _whole(each) for name, each in value.items()}
        balancer = fields.get("load_balancer")
        fields["load_balancer"] = LoadBalancerOutputs(**balancer) if balancer else None
        fields["services"] = {name: ServiceOutputs(**s) for name, s in (fields.get("services") or {}).items()}
        charged = fields.get("billables")
        fields["billables"] = None if charged is None else tuple(Billable(**_counts(each)) for each in charged)
        ephemeral = fields.get("ephemeral")
        fields["ephemeral"] = EphemeralOutputs(**ephemeral) if ephemeral else None
        pipelines = fields.get("pipelines")
        fields["pipelines"] = PipelineOutputs(**pipelines) if pipelines else None
        fields["private_subnet_ids"] = tuple(fields.get("private_subnet_ids") or ())
        fields["version"] = fields.get("version", 0)
        return cls(**fields)


def _whole(value: Any) -> Any:
    """The engine hands numbers back as floats; all of ours are whole."""
    if isinstance(value, Mapping):
        return {name: _whole(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_whole(each) for each in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _counts(billable: Mapping[str, Any]) -> dict[str, Any]:
    return {**billable, "count": int(billable["count"]), "max_count": int(billable["max_count"])}
