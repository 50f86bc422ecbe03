"""How tasks end: exit codes, stop codes and reasons in ECS's words, and what is left afterwards."""

from __future__ import annotations

import time

import pytest

from ecs_stack.local.ecs.runner import ContainerState, TaskState
from tests.local.runner.conftest import Bench, container, serving

pytestmark = pytest.mark.docker

DROPPED = "closed connection|reset by peer"
ESSENTIAL = ("EssentialContainerExited", "Essential container in task exited")


def end(state: TaskState) -> tuple[str | None, str | None]:
    return state.stop_code, state.stopped_reason


def part(state: TaskState, name: str) -> ContainerState:
    return next(c for c in state.containers if c.name == name)


def test_a_task_goes_through_its_states_quickly(bench: Bench) -> None:
    started = time.monotonic()
    run = bench.up(serving())
    assert time.monotonic() - started < 2
    # The kernel drops a SIGTERM that a container's first process doesn't handle yet.
    bench.call(run, "/healthy")
    state = bench.stop(run, "scaled in")
    seen = [s.last_status for s in bench.history[run.arn]]
    assert list(dict.fromkeys(seen)) == [
        "PROVISIONING",
        "PENDING",
        "RUNNING",
        "STOPPING",
        "DEPROVISIONING",
        "STOPPED",
    ]
    assert end(state) == ("UserInitiated", "scaled in")
    assert part(state, "app").exit_code == 0  # the probe ends by itself on SIGTERM
    times = [state.connectivity_at, state.pull_started_at, state.pull_stopped_at, state.started_at]
    times += [state.stopping_at, state.execution_stopped_at, state.stopped_at]
    assert None not in times
    assert times == sorted(times)  # type: ignore[type-var]
    assert bench.left() == []
    assert bench.runner.state(run.arn) == state


def test_an_essential_container_that_exits_ends_the_task(bench: Bench) -> None:
    run = bench.up(serving("app"), container("side"))
    bench.call(run, "/healthy")  # it listens
    with pytest.raises(OSError, match=DROPPED):
        bench.call_once(run, "/exit", code="3")
    state = bench.wait(run, "STOPPED")
    assert end(state) == ESSENTIAL
    assert part(state, "app").exit_code == 3
    assert part(state, "side").exit_code == 0
    assert bench.left() == []


def test_a_non_essential_container_may_exit(bench: Bench) -> None:
    run = bench.launch(serving("app"), container("once", command=["exit", "4"], essential=False))
    state = bench.wait(run, lambda s: part(s, "once").last_status == "STOPPED")
    assert part(state, "once").exit_code == 4
    bench.wait(run, "RUNNING")
    time.sleep(0.3)
    assert bench.runner.state(run.arn).last_status == "RUNNING"  # type: ignore[union-attr]


def test_out_of_memory(bench: Bench) -> None:
    run = bench.up(serving(memory=48))
    bench.call(run, "/healthy")  # it listens
    with pytest.raises(OSError, match=DROPPED):
        bench.call_once(run, "/alloc", mb="200")
    state = bench.wait(run, "STOPPED")
    app = part(state, "app")
    assert (app.exit_code, app.reason) == (137, "OutOfMemoryError: Container killed due to memory usage")
    assert end(state) == ESSENTIAL


@pytest.mark.parametrize("how", ["kill", "remove", "kill pause", "remove pause"])
def test_loss_of_a_container_is_noticed_at_once(bench: Bench, how: str) -> None:
    run = bench.up(serving("app"), container("side"))
    victim = bench.pause_id(run) if "pause" in how else bench.docker_id(run, "app")
    lost = time.monotonic()
    if "kill" in how:
        bench.engine.api.kill(victim)
    else:
        bench.engine.api.remove_container(victim, force=True)
    state = bench.wait(run, lambda s: s.stop_code is not None)
    assert time.monotonic() - lost < 1.5
    assert end(state) == ESSENTIAL
    state = bench.wait(run, "STOPPED")
    if "pause" not in how:
        assert part(state, "app").exit_code == 137
        assert part(state, "app").reason is None
    assert bench.left() == []


