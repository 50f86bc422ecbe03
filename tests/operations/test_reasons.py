"""Why tasks stopped, in words. The reasons are texts of "Stopped tasks error messages" (ECS Developer
Guide)."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_stack.operations.reasons import exit_code, stop_reason


def task(code: str, reason: str, *containers: dict[str, Any]) -> dict[str, Any]:
    return {"stopCode": code, "stoppedReason": reason, "containers": list(containers)}


def exited(code: int, reason: str = "", name: str = "api") -> dict[str, Any]:
    container = {"name": name, "exitCode": code, **({"reason": reason} if reason else {})}
    return task("EssentialContainerExited", "Essential container in task exited", container)


CASES = [
    (exited(1), "container api exited with code 1"),
    (exited(0), "container api ended by itself (exit code 0)"),
    (
        exited(137, "OutOfMemoryError: Container killed due to memory usage"),
        "container api ran out of memory and was killed (exit code 137)",
    ),
    (exited(137), "container api was killed (SIGKILL, exit code 137)"),
    (exited(139), "container api crashed with a segmentation fault (SIGSEGV), exit code 139"),
    (exited(143), "container api ended when asked to stop (SIGTERM, exit code 143)"),
    (exited(127), "container api has a command that wasn't found (exit code 127)"),
    (
        task(
            "TaskFailedToStart",
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x:1",
        ),
        "the image couldn't be pulled: pull image manifest has been retried 1 time(s): failed to resolve ref x:1",
    ),
    (
        task(
            "TaskFailedToStart",
            "Task failed to start",
            {"name": "api", "reason": 'CannotStartContainerError: exec: "nope": not found'},
        ),
        'the container couldn\'t be started: exec: "nope": not found',
    ),
    (
        task("TaskFailedToStart", "ResourceInitializationError: unable to pull secrets or registry auth: denied"),
        "what the task needs couldn't be set up: unable to pull secrets or registry auth: denied",
    ),
    (
        task(
            "ServiceSchedulerInitiated",
            "Task failed ELB health checks in (target-group arn:aws:elasticloadbalancing:...)",
        ),
        "the load balancer's health checks failed",
    ),
    (
        task("ServiceSchedulerInitiated", "Task failed container health checks"),
        "the container's health checks failed",
    ),
    (
        task("ServiceSchedulerInitiated", "Scaling activity initiated by (deployment ecs-svc/123)"),
        "replaced or no longer wanted (deployment ecs-svc/123)",
    ),
    (
        task("SpotInterruption", "Your Spot Task was interrupted."),
        "AWS took the Fargate Spot capacity back",
    ),
    (task("UserInitiated", "Task stopped by user"), "stopped by a user"),
    (task("UserInitiated", "for the test"), "for the test"),
    (task("", ""), "no reason was given"),
]


@pytest.mark.parametrize(("stopped", "words"), CASES, ids=[words[:40] for _, words in CASES])
def test_reasons(stopped: dict[str, Any], words: str) -> None:
    assert stop_reason(stopped) == words


def test_the_exit_code_is_the_failing_containers() -> None:
    sidecar, api = {"name": "sidecar", "exitCode": 0}, {"name": "api", "exitCode": 3}
    assert exit_code(task("", "", sidecar, api)) == 3
    assert exit_code(task("", "", sidecar)) == 0
    assert exit_code(task("", "", {"name": "api"})) is None
