"""A service's task definition: one container, locked down by default."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import pulumi


@dataclass(frozen=True, kw_only=True)
class ContainerArgs:
    """What runs. ``cpu`` is in units (1024 are one vCPU), ``memory`` in MiB, ``stop_timeout`` in seconds.

    The root file system is read-only and the user isn't root unless said otherwise. ``secrets`` are
    references (see ``ecs_stack.rules.secrets``) by environment variable.
    """

    image: pulumi.Input[str]
    cpu: int
    memory: int
    port: int | None = None
    architecture: Literal["X86_64", "ARM64"] = "X86_64"
    command: Sequence[str] | None = None
    entrypoint: Sequence[str] | None = None
    user: str = "1000:1000"
    read_only_root: bool = True
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    stop_timeout: int = 30


def container_definitions(
    name: str,
    args: ContainerArgs,
    *,
    secrets: pulumi.Input[Mapping[str, str]],
    log_group: pulumi.Input[str],
    region: pulumi.Input[str],
) -> pulumi.Output[str]:
    """The container definitions of a task as JSON; ``secrets`` are ARNs by environment variable.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html
    """
    return pulumi.Output.all(
        image=args.image,
        environment=dict(args.environment),
        secrets=secrets,
        log_group=log_group,
        region=region,
    ).apply(lambda known: json.dumps([_container(name, args, known)], sort_keys=True))


def _container(name: str, args: ContainerArgs, known: Mapping[str, Any]) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": name,
        "image": known["image"],
        "essential": True,
        "user": args.user,
        "readonlyRootFilesystem": args.read_only_root,
        "stopTimeout": args.stop_timeout,
        # ECS keeps these lists in an order of its own: sorted, they don't differ for nothing.
        "environment": [{"name": key, "value": value} for key, value in sorted(known["environment"].items())],
        "secrets": [{"name": key, "valueFrom": arn} for key, arn in sorted(known["secrets"].items())],
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": known["log_group"],
                "awslogs-region": known["region"],
                "awslogs-stream-prefix": name,
                # A slow CloudWatch must not stop the service: lines are dropped once 25 MiB wait.
                # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/using_awslogs.html
                "mode": "non-blocking",
                "max-buffer-size": "25m",
            },
        },
    }
    if args.port is not None:
        container["portMappings"] = [{"containerPort": args.port, "hostPort": args.port, "protocol": "tcp"}]
    if args.command is not None:
        container["command"] = list(args.command)
    if args.entrypoint is not None:
        container["entryPoint"] = list(args.entrypoint)
    return container
