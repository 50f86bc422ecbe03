"""Rolling deployments, the circuit breaker, readiness and what a service says about it.

The words of events and reasons are those that Amazon ECS writes (Developer Guide, "Amazon ECS service event
messages", "Stopped task error messages").
"""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from botocore.exceptions import ClientError
from ecs_fakes import GROUP, NETWORK, Cloud, definition, until

from ecs_stack.local.ecs import reconciler, service_scheduler

pytestmark = pytest.mark.emulator
BALANCERS = [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}]
BREAKER = {"deploymentCircuitBreaker": {"enable": True, "rollback": True}}
NO_ROLLBACK = {"deploymentCircuitBreaker": {"enable": True, "rollback": False}}


def plain(message: str) -> str:
    """An event without ids."""
    message = re.sub(r"\(task [0-9a-f]{32}\)", "(task)", message)
    return re.sub(r"ecs-svc/\d{19}", "ecs-svc/N", message).removeprefix("(service api) ")


def said(cloud: Cloud) -> list[str]:
    return [plain(message) for message in cloud.messages()]


def deploy(cloud: Cloud, image: str, **more: Any) -> str:
    arn = cloud.register(image)
    cloud.ecs.update_service(cluster="dev", service="api", taskDefinition=arn, **more)
    return arn


def history(cloud: Cloud) -> list[dict[str, Any]]:
    """Service deployments, newest first."""
    arns = [
        brief["serviceDeploymentArn"]
        for brief in cloud.ecs.list_service_deployments(cluster="dev", service="api")["serviceDeployments"]
    ]
    described = cloud.ecs.describe_service_deployments(serviceDeploymentArns=arns)["serviceDeployments"]
    return sorted(described, key=lambda d: d["createdAt"], reverse=True)


def test_a_new_service(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS, deploymentConfiguration=BREAKER)
    service = cloud.steady()
    assert (service["runningCount"], service["pendingCount"], service["desiredCount"]) == (2, 0, 2)
    assert said(cloud) == [
        "has started 2 tasks: (task) (task).",
        f"registered 2 targets in (target-group {GROUP})",
        "(deployment ecs-svc/N) deployment completed.",
        "has reached a steady state.",
    ]
    assert {task["availabilityZone"] for task in cloud.tasks()} == {"eu-west-1a", "eu-west-1b"}
    assert all(task["startedBy"] == service["deployments"][0]["id"] for task in cloud.tasks())
    assert cloud.elb.unpublished == []
    (deployment,) = history(cloud)
    assert deployment["status"] == "SUCCESSFUL"
    assert deployment["sourceServiceRevisions"] == []
    assert deployment["deploymentCircuitBreaker"] == {
        "status": "MONITORING_COMPLETE",
        "failureCount": 0,
        "threshold": 3,
    }
    assert deployment["targetServiceRevision"]["runningTaskCount"] == 2
    revision = cloud.ecs.describe_service_revisions(serviceRevisionArns=[deployment["targetServiceRevision"]["arn"]])[
        "serviceRevisions"
    ][0]
    assert revision["taskDefinition"] == service["taskDefinition"]
    assert revision["loadBalancers"] == BALANCERS
    assert revision["containerImages"] == [
        {"containerName": "app", "image": "good:1", "imageDigest": "sha256:" + "0" * 64}
    ]
    assert service["currentServiceRevisions"][0]["arn"] == revision["serviceRevisionArn"]


