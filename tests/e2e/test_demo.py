"""The main job from beginning to end, in the order in which a user meets it. Each test goes on from the one before."""

from __future__ import annotations

import itertools
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.project import Load, Project, eventually, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]


@pytest.fixture(autouse=True)
def _story(request: pytest.FixtureRequest) -> Iterator[None]:
    """The first failure ends the story: what follows would fail for its sake only."""
    module = request.node.parent
    broken = getattr(module, "broken_by", None)
    if broken:
        pytest.fail(f"{broken} failed before this")
    failures = request.session.testsfailed
    yield
    if request.session.testsfailed > failures:
        module.broken_by = request.node.name


@pytest.fixture(scope="module")
def url(project: Project) -> str:
    """Where the demo answers."""
    return _url(project)


def _url(project: Project) -> str:
    return str(project.run("status", "dev", "--json").json["services"][0]["url"])


def test_preview_shows_what_would_be_created(project: Project) -> None:
    shown = project.run("preview", "dev")
    assert "dev-api" in shown.out
    assert re.search(r"\d+ to create", shown.out)
    day = project.run("cost", "dev", "--json").json["total"]["per_day"]
    assert f"Cost on AWS: ${day:.2f} a day, " in shown.out
    assert f" a month (+${day:.2f} a day)" in shown.out
    assert project.run("preview", "dev", "--exit-code", code=3).out == shown.out


def test_up_refuses_without_a_terminal(project: Project) -> None:
    refused = project.run("up", "dev", code=2)
    assert "--yes" in refused.err
    assert project.containers() == []


def test_up_makes_an_environment_that_answers(project: Project) -> None:
    receipt = project.run("up", "dev", "--yes")
    assert re.search(r"http://\S+:\d+", receipt.out)
    seen = [get(_url(project)) for _ in range(8)]
    assert {status for status, _ in seen} == {200}
    tasks = [body["task"] for _, body in seen]
    assert len(set(tasks)) == 2, "two containers answer"
    assert all(a != b for a, b in itertools.pairwise(tasks)), "in turn"
    assert {body["zone"] for _, body in seen} == {"eu-west-1a", "eu-west-1b"}
    assert {body["version"] for _, body in seen} == {"1"}


def test_up_again_changes_nothing(project: Project) -> None:
    before = {c.id for c in project.containers()}
    again = project.run("up", "dev", "--yes", "--json").json
    assert (again["summary"]["create"], again["summary"]["update"], again["summary"]["delete"]) == (0, 0, 0)
    assert again["summary"]["replace"] == 0
    assert [r["state"] for r in again["rollouts"]] == ["unchanged"]
    assert {c.id for c in project.containers()} == before
    project.run("preview", "dev", "--exit-code", code=0)


def test_status_says_what_runs(project: Project) -> None:
    service = project.run("status", "dev", "--json").json["services"][0]
    assert (service["name"], service["desired"], service["running"], service["healthy"]) == ("api", 2, 2, 2)
    assert service["image"] == "ecs-stack-demo:1"
    assert service["revision"] == "dev-api:1"
    assert any("steady state" in event["message"] for event in service["events"])
    assert "dev-api:1" in project.run("status", "dev").out


def test_tasks_are_locked_down(project: Project) -> None:
    for container in project.containers(service="api", container="api"):
        assert container.attrs["HostConfig"]["ReadonlyRootfs"] is True
        assert container.attrs["Config"]["User"] not in ("", "0", "root")
    for container in project.containers():
        for bindings in (container.attrs["NetworkSettings"]["Ports"] or {}).values():
            assert {b["HostIp"] for b in bindings or []} <= {"127.0.0.1"}


