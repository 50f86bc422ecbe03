"""The ECS cluster and the capacity its tasks run on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pulumi
from pulumi_aws import ecs


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """``fargate`` and ``fargate_spot`` are the weights of the default strategy: 0 leaves one out."""

    cluster_name: pulumi.Input[str]
    fargate: int = 1
    fargate_spot: int = 0
    container_insights: Literal["disabled", "enabled", "enhanced"] = "disabled"
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class Cluster(pulumi.ComponentResource):
    """A cluster with Fargate's capacity providers.

    Its outputs are known once the capacity providers are attached, so that what uses them can be placed.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    capacity: Mapping[str, int]
    """The weights by capacity provider, for services: they keep theirs when the cluster's default changes."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:Cluster", name, {}, opts)
        weights = {"FARGATE": args.fargate, "FARGATE_SPOT": args.fargate_spot}
        self.capacity = {provider: weight for provider, weight in weights.items() if weight}
        cluster = ecs.Cluster(
            name,
            name=args.cluster_name,
            settings=[ecs.ClusterSettingArgs(name="containerInsights", value=args.container_insights)],
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        attached = ecs.ClusterCapacityProviders(
            name,
            cluster_name=cluster.name,
            capacity_providers=list(weights),
            default_capacity_provider_strategies=[
                ecs.ClusterCapacityProvidersDefaultCapacityProviderStrategyArgs(
                    capacity_provider=provider, weight=weight
                )
                for provider, weight in self.capacity.items()
            ],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.name = attached.cluster_name
        self.arn = pulumi.Output.all(cluster.arn, attached.id).apply(lambda known: str(known[0]))
        self.register_outputs({"name": self.name, "arn": self.arn})
