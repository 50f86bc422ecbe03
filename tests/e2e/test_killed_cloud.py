"""kill -9 of the local cloud while an environment is made or removed: what is left at the end is what was meant."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from functools import partial

import pytest

from ecs_stack.local import cloud
from tests.e2e.conftest import DEV
from tests.e2e.project import Project, eventually, get
from tests.e2e.test_killed_runs import real, unknown

pytestmark = [pytest.mark.engine, pytest.mark.docker]

#: How often the cloud is killed in each of `up` and `destroy` at the least, and in one run at most.
KILLS = int(os.environ.get("ECS_STACK_TEST_KILLS", "3"))
IN_ONE_RUN = 3
#: Printed by a test that fails. The same seed waits as long before each kill again.
SEED = int(os.environ.get("ECS_STACK_TEST_SEED") or random.randrange(10_000))


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


def run_and_kill(project: Project, verb: str, moments: random.Random) -> int:
    """``verb dev`` while the cloud is killed now and then, and once more if that failed; how many kills there were."""
    process = subprocess.Popen(
        [str(project.command), verb, "dev", "--yes"],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    kills = 0
    while process.poll() is None and kills < IN_ONE_RUN:
        kills += kill(project, moments)
        time.sleep(0.05)
    printed, _ = process.communicate(timeout=120)
    print(f"{verb}: {kills} kills, exit code {process.returncode}")
    assert kills, f"it ended before it was disturbed:\n{printed}"
    if process.returncode or verb == "up":
        # A run that was cut off at its very end may fail; then the next one goes on from what it left.
        print(printed if process.returncode else "")
        project.run("local", "start")
        project.run(verb, "dev", "--yes")
    return kills


def test_up_and_destroy_outlive_kill_9_of_the_cloud(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    print(f"ECS_STACK_TEST_SEED={SEED}")
    project = make_project({"dev": DEV})
    project.run("local", "start")
    moments = random.Random(SEED)
    kills = dict.fromkeys(("up", "destroy"), 0)
    while min(kills.values()) < KILLS:
        kills["up"] += run_and_kill(project, "up", moments)
        made(project)
        kills["destroy"] += run_and_kill(project, "destroy", moments)
        project.run("local", "start")
        gone(project)
    print(kills)


def made(project: Project) -> None:
    """All is there, once, and answers."""
    service = project.run("status", "dev", "--json").json["services"][0]
    assert (service["desired"], service["running"]) == (2, 2), service
    eventually(partial(answers, str(service["url"])), within=15, what="an answer")
    assert unknown(project) == {}


def gone(project: Project) -> None:
    """Nothing is there."""
    assert project.containers(all=True) == []
    assert {kind: ids for kind, ids in real(project).items() if ids} == {}
