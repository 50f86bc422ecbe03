"""boto3's waiters, whose conditions are AWS's own: satisfied when, and only when, they are on AWS."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from botocore.exceptions import WaiterError
from ecs_fakes import FARGATE, GROUP, Cloud, until

pytestmark = pytest.mark.emulator
BALANCERS = [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}]
SERVICE = {"cluster": "dev", "services": ["api"]}


def wait(cloud: Cloud, name: str, *, attempts: int = 100, **params: Any) -> None:
    cloud.ecs.get_waiter(name).wait(**params, WaiterConfig={"Delay": 0.05, "MaxAttempts": attempts})


def held_back(cloud: Cloud, name: str, **params: Any) -> bool:
    """Whether a waiter still waits after a while."""
    try:
        wait(cloud, name, attempts=10, **params)
    except WaiterError as error:
        return "Max attempts exceeded" in str(error)
    return False


def test_services_stable_needs_running_tasks(cloud: Cloud) -> None:
    cloud.create_service(image="manual:1", count=2)
    assert held_back(cloud, "services_stable", **SERVICE)
    assert cloud.runner is not None
    first, second = until(lambda: len(cloud.runner.runs) == 2 and list(cloud.runner.runs))
    cloud.runner.become_running(first)
    assert held_back(cloud, "services_stable", **SERVICE)
    cloud.runner.become_running(second)
    wait(cloud, "services_stable", **SERVICE)


def test_services_stable_needs_one_deployment(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    wait(cloud, "services_stable", **SERVICE)
    cloud.steady()
    cloud.elb.hold_draining = True
    cloud.ecs.update_service(cluster="dev", service="api", taskDefinition=cloud.register("good:2"))
    assert held_back(cloud, "services_stable", **SERVICE)
    cloud.elb.hold_draining = False
    wait(cloud, "services_stable", **SERVICE)
    assert cloud.describe()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_services_stable_after_a_rollback(cloud: Cloud) -> None:
    """On AWS too a rollback ends stable: only the revision tells that it wasn't what was asked for."""
    cloud.create_service(
        loadBalancers=BALANCERS,
        deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}},
    )
    first = cloud.steady()["taskDefinition"]
    cloud.ecs.update_service(cluster="dev", service="api", taskDefinition=cloud.register("crash:2"))
    wait(cloud, "services_stable", **SERVICE)
    assert cloud.describe()["taskDefinition"] == first


def test_services_stable_fails_for_a_service_that_is_missing_or_deleted(cloud: Cloud) -> None:
    cloud.create_service(image="manual:1")
    with pytest.raises(WaiterError, match="terminal failure"):
        wait(cloud, "services_stable", cluster="dev", services=["ghost"])
    cloud.ecs.delete_service(cluster="dev", service="api", force=True)
    with pytest.raises(WaiterError, match="terminal failure"):
        wait(cloud, "services_stable", **SERVICE)


def test_services_inactive_needs_stopped_tasks(cloud: Cloud) -> None:
    cloud.create_service()
    cloud.steady()
    assert cloud.runner is not None
    cloud.runner.hold_stops = True
    cloud.ecs.delete_service(cluster="dev", service="api", force=True)
    assert held_back(cloud, "services_inactive", **SERVICE)
    cloud.runner.hold_stops = False
    for arn in cloud.runner.running():
        cloud.runner.stop(arn, stop_code="x", reason="x")
    wait(cloud, "services_inactive", **SERVICE)


def test_tasks_running_and_stopped(cloud: Cloud) -> None:
    cloud.ecs.create_cluster(clusterName="dev")
    arn = cloud.ecs.run_task(cluster="dev", taskDefinition=cloud.register("manual:1"), **FARGATE)["tasks"][0]["taskArn"]
    task = {"cluster": "dev", "tasks": [arn]}
    assert held_back(cloud, "tasks_running", **task)
    assert held_back(cloud, "tasks_stopped", **task)
    assert cloud.runner is not None
    threading.Timer(0.2, cloud.runner.become_running, [arn]).start()
    wait(cloud, "tasks_running", **task)
    cloud.runner.hold_stops = True
    cloud.ecs.stop_task(cluster="dev", task=arn)
    assert held_back(cloud, "tasks_stopped", **task)
    cloud.runner.kill(arn)
    wait(cloud, "tasks_stopped", **task)
    with pytest.raises(WaiterError, match="terminal failure"):
        wait(cloud, "tasks_running", **task)
