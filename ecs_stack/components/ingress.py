"""The way from a load balancer's listener to the tasks of a service."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import lb, vpc

from ecs_stack.rules import names


@dataclass(frozen=True, kw_only=True)
class HealthCheckArgs:
    """How a target group checks its targets. ``interval``, ``timeout``, ``grace_period`` are in seconds."""

    path: str = "/"
    interval: int = 10
    timeout: int = 5
    healthy_threshold: int = 2
    unhealthy_threshold: int = 3
    matcher: str = "200"
    grace_period: int = 30


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """Which requests of a listener go to a service: those for ``host`` (None: any) and ``path``.

    ``priority`` is the listener rule's, unique on the listener: ``ecs_stack.rules.routes.priorities`` makes
    them. ``deregistration_delay`` is in seconds. The tasks join ``tasks_security_group_id``, which the load balancer's
    own group lets out to.
    """

    listener_arn: pulumi.Input[str]
    load_balancer_security_group_id: pulumi.Input[str]
    tasks_security_group_id: pulumi.Input[str]
    priority: int
    path: str = "/*"
    host: str | None = None
    health: HealthCheckArgs = HealthCheckArgs()
    deregistration_delay: int = 30


class Ingress(pulumi.ComponentResource):
    """A target group with its listener rule, and the way in through the tasks' own security group."""

    port: int
    target_group_arn: pulumi.Output[str]
    """Known once a listener sends requests to the group: before, ECS refuses a service that names it."""

    def __init__(
        self,
        name: str,
        args: IngressArgs,
        *,
        vpc_id: pulumi.Input[str],
        security_group_id: pulumi.Input[str],
        port: int,
        tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        super().__init__("ecs-stack:index:Ingress", name, {}, opts)
        self.port = port
        child = pulumi.ResourceOptions(parent=self)
        group = lb.TargetGroup(
            names.auto(name, names.TARGET_GROUP),
            target_type="ip",
            protocol="HTTP",
            port=port,
            vpc_id=vpc_id,
            deregistration_delay=args.deregistration_delay,
            health_check=lb.TargetGroupHealthCheckArgs(
                enabled=True,
                protocol="HTTP",
                port="traffic-port",
                path=args.health.path,
                interval=args.health.interval,
                timeout=args.health.timeout,
                healthy_threshold=args.health.healthy_threshold,
                unhealthy_threshold=args.health.unhealthy_threshold,
                matcher=args.health.matcher,
            ),
            tags=tags,
            opts=child,
        )
        rule = lb.ListenerRule(
            name,
            listener_arn=args.listener_arn,
            priority=args.priority,
            conditions=conditions(args.path, args.host),
            actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=group.arn)],
            tags=tags,
            opts=child,
        )
        vpc.SecurityGroupIngressRule(
            f"{name}-from-lb",
            security_group_id=security_group_id,
            referenced_security_group_id=args.load_balancer_security_group_id,
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            description="Requests and health checks of the load balancer",
            tags=tags,
            opts=child,
        )
        self.target_group_arn = pulumi.Output.all(group.arn, rule.arn).apply(lambda known: str(known[0]))
        self.register_outputs({"target_group_arn": self.target_group_arn})


def conditions(path: str, host: str | None) -> list[lb.ListenerRuleConditionArgs]:
    """What a listener rule asks of a request: the path, and the host if there is one."""
    paths = lb.ListenerRuleConditionPathPatternArgs(values=[path])
    found = [lb.ListenerRuleConditionArgs(path_pattern=paths)]
    if host is not None:
        hosts = lb.ListenerRuleConditionHostHeaderArgs(values=[host])
        found.append(lb.ListenerRuleConditionArgs(host_header=hosts))
    return found