def test_rolling_to_a_new_revision(cloud: Cloud) -> None:
    """New tasks are healthy before old ones drain; old ones drain before they stop."""
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    old = {task["taskArn"] for task in cloud.tasks()}
    cloud.elb.hold_draining = True
    arn = deploy(cloud, "good:2")
    until(lambda: "deregister" in {kind for kind, _ in cloud.elb.log})
    assert cloud.elb.log[2][0] == cloud.elb.log[3][0] == "register"
    leaving = until(
        lambda: [t for t in cloud.tasks("STOPPED") if t["taskArn"] in old and t["lastStatus"] == "DEACTIVATING"]
    )
    assert cloud.runner is not None
    assert cloud.runner.stops == []
    assert set(leaving[0]["stoppedReason"].split()) >= {"Scaling", "activity"}
    assert [d["status"] for d in cloud.describe()["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert cloud.describe()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    cloud.elb.hold_draining = False
    service = cloud.steady()
    assert service["taskDefinition"] == service["deployments"][0]["taskDefinition"] == arn
    assert {task["taskDefinitionArn"] for task in cloud.tasks()} == {arn}
    stopped = cloud.tasks("STOPPED")
    assert {task["taskArn"] for task in stopped} == old
    assert {(t["lastStatus"], t["stopCode"]) for t in stopped} == {("STOPPED", "ServiceSchedulerInitiated")}
    assert re.fullmatch(r"Scaling activity initiated by \(deployment ecs-svc/\d{19}\)", stopped[0]["stoppedReason"])
    assert said(cloud)[4:] == [
        "has started 2 tasks: (task) (task).",
        f"registered 2 targets in (target-group {GROUP})",
        "has stopped 2 running tasks: (task) (task).",
        "has begun draining connections on 2 tasks.",
        f"deregistered 2 targets in (target-group {GROUP})",
        "(deployment ecs-svc/N) deployment completed.",
        "has reached a steady state.",
    ]
    assert history(cloud)[0]["sourceServiceRevisions"][0]["runningTaskCount"] == 2


def test_old_tasks_stay_until_new_ones_are_healthy(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    old = {ip for _, ip in cloud.elb.log}
    cloud.elb.verdict = lambda ip: "healthy" if ip in old else "initial"
    deploy(cloud, "good:2")
    until(lambda: len(cloud.tasks()) == 4)
    time.sleep(1)
    service = cloud.describe()
    assert (service["runningCount"], service["deployments"][0]["rolloutState"]) == (4, "IN_PROGRESS")
    cloud.elb.verdict = lambda ip: "healthy"
    assert cloud.steady()["runningCount"] == 2


def test_maximum_percent_limits_how_many_run(cloud: Cloud) -> None:
    percents = {"maximumPercent": 150, "minimumHealthyPercent": 50}
    cloud.create_service(loadBalancers=BALANCERS, deploymentConfiguration=percents)
    cloud.steady()
    deploy(cloud, "manual:2")
    until(lambda: len(cloud.tasks()) == 3)
    time.sleep(0.6)
    assert len(cloud.tasks()) == 3


def test_circuit_breaker_rolls_back(cloud: Cloud) -> None:
    """Guide 'How the Amazon ECS deployment circuit breaker detects failures'."""
    cloud.create_service(loadBalancers=BALANCERS, deploymentConfiguration=BREAKER)
    first = cloud.steady()
    bad = deploy(cloud, "crash:2")
    until(lambda: "has reached a steady state." in said(cloud)[4:], 8)
    service = cloud.steady()
    assert service["taskDefinition"] == first["taskDefinition"] != bad
    assert service["deployments"][0]["id"] == first["deployments"][0]["id"]
    assert service["deployments"][0]["rolloutState"] == "COMPLETED"
    assert service["runningCount"] == 2
    assert {task["taskDefinitionArn"] for task in cloud.tasks()} == {first["taskDefinition"]}
    tail = said(cloud)[-4:]
    assert tail == [
        "(deployment ecs-svc/N) deployment failed: tasks failed to start.",
        "rolling back to deployment ecs-svc/N.",
        "(deployment ecs-svc/N) deployment completed.",
        "has reached a steady state.",
    ]
    latest = history(cloud)[0]
    assert latest["status"] == "ROLLBACK_SUCCESSFUL"
    assert "circuit breaker threshold was exceeded" in latest["statusReason"]
    assert latest["deploymentCircuitBreaker"]["status"] == "TRIGGERED"
    assert latest["deploymentCircuitBreaker"]["failureCount"] >= latest["deploymentCircuitBreaker"]["threshold"] == 3
    assert latest["rollback"]["serviceRevisionArn"] == service["currentServiceRevisions"][0]["arn"]
    assert cloud.elb.log[2:] == []
    crashed = [t for t in cloud.tasks("STOPPED") if t["taskDefinitionArn"] == bad]
    assert {(t["stopCode"], t["stoppedReason"], t["containers"][0]["exitCode"]) for t in crashed} == {
        ("EssentialContainerExited", "Essential container in task exited", 1)
    }


def test_an_image_that_is_not_there(cloud: Cloud) -> None:
    cloud.create_service(deploymentConfiguration=BREAKER)
    first = cloud.steady()
    deploy(cloud, "no-such:2")
    until(lambda: "rolling back" in " ".join(said(cloud)), 8)
    assert cloud.steady()["taskDefinition"] == first["taskDefinition"]
    assert any("was unable to place a task. Reason: CannotPullContainerError" in text for text in said(cloud))
    assert {t["stopCode"] for t in cloud.tasks("STOPPED")} == {"TaskFailedToStart"}


def test_a_role_that_cannot_be_assumed(cloud: Cloud) -> None:
    cloud.create_service(deploymentConfiguration=BREAKER)
    first = cloud.steady()
    request = {**definition(), "executionRoleArn": "arn:aws:iam::000000000000:role/ghost"}
    arn = cloud.ecs.register_task_definition(**request)["taskDefinition"]["taskDefinitionArn"]
    cloud.ecs.update_service(cluster="dev", service="api", taskDefinition=arn)
    until(lambda: "rolling back" in " ".join(said(cloud)), 8)
    assert cloud.steady()["taskDefinition"] == first["taskDefinition"]
    expected = "failed to launch a task with (error ECS was unable to assume the role 'arn:aws:iam::000000000000"
    assert any(text.startswith(expected) for text in said(cloud))


def test_circuit_breaker_without_rollback(cloud: Cloud) -> None:
    """A FAILED deployment launches no new tasks (API Deployment, rolloutState), and the old ones serve on."""
    cloud.create_service(deploymentConfiguration=NO_ROLLBACK)
    first = cloud.steady()
    bad = deploy(cloud, "crash:2")
    until(lambda: cloud.describe()["deployments"][0]["rolloutState"] == "FAILED", 8)
    launched = len(cloud.runner.runs) if cloud.runner else 0
    time.sleep(1)
    service = cloud.describe()
    assert service["taskDefinition"] == bad
    assert [d["status"] for d in service["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert service["deployments"][0]["failedTasks"] >= 3
    reason = service["deployments"][0]["rolloutStateReason"]
    assert reason == "ECS deployment circuit breaker: tasks failed to start."
    assert {task["taskDefinitionArn"] for task in cloud.tasks()} == {first["taskDefinition"]}
    assert cloud.runner is not None
    assert len(cloud.runner.runs) == launched
    assert history(cloud)[0]["status"] == "STOPPED"
    deploy(cloud, "good:3")
    assert cloud.steady()["runningCount"] == 2


def test_the_first_deployment_has_nothing_to_roll_back_to(cloud: Cloud) -> None:
    cloud.create_service(image="crash:1", deploymentConfiguration=BREAKER)
    until(lambda: cloud.describe()["deployments"][0]["rolloutState"] == "FAILED", 8)
    latest = history(cloud)[0]
    assert latest["status"] == "ROLLBACK_FAILED"
    assert latest["statusReason"] == "No rollback candidate was found to run the rollback."


def test_crash_loops_back_off(cloud: Cloud) -> None:
    """Without a circuit breaker ECS goes on, ever more slowly (Guide 'Amazon ECS service throttle logic')."""
    cloud.create_service(image="crash:1", count=1)
    time.sleep(4)
    assert cloud.runner is not None
    assert 4 <= len(cloud.runner.runs) <= 6
    assert "is unable to consistently start tasks successfully." in said(cloud)
    assert cloud.describe()["deployments"][0]["rolloutState"] == "IN_PROGRESS"


def test_unhealthy_targets_are_replaced(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    _, sick = cloud.elb.log[0]
    cloud.elb.verdict = lambda ip: "unhealthy" if ip == sick else "healthy"
    stopped = until(lambda: cloud.tasks("STOPPED"))
    assert [task["stopCode"] for task in stopped] == ["ServiceSchedulerInitiated"]
    assert stopped[0]["stoppedReason"] == f"Task failed ELB health checks in (target-group {GROUP})"
    until(lambda: said(cloud)[-1] == "has reached a steady state." and len(said(cloud)) > 4)
    text = said(cloud)
    assert (
        f"(task) (port 8080) is unhealthy in (target-group {GROUP}) due to"
        " (reason Health checks failed with these codes: [503])." in text
    )
    assert "has started 1 tasks: (task). Amazon ECS replaced 1 tasks due to an unhealthy status." in text
    assert len(cloud.tasks()) == 2


def test_health_check_grace_period(cloud: Cloud) -> None:
    """API CreateService: unhealthy checks are ignored for so many seconds after a task has started."""
    cloud.elb.verdict = lambda ip: "unhealthy"
    cloud.create_service(loadBalancers=BALANCERS, count=1, healthCheckGracePeriodSeconds=2)
    (task,) = until(lambda: [t for t in cloud.tasks() if t["lastStatus"] == "RUNNING"])
    time.sleep(1)
    assert [t["taskArn"] for t in cloud.tasks()] == [task["taskArn"]]
    until(lambda: cloud.tasks("STOPPED"), 4)


def test_container_health_checks_gate_the_deployment(cloud: Cloud) -> None:
    check = {"healthCheck": {"command": ["CMD", "/check"]}}
    cloud.create_service(taskDefinition=cloud.register("good:1", **check), deploymentConfiguration=BREAKER, count=1)
    first = cloud.steady()
    assert cloud.tasks()[0]["healthStatus"] == "HEALTHY"
    cloud.ecs.update_service(cluster="dev", service="api", taskDefinition=cloud.register("sick:2", **check))
    until(lambda: "rolling back" in " ".join(said(cloud)), 8)
    assert cloud.steady()["taskDefinition"] == first["taskDefinition"]
    assert "(task) failed container health checks." in said(cloud)
    reasons = {task["stoppedReason"] for task in cloud.tasks("STOPPED")}
    assert reasons == {"Task failed container health checks"}


def test_a_task_without_checks_must_last_a_moment(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_scheduler, "SETTLE", 2.0)
    cloud.create_service(count=1)
    until(lambda: cloud.describe()["runningCount"] == 1)
    assert cloud.describe()["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    assert cloud.steady()["deployments"][0]["rolloutState"] == "COMPLETED"


def test_killed_removed_and_stopped_tasks_are_replaced(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    assert cloud.runner is not None
    killed, stopped = (task["taskArn"] for task in cloud.tasks())
    began = time.monotonic()
    cloud.runner.kill(killed)
    cloud.ecs.stop_task(cluster="dev", task=stopped, reason="by hand")

    def replaced() -> bool:
        running = {t["taskArn"] for t in cloud.tasks() if t["lastStatus"] == "RUNNING"}
        return len(running - {killed, stopped}) == 2

    until(replaced, 3)
    assert time.monotonic() - began < 2
    by_arn = {task["taskArn"]: task for task in cloud.tasks("STOPPED")}
    assert by_arn[killed]["stopCode"] == "EssentialContainerExited"
    assert (by_arn[stopped]["stopCode"], by_arn[stopped]["stoppedReason"]) == ("UserInitiated", "by hand")
    until(lambda: len(cloud.elb.targets) == 2)


def test_addresses_are_withdrawn_when_a_task_has_stopped(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS, count=1)
    cloud.steady()
    _, address = cloud.elb.log[0]
    assert cloud.addresses.resolve("vpc-1", address, 8080)
    cloud.ecs.update_service(cluster="dev", service="api", desiredCount=0)
    until(lambda: [t for t in cloud.tasks("STOPPED") if t["lastStatus"] == "STOPPED"])
    assert cloud.addresses.resolve("vpc-1", address, 8080) is None


def test_a_target_that_somebody_took_out_is_registered_again(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS, count=1)
    cloud.steady()
    cloud.elb.targets.clear()
    until(lambda: cloud.elb.targets, 5)


def test_a_target_group_that_refuses_is_named_and_tried_again(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciler, "_RETRY", 0.3)
    cloud.elb.refusing = True
    cloud.create_service(loadBalancers=BALANCERS, count=1)
    until(lambda: any("failed to register targets" in text for text in said(cloud)))
    assert cloud.tasks()[0]["lastStatus"] == "ACTIVATING"
    cloud.elb.refusing = False
    assert cloud.steady()["runningCount"] == 1


def test_desired_count(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    before = cloud.describe()["deployments"][0]["id"]
    cloud.ecs.update_service(cluster="dev", service="api", desiredCount=4)
    until(lambda: cloud.describe()["runningCount"] == 4)
    cloud.ecs.update_service(cluster="dev", service="api", desiredCount=1)
    until(lambda: cloud.describe()["runningCount"] == 1 and len(cloud.tasks()) == 1)
    assert cloud.describe()["deployments"][0]["id"] == before
    assert len(history(cloud)) == 1


def test_what_makes_a_new_deployment(cloud: Cloud) -> None:
    """API UpdateService: the revision's parameters, or forceNewDeployment."""
    cloud.create_service(count=0)
    current = cloud.steady()["taskDefinition"]

    def update(**params: Any) -> int:
        cloud.ecs.update_service(cluster="dev", service="api", **params)
        return len(history(cloud))

    assert update(taskDefinition=current, desiredCount=0, deploymentConfiguration={"maximumPercent": 150}) == 1
    assert update(enableECSManagedTags=True, propagateTags="SERVICE") == 1
    assert update(forceNewDeployment=True) == 2
    assert update(taskDefinition=cloud.register("good:2")) == 3
    assert update(networkConfiguration={"awsvpcConfiguration": {"subnets": ["subnet-a"]}}) == 4
    assert update(networkConfiguration=NETWORK) == 5
    assert cloud.describe()["deploymentConfiguration"]["maximumPercent"] == 150


def test_a_newer_deployment_takes_over(cloud: Cloud) -> None:
    cloud.create_service(count=1)
    cloud.steady()
    deploy(cloud, "manual:2")
    until(lambda: len(cloud.tasks()) == 2)
    arn = deploy(cloud, "good:3")
    until(lambda: cloud.describe()["taskDefinition"] == arn)
    cloud.steady()
    assert [d["status"] for d in history(cloud)] == ["SUCCESSFUL", "STOPPED", "SUCCESSFUL"]
    assert "stopped 1 pending tasks." in said(cloud)
    assert {task["taskDefinitionArn"] for task in cloud.tasks()} == {arn}


def test_percentages_that_block_a_deployment_are_named(cloud: Cloud) -> None:
    cloud.create_service(count=1, deploymentConfiguration={"maximumPercent": 150})
    cloud.steady()
    deploy(cloud, "good:2")
    until(lambda: any("because of the service deployment configuration" in text for text in said(cloud)))


def test_stopping_a_deployment_rolls_back(cloud: Cloud) -> None:
    """API StopServiceDeployment."""
    cloud.create_service(count=1)
    first = cloud.steady()["taskDefinition"]
    deploy(cloud, "manual:2")
    arn = history(cloud)[0]["serviceDeploymentArn"]
    cloud.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert cloud.steady()["taskDefinition"] == first
    assert history(cloud)[0]["status"] == "ROLLBACK_SUCCESSFUL"
    with pytest.raises(ClientError) as caught:
        cloud.ecs.stop_service_deployment(serviceDeploymentArn=arn)
    assert caught.value.response["Error"]["Code"] == "ConflictException"


def test_deleting_a_service(cloud: Cloud) -> None:
    """API DeleteService: DRAINING while tasks stop, then INACTIVE; the name is free again after that."""
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    cloud.elb.hold_draining = True
    answer = cloud.ecs.delete_service(cluster="dev", service="api", force=True)["service"]
    assert (answer["status"], answer["desiredCount"]) == ("DRAINING", 0)
    assert cloud.ecs.list_services(cluster="dev")["serviceArns"] == []
    with pytest.raises(ClientError, match="still Draining"):
        cloud.create_service()
    cloud.elb.hold_draining = False
    until(lambda: cloud.describe()["status"] == "INACTIVE")
    assert cloud.describe()["deployments"] == []
    assert cloud.elb.targets == {}
    with pytest.raises(ClientError, match="Service not found"):
        cloud.ecs.delete_service(cluster="dev", service="api")
    cloud.create_service()
    assert cloud.describe()["status"] == "ACTIVE"


def test_protected_tasks_survive_a_scale_in(cloud: Cloud) -> None:
    """API UpdateTaskProtection."""
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    protected = cloud.tasks()[0]["taskArn"]
    answer = cloud.ecs.update_task_protection(cluster="dev", tasks=[protected], protectionEnabled=True)
    assert answer["protectedTasks"][0]["protectionEnabled"]
    cloud.ecs.update_service(cluster="dev", service="api", desiredCount=1)
    until(lambda: len(cloud.tasks()) == 1)
    assert cloud.tasks()[0]["taskArn"] == protected
    cloud.ecs.update_service(cluster="dev", service="api", desiredCount=0)
    time.sleep(0.5)
    assert len(cloud.tasks()) == 1
    cloud.ecs.update_task_protection(cluster="dev", tasks=[protected], protectionEnabled=False)
    until(lambda: cloud.tasks() == [], 4)


def test_tags_of_tasks(cloud: Cloud) -> None:
    """API CreateService: propagateTags, enableECSManagedTags."""
    cloud.create_service(
        count=1, tags=[{"key": "team", "value": "a"}], propagateTags="SERVICE", enableECSManagedTags=True
    )
    arn = until(lambda: cloud.tasks())[0]["taskArn"]
    tags = cloud.ecs.list_tags_for_resource(resourceArn=arn)["tags"]
    assert {tag["key"]: tag["value"] for tag in tags} == {
        "team": "a",
        "aws:ecs:clusterName": "dev",
        "aws:ecs:serviceName": "api",
    }


def test_capacity_providers(cloud: Cloud) -> None:
    cloud.ecs.create_cluster(clusterName="dev", capacityProviders=["FARGATE", "FARGATE_SPOT"])
    strategy = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 0},
        {"capacityProvider": "FARGATE_SPOT", "weight": 1},
    ]
    cloud.ecs.create_service(
        cluster="dev",
        serviceName="api",
        desiredCount=3,
        taskDefinition=cloud.register(),
        networkConfiguration=NETWORK,
        capacityProviderStrategy=strategy,
    )
    until(lambda: len(cloud.tasks()) == 3)
    assert sorted(task["capacityProviderName"] for task in cloud.tasks()) == [
        "FARGATE",
        "FARGATE_SPOT",
        "FARGATE_SPOT",
    ]
    assert "launchType" not in cloud.describe()
