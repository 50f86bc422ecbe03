"""kill -9 in the middle of up, down and prune of an ephemeral environment: the next up, down or prune ends clean."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Callable, Mapping

import pytest

from tests.e2e.project import Project, get
from tests.e2e.test_ephemeral import HOST, TEMPLATE
from tests.e2e.test_killed_runs import PAUSE, SEED
from tests.e2e.test_prune import state, tagged

pytestmark = [pytest.mark.engine, pytest.mark.docker]

#: How often runs are killed at the least.
KILLS = int(os.environ.get("ECS_STACK_TEST_KILLS", "3"))
COMMANDS = {
    "up": ("up", "pr-1", "--image", "api=ecs-stack-demo:1", "--wait"),
    "down": ("down", "pr-1", "--missing-ok", "--wait"),
    "prune": ("prune", "--keep-open", "none", "--yes", "--wait"),
}
#: A run has about so many steps to be killed after; one that has fewer left ends by itself.
STEPS = {"up": 30, "down": 20, "prune": 21}


@pytest.fixture(scope="module")
def host(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    project = make_project({"dev": HOST, "preview": TEMPLATE})
    project.run("up", "dev", "--yes")
    return project


def run_or_kill(project: Project, verb: str, moments: random.Random) -> bool:
    """Runs a verb and kills the command at a random moment. Whether it was killed."""
    after, pause = moments.randint(1, STEPS[verb]), moments.uniform(0, PAUSE)
    process = subprocess.Popen(
        [str(project.command), "ephemeral", *COMMANDS[verb]],
        cwd=project.root,
        env={**os.environ, "NO_COLOR": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines: list[str] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            lines.append(line.rstrip())
            if len(lines) >= after:
                time.sleep(pause)
                break
        else:
            assert process.wait(60) == 0, f"{verb} failed:\n" + "\n".join(lines)
        process.kill()
        ended = process.wait(10) == 0
    finally:
        process.kill()
        process.communicate(timeout=10)
    print(f"{verb}: {'ended before' if ended else 'killed'} {pause:.3f} s after step {after}: {lines[-1:]}")
    return not ended


def test_the_next_run_ends_clean(host: Project) -> None:
    print(f"ECS_STACK_TEST_SEED={SEED}")
    moments = random.Random(SEED)
    before = tagged(host)
    kills = dict.fromkeys(COMMANDS, 0)
    while sum(kills.values()) < KILLS:
        for verb in COMMANDS:
            if verb != "up" and not state(host, "pr-1").exists():
                host.run("ephemeral", *COMMANDS["up"])
            kills[verb] += run_or_kill(host, verb, moments)
            then = moments.choice(list(COMMANDS))
            print(f"then {then}")
            host.run("ephemeral", *COMMANDS[then])
            (made if then == "up" else gone)(host, before)
    host.run("ephemeral", *COMMANDS["prune"])
    gone(host, before)
    print(kills)


def made(project: Project, before: Mapping[str, set[str]]) -> None:
    """All of it is there and answers, and a prune finds nothing beside it."""
    (listed,) = project.run("ephemeral", "list", "--json").json
    assert listed["health"] == "ready"
    assert get(listed["url"])[1]["greeting"] == "hello from pr-1"
    assert not json.loads(state(project, "pr-1").read_text())["checkpoint"]["latest"].get("pending_operations")
    looked = project.run("ephemeral", "prune", "--keep-open", "1", "--json").json
    assert looked["going"] == []
    containers = {*before["containers"], "pr-1_api"}
    assert tagged(project) == {kind: {*names, "pr-1"} for kind, names in before.items()} | {"containers": containers}


def gone(project: Project, before: Mapping[str, set[str]]) -> None:
    """Nothing of it is there."""
    assert tagged(project) == before
    assert not list(state(project, "pr-1").parent.glob("pr-1*"))
    assert project.run("ephemeral", "list", "--json").json == []
    assert project.run("ephemeral", "prune", "--keep-open", "none", "--json").json["going"] == []
