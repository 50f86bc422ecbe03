"""A runner that goes away, and the next one."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
import time

import pytest

from ecs_stack.local.ecs.runner import DockerTaskRunner, TaskRun
from ecs_stack.local.ecs.runner.records import Record, Records
from tests.local.runner.conftest import GROUP, Bench, container, logging_to, serving
from tests.local.runner.test_logs import lines, until
from tests.local.runner.worker import clients

pytestmark = pytest.mark.docker


def crash(bench: Bench) -> None:
    """What kill -9 does, as far as it can be had in one process: nothing is shipped or saved any more."""
    bench.runner._logs._closed = True
    with bench.runner._logs._changed:
        for shipment in bench.runner._logs._shipments.values():
            shipment.lines.clear()
    bench.runner.close()
    bench.history.clear()


def restart(bench: Bench, *runs: TaskRun) -> DockerTaskRunner:
    bench.runner = bench.make_runner()
    bench.runner.adopt(runs)
    return bench.runner


def test_live_tasks_are_taken_over(bench: Bench) -> None:
    run = bench.up(serving("app"), container("once", command=["exit", "5"], essential=False))
    before = bench.wait(run, lambda s: s.containers[1].last_status == "STOPPED" and s.last_status == "RUNNING")
    address = json.loads(bench.call(run, "/self"))["environment"]["ECS_CONTAINER_METADATA_URI_V4"]
    crash(bench)
    assert bench.left()
    restart(bench, run)
    state = bench.wait(run, "RUNNING")
    assert state == before
    assert json.loads(bench.call(run, "/get", url=f"{address}/task"))["TaskARN"] == run.arn
    bench.engine.api.kill(bench.docker_id(run, "app"))
    assert bench.wait(run, "STOPPED").stopped_reason == "Essential container in task exited"
    assert bench.left() == []


def test_tasks_that_died_meanwhile_are_reported(bench: Bench) -> None:
    exited, removed, paused = (bench.up(serving()) for _ in range(3))
    ids = [bench.docker_id(run, "app") for run in (exited, removed)]
    pause = bench.pause_id(paused)
    crash(bench)
    bench.engine.api.stop(ids[0], timeout=2)
    bench.engine.api.remove_container(ids[1], force=True)
    bench.engine.api.remove_container(pause, force=True)
    restart(bench, exited, removed, paused)
    for run, code in ((exited, 0), (removed, 137), (paused, 0)):
        state = bench.wait(run, "STOPPED")
        assert (state.stop_code, state.containers[0].exit_code) == ("EssentialContainerExited", code)
        assert state.started_at is not None
    assert bench.left() == []


def test_unknown_tasks_are_removed(bench: Bench) -> None:
    mount = {"sourceVolume": "data", "containerPath": "/data"}
    bench.up(serving(mountPoints=[mount]), volumes=[{"name": "data"}])
    kept = bench.up(serving())
    crash(bench)
    restart(bench, kept)
    until(lambda: len(bench.left()) == 2)
    assert all(kept.id[:12] in name for name in bench.left())


def test_a_task_that_was_stopping_goes_on_stopping(bench: Bench) -> None:
    run = bench.up(container(command=["stubborn"], stopTimeout=60))
    bench.runner.stop(run.arn, stop_code="UserInitiated", reason="deploy")
    bench.wait(run, "STOPPING")
    crash(bench)
    run.definition["containerDefinitions"][0]["stopTimeout"] = 1
    restart(bench, run)
    state = bench.wait(run, "STOPPED")
    assert (state.stop_code, state.stopped_reason) == ("UserInitiated", "deploy")
    assert bench.left() == []


def test_a_task_that_was_not_launched_yet_is_started(bench: Bench) -> None:
    run = bench.run(serving())
    restart(bench, run)
    bench.wait(run, "RUNNING")


def test_a_task_that_was_launched_and_has_no_container_yet_is_started(bench: Bench) -> None:
    run = bench.run(serving())
    Records(bench.root / ".ecs-stack" / "local" / "runner").save(run.id, Record())
    restart(bench, run)
    bench.wait(run, "RUNNING")


def test_a_task_whose_end_nobody_noted_is_reported_and_not_run_again(bench: Bench) -> None:
    after = {"dependsOn": [{"containerName": "job", "condition": "SUCCESS"}]}
    run = bench.launch(container("job", command=["exit", "6"]), container("after", **after))
    before = bench.wait(run, "STOPPED")
    crash(bench)
    restart(bench, run)
    state = bench.wait(run, "STOPPED")
    assert len(bench.history[run.arn]) <= 2
    assert [(c.exit_code, c.last_status) for c in state.containers] == [(6, "STOPPED"), (None, "STOPPED")]
    assert (state.stop_code, state.stopped_reason, state.stopped_at) == (
        before.stop_code,
        before.stopped_reason,
        before.stopped_at,
    )
    assert bench.left() == []


def test_a_half_started_task_is_completed(bench: Bench) -> None:
    depends = [{"containerName": "init", "condition": "SUCCESS"}]
    run = bench.launch(
        serving("app", dependsOn=depends), container("init", command=["exit", "0", "2"], essential=False)
    )
    bench.wait(run, lambda s: s.containers[1].last_status == "RUNNING")
    crash(bench)
    restart(bench, run)
    bench.wait(run, "RUNNING")
    assert bench.call(run, "/healthy") == ""


def test_log_lines_go_on_without_gap_or_duplicate(bench: Bench) -> None:
    run = bench.up(serving("app", logConfiguration=logging_to()))
    bench.call(run, "/print", n="100", text="before")
    until(lambda: "before 99" in lines(bench, run))
    stream = bench.clients.logs.groups["/ecs/test"][f"svc/app/{run.id}"]
    crash(bench)
    del stream[-5:]  # what CloudWatch Logs had not kept either
    bench.call(run, "/print", n="100", text="meanwhile")
    restart(bench, run)
    bench.wait(run, "RUNNING")
    bench.call(run, "/print", n="100", text="after")
    bench.stop(run)
    assert lines(bench, run) == [
        "listening on 8080",
        *(f"before {i}" for i in range(100)),
        *(f"meanwhile {i}" for i in range(100)),
        *(f"after {i}" for i in range(100)),
        "stopping on terminated",
    ]


def test_close_leaves_containers_alone_and_says_nothing_more(bench: Bench) -> None:
    run = bench.up(serving())
    container_id = bench.docker_id(run, "app")
    bench.runner.close()
    seen = len(bench.history[run.arn])
    time.sleep(0.2)
    assert bench.engine.api.inspect_container(container_id)["State"]["Running"]
    bench.engine.api.kill(container_id)
    time.sleep(0.5)
    assert len(bench.history[run.arn]) == seen
    restart(bench, run)
    bench.wait(run, "STOPPED")


def test_kill_9_again_and_again_loses_and_doubles_no_line(bench: Bench) -> None:
    run = bench.run(container(command=["tick"], logConfiguration=logging_to()))
    bench.runner.close()
    run_file, log = bench.root / "run.json", bench.root / "log.jsonl"
    run_file.write_text(json.dumps(dataclasses.asdict(run)))
    command = [sys.executable, "-m", "tests.local.runner.worker", str(bench.root), str(run_file), str(log), GROUP]
    for _ in range(3):
        size = log.stat().st_size if log.exists() else 0
        process = subprocess.Popen(command)
        until(lambda before=size: log.exists() and log.stat().st_size > before + 20_000, timeout=15)
        process.kill()
        process.wait()
    bench.clients = clients(log, GROUP)
    restart(bench, run)
    bench.wait(run, "RUNNING")
    bench.stop(run)
    seen = lines(bench, run)
    last = int(seen[-1].removeprefix("end "))
    assert seen[:-1] == [str(i) for i in range(last)]
    assert last > 500
