"""Single tasks: what DescribeTasks says of them, restarts of the process, and life without Docker."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ecs_fakes import FARGATE, GROUP, Cloud, FakeRunner, cloud_at, until

from ecs_stack.local.ecs import housekeeping

pytestmark = pytest.mark.emulator
BALANCERS = [{"targetGroupArn": GROUP, "containerName": "app", "containerPort": 8080}]


def run(cloud: Cloud, image: str) -> str:
    cloud.ecs.create_cluster(clusterName="dev")
    answer = cloud.ecs.run_task(
        cluster="dev",
        taskDefinition=cloud.register(image),
        overrides={"containerOverrides": [{"name": "app", "command": ["once"]}]},
        tags=[{"key": "a", "value": "b"}],
        **FARGATE,
    )
    return str(answer["tasks"][0]["taskArn"])


def test_a_task_from_start_to_end(cloud: Cloud) -> None:
    """Guide 'Amazon ECS task lifecycle'."""
    arn = run(cloud, "manual:1")
    assert cloud.runner is not None
    until(lambda: arn in cloud.runner.runs)
    given = cloud.runner.runs[arn]
    assert (given.group, given.region, given.overrides["containerOverrides"][0]["command"]) == (
        "family:api",
        "eu-west-1",
        ["once"],
    )
    assert given.definition["containerDefinitions"][0]["image"] == "manual:1"
    cloud.runner.become_running(arn)
    task = until(lambda: [t for t in cloud.tasks() if t["lastStatus"] == "RUNNING"])[0]
    assert "startedAt" in task
    assert task["containers"][0]["lastStatus"] == "RUNNING"
    details = {item["name"]: item["value"] for item in task["attachments"][0]["details"]}
    assert details["privateIPv4Address"] == given.private_ip
    assert details["subnetId"] == given.subnet_id
    assert task["tags"] == []
    tagged = cloud.ecs.describe_tasks(cluster="dev", tasks=[arn], include=["TAGS"])["tasks"][0]
    assert tagged["tags"] == [{"key": "a", "value": "b"}]
    cloud.runner.kill(arn, exit_code=3)
    task = until(lambda: cloud.tasks("STOPPED"))[0]
    assert (task["lastStatus"], task["stopCode"]) == ("STOPPED", "EssentialContainerExited")
    assert task["containers"][0]["exitCode"] == 3
    assert task["attachments"][0]["status"] == "DELETED"
    assert task["version"] > 1
    assert len(cloud.runner.runs) == 1


def test_stopping_a_task_says_who_did_it(cloud: Cloud) -> None:
    arn = run(cloud, "good:1")
    until(lambda: cloud.tasks()[0]["lastStatus"] == "RUNNING")
    answer = cloud.ecs.stop_task(cluster="dev", task=arn)["task"]
    assert (answer["desiredStatus"], answer["stopCode"]) == ("STOPPED", "UserInitiated")
    task = until(lambda: [t for t in cloud.tasks("STOPPED") if t["lastStatus"] == "STOPPED"])[0]
    assert task["stoppedReason"] == "Task stopped by user"
    assert cloud.ecs.stop_task(cluster="dev", task=arn)["task"]["lastStatus"] == "STOPPED"


def test_stopped_tasks_are_forgotten_after_an_hour(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """API DescribeTasks: stopped tasks show for at least an hour."""
    arn = run(cloud, "crash:1")
    until(lambda: cloud.tasks("STOPPED"))
    service = cloud.service

    def clean() -> None:
        with service._store.transaction():
            housekeeping.clean(service._store, service._context)

    clean()
    assert cloud.tasks("STOPPED")
    monkeypatch.setattr(housekeeping, "_STOPPED_TASKS", 0.0)
    clean()
    assert cloud.ecs.describe_tasks(cluster="dev", tasks=[arn])["failures"][0]["reason"] == "MISSING"


def test_deleted_task_definitions_go_when_nothing_uses_them(cloud: Cloud) -> None:
    """API DeleteTaskDefinitions."""
    arn = run(cloud, "good:1")
    name = until(lambda: cloud.tasks())[0]["taskDefinitionArn"]
    cloud.ecs.deregister_task_definition(taskDefinition=name)
    cloud.ecs.delete_task_definitions(taskDefinitions=[name])
    service = cloud.service

    def known() -> bool:
        with service._store.transaction():
            housekeeping.clean(service._store, service._context)
            return service._store.get("task_definition", name) is not None

    assert known()
    cloud.ecs.stop_task(cluster="dev", task=arn)
    until(lambda: not known())


def test_events_reach_event_bridge(cloud: Cloud) -> None:
    """Guide 'Amazon ECS events': sources, detail types and the version of a task."""
    cloud.create_service(loadBalancers=BALANCERS, count=1)
    cloud.steady()
    until(lambda: any(entry["DetailType"] == "ECS Service Action" for entry in cloud.events.entries))
    assert {entry["Source"] for entry in cloud.events.entries} == {"aws.ecs"}
    changes = [
        json.loads(entry["Detail"]) for entry in cloud.events.entries if entry["DetailType"] == "ECS Task State Change"
    ]
    assert [change["lastStatus"] for change in changes] == ["PROVISIONING", "PENDING", "ACTIVATING", "RUNNING"]
    assert [change["version"] for change in changes] == [1, 2, 3, 4]
    assert changes[0]["createdAt"].endswith("Z")
    assert "privateIp" not in changes[0]
    deployments = [
        json.loads(entry["Detail"])["eventName"]
        for entry in cloud.events.entries
        if entry["DetailType"] == "ECS Deployment State Change"
    ]
    assert deployments == ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]


def test_a_broken_event_bridge_disturbs_nothing(cloud: Cloud) -> None:
    cloud.events.broken = True
    cloud.create_service(count=1)
    assert cloud.steady()["runningCount"] == 1


def test_a_restart_adopts_what_runs_and_replaces_what_is_gone(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    before = cloud.steady()
    gone, kept = (task["taskArn"] for task in cloud.tasks())
    assert cloud.runner is not None
    cloud.runner.states.pop(gone)
    address = cloud.runner.runs[kept].private_ip
    cloud.addresses.withdraw("vpc-1", address)
    cloud.restart()
    until(lambda: len([t for t in cloud.tasks() if t["lastStatus"] == "RUNNING"]) == 2)
    assert kept in {task["taskArn"] for task in cloud.tasks()}
    assert gone not in {task["taskArn"] for task in cloud.tasks()}
    assert cloud.addresses.resolve("vpc-1", address, 8080)
    until(lambda: len(cloud.elb.targets) == 2)
    after = cloud.describe()
    assert after["taskDefinition"] == before["taskDefinition"]
    assert [d["id"] for d in after["deployments"]] == [d["id"] for d in before["deployments"]]


def test_a_restart_goes_on_with_a_deployment(cloud: Cloud) -> None:
    cloud.create_service(loadBalancers=BALANCERS)
    cloud.steady()
    cloud.elb.hold_draining = True
    arn = cloud.register("good:2")
    cloud.ecs.update_service(cluster="dev", service="api", taskDefinition=arn)
    until(lambda: [task for task in cloud.tasks("STOPPED") if task["lastStatus"] == "DEACTIVATING"])
    cloud.restart()
    cloud.elb.hold_draining = False
    assert cloud.steady()["taskDefinition"] == arn
    assert len(cloud.tasks()) == 2


def test_without_docker_tasks_wait_and_say_why(tmp_path: Path) -> None:
    with cloud_at(tmp_path, None) as cloud:
        cloud.create_service(count=1)
        task = until(lambda: [t for t in cloud.tasks() if t["lastStatus"] == "PENDING"])[0]
        assert "No Docker engine answers" in task["containers"][0]["reason"]
        service = cloud.describe()
        assert (service["runningCount"], service["pendingCount"]) == (0, 1)
        assert "No Docker engine answers" in service["events"][0]["message"]
        assert service["deployments"][0]["rolloutState"] == "IN_PROGRESS"
        cloud.ecs.delete_service(cluster="dev", service="api", force=True)
        until(lambda: cloud.describe()["status"] == "INACTIVE")
        cloud.ecs.delete_cluster(cluster="dev")


def test_a_docker_engine_that_comes_later_runs_what_waits(tmp_path: Path) -> None:
    with cloud_at(tmp_path, None) as cloud:
        cloud.create_service(count=1)
        until(lambda: cloud.describe()["pendingCount"] == 1)
    with cloud_at(tmp_path, FakeRunner()) as cloud:
        assert cloud.steady()["runningCount"] == 1
        assert "reason" not in cloud.tasks()[0]["containers"][0]
