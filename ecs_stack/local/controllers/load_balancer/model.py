"""What ELBv2 describes: listeners with their rules, and target groups, read through the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecs_stack.local.controllers.load_balancer import certificates

ClientFactory = Callable[[str, str], Any]

#: The priority of a listener's default rule: after every other one (those go up to 50000).
DEFAULT_PRIORITY = 1_000_000


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """A target group's health check. Times are in seconds; ``port`` is None for the traffic port."""

    enabled: bool
    protocol: str
    port: int | None
    path: str
    interval: float
    timeout: float
    healthy_threshold: int
    unhealthy_threshold: int
    matcher: str

    def matches(self, status: int) -> bool:
        """Whether a status code is in the matcher: ``200``, ``200,202`` or ``200-299``."""
        for part in self.matcher.split(","):
            low, _, high = part.strip().partition("-")
            if low.isdigit() and int(low) <= status <= int(high or low):
                return True
        return False


@dataclass(frozen=True, kw_only=True)
class Group:
    """A target group. ``drain`` is its deregistration delay in seconds."""

    arn: str
    region: str
    vpc_id: str
    target_type: str
    protocol: str
    port: int
    check: HealthCheck
    drain: float
    algorithm: str


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A listener's rule; conditions and actions as the API answers them."""

    priority: int
    conditions: tuple[Mapping[str, Any], ...]
    actions: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, kw_only=True)
class Listener:
    """A listener of an application load balancer, rules by priority, the default last.

    ``idle_timeout`` in seconds is how long a target may take to answer. ``names`` are those that an HTTPS listener's
    certificates are for, its default certificate's own name first.
    """

    arn: str
    protocol: str
    port: int
    balancer: str
    idle_timeout: float
    rules: tuple[Rule, ...]
    names: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """Everything of one region."""

    listeners: tuple[Listener, ...] = ()
    groups: Mapping[str, Group]

    def used_groups(self) -> set[str]:
        """ARNs of the target groups that a listener forwards to."""
        return {
            arn
            for listener in self.listeners
            for rule in listener.rules
            for action in rule.actions
            for arn, _ in forwards(action)
        }


def forwards(action: Mapping[str, Any]) -> list[tuple[str, int]]:
    """Target groups and weights of a forward action, in order; none of any other action."""
    if action["Type"] != "forward":
        return []
    groups = action.get("ForwardConfig", {}).get("TargetGroups")
    if groups:
        return [(group["TargetGroupArn"], int(group.get("Weight", 1))) for group in groups]
    return [(action["TargetGroupArn"], 1)]


def read(clients: ClientFactory, region: str) -> Snapshot:
    """The state of a region now."""
    client = clients("elbv2", region)
    listeners = []
    for balancer in pages(client, "describe_load_balancers", "LoadBalancers"):
        if balancer["Type"] != "application":
            continue
        arn = balancer["LoadBalancerArn"]
        attributes = _attributes(client.describe_load_balancer_attributes(LoadBalancerArn=arn))
        for listener in pages(client, "describe_listeners", "Listeners", LoadBalancerArn=arn):
            described = pages(client, "describe_rules", "Rules", ListenerArn=listener["ListenerArn"])
            listeners.append(
                Listener(
                    arn=listener["ListenerArn"],
                    protocol=listener["Protocol"],
                    port=listener["Port"],
                    balancer=balancer["LoadBalancerName"],
                    # 60 is AWS's default of the attribute.
                    idle_timeout=float(attributes.get("idle_timeout.timeout_seconds", 60)),
                    rules=tuple(sorted((_rule(rule) for rule in described), key=lambda rule: rule.priority)),
                    names=_names(clients, region, listener),
                )
            )
    groups = {}
    for group in pages(client, "describe_target_groups", "TargetGroups"):
        arn = group["TargetGroupArn"]
        groups[arn] = _group(group, _attributes(client.describe_target_group_attributes(TargetGroupArn=arn)), region)
    return Snapshot(listeners=tuple(listeners), groups=groups)


def pages(client: Any, operation: str, key: str, **arguments: Any) -> Iterator[Mapping[str, Any]]:
    """Every item of a describe operation."""
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page[key]


def _names(clients: ClientFactory, region: str, listener: Mapping[str, Any]) -> tuple[str, ...]:
    if listener["Protocol"] != "HTTPS":
        return ()
    where = {"ListenerArn": listener["ListenerArn"]}
    used = clients("elbv2", region).describe_listener_certificates(**where)["Certificates"]
    default_first = sorted(used, key=lambda each: not each["IsDefault"])
    return certificates.names(clients("acm", region), [each["CertificateArn"] for each in default_first])


def _attributes(response: Mapping[str, Any]) -> dict[str, str]:
    return {attribute["Key"]: attribute["Value"] for attribute in response["Attributes"]}


def _rule(rule: Mapping[str, Any]) -> Rule:
    return Rule(
        priority=DEFAULT_PRIORITY if rule["IsDefault"] else int(rule["Priority"]),
        conditions=tuple(rule.get("Conditions", ())),
        actions=tuple(sorted(rule["Actions"], key=lambda action: int(action.get("Order", 1)))),
    )


def _group(group: Mapping[str, Any], attributes: Mapping[str, str], region: str) -> Group:
    port = group.get("HealthCheckPort", "traffic-port")
    return Group(
        arn=group["TargetGroupArn"],
        region=region,
        vpc_id=group.get("VpcId", ""),
        target_type=group.get("TargetType", "instance"),
        protocol=group.get("Protocol", "HTTP"),
        port=int(group.get("Port", 80)),
        check=HealthCheck(
            enabled=bool(group.get("HealthCheckEnabled", True)),
            protocol=group.get("HealthCheckProtocol", "HTTP"),
            port=None if port == "traffic-port" else int(port),
            path=group.get("HealthCheckPath") or "/",
            # AWS's defaults for an ALB's target group (CreateTargetGroup in the API reference).
            interval=float(group.get("HealthCheckIntervalSeconds") or 30),
            timeout=float(group.get("HealthCheckTimeoutSeconds") or 5),
            healthy_threshold=int(group.get("HealthyThresholdCount") or 5),
            unhealthy_threshold=int(group.get("UnhealthyThresholdCount") or 2),
            matcher=group.get("Matcher", {}).get("HttpCode", "200"),
        ),
        drain=float(attributes.get("deregistration_delay.timeout_seconds", 300)),
        algorithm=attributes.get("load_balancing.algorithm.type", "round_robin"),
    )