def test_logs_follow(project: Project, url: str) -> None:
    following = subprocess.Popen(
        [str(Path(sys.executable).with_name("ecs-stack")), "logs", "dev", "api", "--follow"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert following.stdout is not None
        get(f"{url.rstrip('/')}/work?ms=1")
        end = time.monotonic() + 20
        for line in following.stdout:
            assert time.monotonic() < end
            if '"path":"/work"' in line:
                break
    finally:
        following.terminate()
        following.wait(10)
    assert '"msg":"started"' in project.run("logs", "dev", "api").out


def test_list_and_outputs(project: Project) -> None:
    (listed,) = project.run("list", "--json").json
    assert listed["name"] == "dev"
    assert listed["cost"] == project.run("cost", "dev", "--json").json["total"]
    outputs = project.run("outputs", "dev", "--json").json
    assert outputs["cluster_name"] == "dev"
    assert outputs["services"]["api"]["image"] == "ecs-stack-demo:1"


def test_a_count_touches_the_service_only(project: Project) -> None:
    project.edit("dev", "count: 2", "count: 3")
    preview = project.run("preview", "dev", "--json").json
    changed = [c for c in preview["changes"] if c["kind"] != "same"]
    assert [c["type"] for c in changed] == ["aws:ecs/service:Service"]
    assert [p["path"] for p in changed[0]["properties"]] == ["desiredCount"]
    project.run("up", "dev", "--yes")
    assert len(project.containers(service="api", container="api")) == 3


def test_an_environment_variable_touches_task_definition_and_service(project: Project, url: str) -> None:
    project.edit("dev", "GREETING: hello", "GREETING: good morning")
    receipt = project.run("up", "dev", "--yes", "--json").json
    changed = {c["type"] for c in receipt["changes"] if c["kind"] != "same"}
    assert changed == {"aws:ecs/taskDefinition:TaskDefinition", "aws:ecs/service:Service"}
    assert {get(url)[1]["greeting"] for _ in range(6)} == {"good morning"}


@pytest.mark.parametrize("how", ["kill", "remove", "stop task"])
def test_what_dies_is_replaced(project: Project, url: str, how: str) -> None:
    before = {c.id for c in project.containers(service="api", container="api")}
    victim = project.containers(service="api", container="api")[0]
    task = victim.labels["ecs-stack.task"]
    if how == "kill":
        victim.kill()
    elif how == "remove":
        victim.remove(force=True)
    else:
        project.client("ecs").stop_task(cluster="dev", task=task, reason="the test said so")
    start = time.monotonic()

    def replaced() -> bool:
        now = {c.id for c in project.containers(service="api", container="api")}
        return len(now) == 3 and victim.id not in now and len(now - before) == 1

    eventually(replaced, within=10, what=f"a third container after {how}")
    print(f"{how}: replaced after {time.monotonic() - start:.1f} s")
    assert {get(url)[0] for _ in range(30)} == {200}
    eventually(
        lambda: project.run("status", "dev", "--json").json["services"][0]["healthy"] == 3,
        within=20,
        what="three healthy targets",
    )


def test_a_rolling_deployment_fails_no_request(project: Project, url: str) -> None:
    project.edit("dev", "ecs-stack-demo:1", "ecs-stack-demo:2")
    with Load(url) as load:
        eventually(lambda: load.answers, within=5, what="a first answer")
        receipt = project.run("up", "dev", "--yes", "--json").json
        time.sleep(1)
    assert load.failures == []
    assert load.versions == {"1", "2"}
    assert [r["state"] for r in receipt["rollouts"]] == ["completed"]
    assert {get(url)[1]["version"] for _ in range(6)} == {"2"}


def test_a_version_that_crashes_is_rolled_back(project: Project, url: str) -> None:
    project.edit("dev", "environment: {", 'environment: {CRASH_ON_START: "yes", ')
    with Load(url) as load:
        failed = project.run("up", "dev", "--yes", code=4)
    assert load.failures == []
    assert load.versions == {"2"}
    assert "rolled back" in failed.err
    assert "exit" in failed.err.lower(), "the reason in words"
    service = project.run("status", "dev", "--json").json["services"][0]
    assert any(task["exit_code"] == 1 for task in service["stopped_tasks"])


def test_a_rolled_back_environment_is_never_called_up_to_date(project: Project) -> None:
    project.run("up", "dev", "--yes", code=4)
    project.edit("dev", 'CRASH_ON_START: "yes", ', "")
    project.run("up", "dev", "--yes")


def test_the_local_cloud_survives_kill_9(project: Project, url: str) -> None:
    from ecs_stack.local import cloud

    before = {c.id for c in project.containers(service="api", container="api")}
    running = cloud.running(project.root)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    assert project.run("local", "start").code == 0
    assert {c.id for c in project.containers(service="api", container="api")} == before
    eventually(lambda: get(url)[0] == 200, within=15, what="an answer after the restart")
    project.run("preview", "dev", "--exit-code", code=0)


def test_destroy_asks_for_the_name(project: Project) -> None:
    project.run("destroy", "dev", code=2)
    assert len(project.containers(service="api", container="api")) == 3


def test_destroy_leaves_nothing(project: Project) -> None:
    project.run("destroy", "dev", "--yes")
    assert project.docker_objects()["containers"] == []
    ecs = project.client("ecs")
    clusters = ecs.describe_clusters(clusters=ecs.list_clusters()["clusterArns"])["clusters"]
    assert [c for c in clusters if c["status"] == "ACTIVE"] == []
    assert ecs.list_task_definitions()["taskDefinitionArns"] == []
    ec2 = project.client("ec2")
    assert [v for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"]] == []
    assert ec2.describe_nat_gateways(Filters=[{"Name": "state", "Values": ["available"]}])["NatGateways"] == []
    assert ec2.describe_addresses()["Addresses"] == []
    elb = project.client("elbv2")
    assert elb.describe_load_balancers()["LoadBalancers"] == []
    assert elb.describe_target_groups()["TargetGroups"] == []
    assert project.client("logs").describe_log_groups()["logGroups"] == []
    roles = project.client("iam").list_roles()["Roles"]
    assert [r["RoleName"] for r in roles if r["RoleName"].startswith("dev-")] == []
    listed = project.run("list", "--json").json
    assert [(e["name"], e["resources"]) for e in listed] == [("dev", None)]
    state = [f for f in (project.root / ".ecs-stack" / "state").rglob("*") if f.is_file()]
    assert [f for f in state if "dev" in f.name and ".bak" not in f.name and "history" not in str(f)] == []
    assert [f for f in state if "locks" in f.parts] == []


def test_nothing_is_written_beside_the_hidden_folder(project: Project) -> None:
    names = {path.name for path in project.root.iterdir()}
    assert names == {"envs", "Pulumi.yaml", ".ecs-stack"}
