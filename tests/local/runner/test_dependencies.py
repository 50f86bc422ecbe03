"""dependsOn, startTimeout and container health checks."""

from __future__ import annotations

import time
from typing import Any

import pytest

from ecs_stack.local.ecs.runner import TaskState
from tests.local.runner.conftest import Bench, container, serving

pytestmark = pytest.mark.docker

CHECK = {"command": ["CMD", "/probe", "check", "http://localhost:8080/healthy"], "interval": 5, "retries": 1}


def on(name: str, condition: str) -> dict[str, Any]:
    return {"dependsOn": [{"containerName": name, "condition": condition}]}


def statuses(state: TaskState) -> dict[str, str]:
    return {c.name: c.last_status for c in state.containers}


def once(code: int, seconds: int = 0) -> dict[str, Any]:
    return container("init", command=["exit", str(code), str(seconds)], essential=False)


def test_start(bench: Bench) -> None:
    run = bench.up(serving("app", **on("proxy", "START")), container("proxy"))
    app, proxy = (bench.engine.api.inspect_container(bench.docker_id(run, n))["State"] for n in ("app", "proxy"))
    assert proxy["StartedAt"] < app["StartedAt"]


def test_success_waits_for_the_end_and_the_task_is_pending_until_then(bench: Bench) -> None:
    run = bench.launch(serving("app", **on("init", "SUCCESS")), once(0, seconds=1))
    state = bench.wait(run, lambda s: statuses(s)["init"] == "RUNNING")
    assert (state.last_status, statuses(state)["app"]) == ("PENDING", "PENDING")
    state = bench.wait(run, "RUNNING")
    assert statuses(state) == {"app": "RUNNING", "init": "STOPPED"}


def test_success_fails_the_task_if_the_dependency_fails(bench: Bench) -> None:
    run = bench.launch(serving("app", **on("init", "SUCCESS")), once(3))
    state = bench.wait(run, "STOPPED")
    assert state.stop_code == "TaskFailedToStart"
    assert state.stopped_reason == (
        "Task failed to start: container 'app' depends on 'init' (SUCCESS), "
        "which did not exit successfully (exit code 3)"
    )
    app, init = state.containers
    assert (app.runtime_id, app.exit_code, init.exit_code) == (None, None, 3)
    assert bench.left() == []


def test_complete_takes_any_exit_code(bench: Bench) -> None:
    run = bench.up(serving("app", **on("init", "COMPLETE")), once(3))
    assert statuses(bench.wait(run, "RUNNING")) == {"app": "RUNNING", "init": "STOPPED"}


def test_start_timeout(bench: Bench) -> None:
    run = bench.launch(serving("app", **on("slow", "COMPLETE")), container("slow", essential=False, startTimeout=2))
    begun = time.monotonic()
    state = bench.wait(run, "STOPPED")
    assert time.monotonic() - begun > 2
    assert state.stop_code == "TaskFailedToStart"
    assert "'slow' (COMPLETE), which has timed out" in (state.stopped_reason or "")


def test_healthy_and_unhealthy(bench: Bench) -> None:
    """Docker runs the first check after the interval, so this takes a few seconds."""
    run = bench.launch(
        serving("app", healthCheck={**CHECK, "interval": 1}),
        container("after", **on("app", "HEALTHY")),
    )
    state = bench.wait(run, lambda s: statuses(s)["app"] == "RUNNING")
    assert (state.health_status, statuses(state)["after"]) == ("UNKNOWN", "PENDING")
    state = bench.wait(run, "RUNNING")
    assert state.health_status == "HEALTHY"
    assert [c.health_status for c in state.containers] == ["HEALTHY", "UNKNOWN"]
    bench.call(run, "/healthy", set="no")
    state = bench.wait(run, lambda s: s.health_status == "UNHEALTHY")
    # What to do about it is the scheduler's business.
    assert state.last_status == "RUNNING"


def test_health_check_in_dockers_terms(bench: Bench) -> None:
    run = bench.up(
        serving("app", healthCheck={**CHECK, "interval": 7, "timeout": 3, "retries": 4, "startPeriod": 9}),
        serving("defaults", 8081, healthCheck={"command": ["CMD-SHELL", "exit 0"]}),
        container("none"),
    )
    found = {
        name: bench.engine.api.inspect_container(bench.docker_id(run, name))["Config"]["Healthcheck"]
        for name in ("app", "defaults", "none")
    }
    second = 10**9
    assert found["app"] == {
        "Test": CHECK["command"],
        "Interval": 7 * second,
        "Timeout": 3 * second,
        "Retries": 4,
        "StartPeriod": 9 * second,
    }
    assert found["defaults"]["Test"] == ["CMD-SHELL", "exit 0"]
    assert [found["defaults"][k] for k in ("Interval", "Timeout", "Retries")] == [30 * second, 5 * second, 3]
    # The image has a health check of its own, which ECS doesn't run.
    assert found["none"] == {"Test": ["NONE"]}
