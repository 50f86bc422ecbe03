"""Target tracking: the number of tasks follows their load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import appautoscaling

_METRICS = {"cpu": "ECSServiceAverageCPUUtilization", "memory": "ECSServiceAverageMemoryUtilization"}


@dataclass(frozen=True, kw_only=True)
class AutoscalingArgs:
    """``min`` and ``max`` are numbers of tasks; ``cpu`` and ``memory`` the average use to keep, in percent.

    The service has to exist: pass its name as an output of the service. It must leave ``desiredCount`` alone.
    """

    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    min: int
    max: int
    cpu: int | None = None
    memory: int | None = None
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class Autoscaling(pulumi.ComponentResource):
    """A scalable target and a policy for each of CPU and memory that has a target.

    With two policies there are as many tasks as the hungrier one wants.
    """

    resource_id: pulumi.Output[str]

    def __init__(self, name: str, args: AutoscalingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:Autoscaling", name, {}, opts)
        target = appautoscaling.Target(
            name,
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", args.cluster_name, "/", args.service_name),
            min_capacity=args.min,
            max_capacity=args.max,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        for measure, value in (("cpu", args.cpu), ("memory", args.memory)):
            if value is None:
                continue
            appautoscaling.Policy(
                f"{name}-{measure}",
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                target_tracking_scaling_policy_configuration=(
                    appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationArgs(
                        target_value=float(value),
                        predefined_metric_specification=appautoscaling.PolicyTargetTrackingScalingPolicyConfigurationPredefinedMetricSpecificationArgs(
                            predefined_metric_type=_METRICS[measure]
                        ),
                    )
                ),
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.resource_id = target.resource_id
        self.register_outputs({"resource_id": self.resource_id})
