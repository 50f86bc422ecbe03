"""Requests under another host name, sent to a service that is there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import lb

from ecs_stack.components.ingress import conditions


@dataclass(frozen=True, kw_only=True)
class BorrowedRouteArgs:
    """Requests for ``host`` and ``path`` go to a target group of another stack. ``priority`` is the listener rule's."""

    listener_arn: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    priority: int
    path: str
    host: str | None
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class BorrowedRoute(pulumi.ComponentResource):
    """A listener rule, and nothing else: the service is its owner's."""

    def __init__(self, name: str, args: BorrowedRouteArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:BorrowedRoute", name, {}, opts)
        lb.ListenerRule(
            name,
            listener_arn=args.listener_arn,
            priority=args.priority,
            conditions=conditions(args.path, args.host),
            actions=[lb.ListenerRuleActionArgs(type="forward", target_group_arn=args.target_group_arn)],
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
