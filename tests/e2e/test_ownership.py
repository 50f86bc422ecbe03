"""What ECS or the autoscaler moved at run time, an `up` does not move back."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]

SCALED = DEV.replace("count: 2", "scale: {min: 1, max: 3, cpu: 60, memory: 70}")


def test_a_count_that_the_autoscaler_set_stays(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    project = make_project({"dev": SCALED})
    project.run("up", "dev", "--yes")
    scaling, ecs = project.client("application-autoscaling"), project.client("ecs")
    (target,) = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (1, 3)
    assert target["ResourceId"] == "service/dev/api"
    policies = scaling.describe_scaling_policies(ServiceNamespace="ecs")["ScalingPolicies"]
    tracked = {
        p["TargetTrackingScalingPolicyConfiguration"]["PredefinedMetricSpecification"]["PredefinedMetricType"]: p[
            "TargetTrackingScalingPolicyConfiguration"
        ]["TargetValue"]
        for p in policies
    }
    assert tracked == {"ECSServiceAverageCPUUtilization": 60, "ECSServiceAverageMemoryUtilization": 70}

    # The call that Application Auto Scaling makes.
    ecs.update_service(cluster="dev", service="api", desiredCount=2)
    project.run("preview", "dev", "--exit-code", code=0)
    project.edit("dev", "GREETING: hello", "GREETING: changed")
    project.run("up", "dev", "--yes")
    (service,) = ecs.describe_services(cluster="dev", services=["api"])["services"]
    assert (service["desiredCount"], service["runningCount"]) == (2, 2)

    project.run("destroy", "dev", "--yes")
    assert scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"] == []
    assert project.containers(all=True) == []
