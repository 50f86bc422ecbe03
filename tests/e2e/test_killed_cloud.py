"""kill -9 of the local cloud while an environment is made or removed: what is left at the end is what was meant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from ecs_stack.local import cloud
from tests.e2e.conftest import DEV
from tests.e2e.project import Project, eventually, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]

#: Kills in one `up`. Fixed moments: what fails fails again.
KILLS = int(os.environ.get("ECS_STACK_TEST_KILLS", "3"))
SEED = 7


def answers(url: str) -> bool:
    return get(url)[0] == 200


def kill(project: Project, moments: random.Random) -> bool:
    """Kill the cloud at some moment after it has come up."""
    running = cloud.running(project.root)
    if running is None:
        return False
    time.sleep(moments.uniform(0.0, 1.5))
    os.kill(running.pid, signal.SIGKILL)
    return True


def test_up_and_destroy_outlive_kill_9_of_the_cloud(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    project = make_project({"dev": DEV})
    project.run("local", "start")
    moments = random.Random(SEED)
    for verb in ("up", "destroy"):
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("ecs-stack")), verb, "dev", "--yes"],
            cwd=project.root,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        kills = 0
        while process.poll() is None and kills < KILLS:
            kills += kill(project, moments)
            time.sleep(0.05)
        printed, _ = process.communicate(timeout=120)
        print(f"{verb}: {kills} kills, exit code {process.returncode}")
        assert kills, f"it ended before it was disturbed:\n{printed}"
        if process.returncode or verb == "up":
            # A run that was cut off at its very end may fail; then the next one goes on from what it left.
            project.run("local", "start")
            printed = project.run(verb, "dev", "--yes").out
        if verb == "up":
            status = project.run("status", "dev", "--json").json["services"][0]
            assert (status["desired"], status["running"]) == (2, 2), printed
            url = str(status["url"])
            eventually(partial(answers, url), within=15, what="an answer")
            assert len(project.client("elbv2").describe_load_balancers()["LoadBalancers"]) == 1
            vpcs = project.client("ec2").describe_vpcs()["Vpcs"]
            assert len([vpc for vpc in vpcs if not vpc["IsDefault"]]) == 1
    assert project.containers(all=True) == []
    ec2, elb, ecs = (project.client(name) for name in ("ec2", "elbv2", "ecs"))
    assert [vpc for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert ec2.describe_addresses()["Addresses"] == []
    assert elb.describe_load_balancers()["LoadBalancers"] == []
    assert elb.describe_target_groups()["TargetGroups"] == []
    assert project.client("logs").describe_log_groups()["logGroups"] == []
    roles = project.client("iam").list_roles()["Roles"]
    assert [role["RoleName"] for role in roles if role["RoleName"].startswith("dev-")] == []
    clusters = ecs.list_clusters()["clusterArns"]
    assert [c for c in ecs.describe_clusters(clusters=clusters)["clusters"] if c["status"] == "ACTIVE"] == []