def test_image_that_is_nowhere(bench: Bench) -> None:
    run = bench.launch(container(image="localhost:1/no/such:image"))
    state = bench.wait(run, "STOPPED")
    assert state.stop_code == "TaskFailedToStart"
    assert state.stopped_reason is not None
    assert state.stopped_reason.startswith("CannotPullContainerError: Error response from daemon: ")
    assert part(state, "app").reason == state.stopped_reason
    assert part(state, "app").exit_code is None
    assert state.started_at is None
    assert bench.left() == []


def test_entry_point_that_is_missing(bench: Bench) -> None:
    state = bench.wait(bench.launch(container(entryPoint=["/nowhere"])), "STOPPED")
    assert state.stop_code == "TaskFailedToStart"
    assert state.stopped_reason is not None
    assert state.stopped_reason.startswith("CannotStartContainerError: Error response from daemon: ")
    assert "/nowhere" in state.stopped_reason
    assert bench.left() == []


def test_a_mount_that_docker_refuses(bench: Bench) -> None:
    mount = {"sourceVolume": "v", "containerPath": "relative"}
    run = bench.launch(container(mountPoints=[mount]), volumes=[{"name": "v"}])
    state = bench.wait(run, "STOPPED")
    assert (state.stopped_reason or "").startswith("CannotCreateContainerError: Error response from daemon: ")
    assert bench.left() == []


def test_stop_timeout_then_sigkill(bench: Bench) -> None:
    run = bench.up(container(command=["stubborn"], stopTimeout=1))
    asked = time.monotonic()
    state = bench.stop(run)
    assert 1 <= time.monotonic() - asked < 3
    assert part(state, "app").exit_code == 137
    assert part(state, "app").reason is None


def test_the_first_reason_to_stop_stays(bench: Bench) -> None:
    run = bench.up(container(command=["stubborn"], stopTimeout=1))
    bench.runner.stop(run.arn, stop_code="ServiceSchedulerInitiated", reason="first")
    bench.runner.stop(run.arn, stop_code="UserInitiated", reason="second")
    assert end(bench.wait(run, "STOPPED")) == ("ServiceSchedulerInitiated", "first")


def test_stop_while_starting(bench: Bench) -> None:
    run = bench.launch(serving())
    bench.runner.stop(run.arn, stop_code="UserInitiated", reason="changed my mind")
    assert end(bench.wait(run, "STOPPED")) == ("UserInitiated", "changed my mind")
    assert bench.left() == []


def test_dependents_stop_before_dependencies(bench: Bench) -> None:
    run = bench.up(
        container(
            "proxy",
            command=["stubborn"],
            stopTimeout=1,
            dependsOn=[{"containerName": "app", "condition": "START"}],
        ),
        container("app"),
    )
    bench.stop(run)
    order = [
        (part(s, "proxy").last_status, part(s, "app").last_status)
        for s in bench.history[run.arn]
        if s.last_status == "STOPPING"
    ]
    assert ("STOPPED", "RUNNING") in order
    assert ("RUNNING", "STOPPED") not in order


def test_twenty_tasks_at_once(bench: Bench) -> None:
    runs = [bench.launch(serving(command=["serve", "8080"])) for _ in range(20)]
    for run in runs:
        bench.wait(run, "RUNNING", timeout=30)
    ports = {bench.runner.state(run.arn).host_ports[8080] for run in runs}  # type: ignore[union-attr]
    assert len(ports) == 20
    assert bench.call(runs[-1], "/healthy") == ""
    for run in runs:
        bench.runner.stop(run.arn, stop_code="UserInitiated", reason="enough")
    for run in runs:
        assert bench.wait(run, "STOPPED", timeout=30).containers[0].exit_code == 0
    assert bench.left() == []
