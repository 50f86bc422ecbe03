"""Deployments are waited for, and the revision asked for is compared with the one that runs."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_stack.errors import LockedError
from ecs_stack.operations import rollout
from ecs_stack.outputs import StackOutputs
from ecs_stack.results import Progress, Rollout, RolloutState
from tests.operations.conftest import FakeEcs, FakeLogs, deployment, service, stopped_task


class Clock:
    """Time that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def wait(outputs: StackOutputs, ecs: FakeEcs, logs: FakeLogs | None = None, **more: Any) -> Rollout:
    clock = Clock()
    arguments: dict[str, Any] = {"before": {"api": "ecs-svc/1"}, "sleep": clock.sleep, "clock": clock, **more}
    (found,) = rollout.wait(outputs, ecs=ecs, cloudwatch_logs=logs or FakeLogs(), **arguments)
    return found


def test_a_deployment_that_completes(outputs: StackOutputs) -> None:
    steps: list[Progress] = []
    ecs = FakeEcs(
        service(deployment(2, "IN_PROGRESS", runningCount=0), deployment(1, primary=False)),
        service(deployment(2, "IN_PROGRESS", runningCount=1), deployment(1, primary=False), events=("started",)),
        service(deployment(2)),
    )
    found = wait(outputs, ecs, on_progress=steps.append)
    assert (found.state, found.reason) == (RolloutState.COMPLETED, None)
    assert (found.requested_revision, found.running_revision) == ("dev-api:2", "dev-api:2")
    assert steps[0].waiting_for == ("api (0 of 2 running)",)
    assert [s.message for s in steps if s.message] == ["(service api) started"]
    assert (steps[-1].done, steps[-1].total, steps[-1].waiting_for) == (1, 1, ())


def test_no_new_deployment_is_unchanged(outputs: StackOutputs) -> None:
    found = wait(outputs, FakeEcs(service(deployment(2))), before={"api": "ecs-svc/2"})
    assert found.state is RolloutState.UNCHANGED


def test_a_changed_count_is_waited_for(outputs: StackOutputs) -> None:
    more = service(deployment(2, desiredCount=3, pendingCount=1))
    ecs = FakeEcs(more, more, service(deployment(2, desiredCount=3, runningCount=3)))
    assert wait(outputs, ecs, before={"api": "ecs-svc/2"}).state is RolloutState.UNCHANGED
    assert ecs.looks == 3


def test_a_count_that_is_never_reached_is_a_failure(outputs: StackOutputs) -> None:
    ecs = FakeEcs(service(deployment(2, runningCount=1)))
    found = wait(outputs, ecs, before={"api": "ecs-svc/2"})
    assert found.state is RolloutState.FAILED
    assert found.reason == "1 of 2 running after 5 minutes"


def test_a_rollback_is_a_failure_with_the_reason(outputs: StackOutputs) -> None:
    """The circuit breaker's steps: the new deployment fails, the old revision comes back as PRIMARY, and in
    the end
    the failed deployment is gone from the list."""
    rolled_back = deployment(1, "IN_PROGRESS", id="ecs-svc/3")
    failed = deployment(2, "FAILED", primary=False, rolloutStateReason="tasks failed to start.")
    crashed, replaced = stopped_task(2, 1), stopped_task(2, 2)
    replaced["stopCode"], replaced["stoppedReason"] = (
        "ServiceSchedulerInitiated",
        "Scaling activity initiated by (deployment ecs-svc/2)",
    )
    ecs = FakeEcs(
        service(deployment(2, "IN_PROGRESS"), deployment(1, primary=False)),
        service(rolled_back, failed),
        service({**rolled_back, "rolloutState": "COMPLETED"}),
        tasks=(crashed, replaced, stopped_task(1, 3)),
    )
    stream = f"api/api/{1:032x}"
    logs = FakeLogs((stream, 1, "starting"), (stream, 2, "no DATABASE_URL"), ("api/api/other", 3, "fine"))
    found = wait(outputs, ecs, logs)
    assert found.state is RolloutState.ROLLED_BACK
    assert (found.requested_revision, found.running_revision) == ("dev-api:2", "dev-api:1")
    assert found.reason == "tasks failed to start; the last task that failed: container api exited with code 1"
    assert found.last_lines == ("starting", "no DATABASE_URL")


def test_an_up_without_changes_finds_an_earlier_rollback(outputs: StackOutputs) -> None:
    ended = ({"status": "ROLLBACK_SUCCESSFUL", "statusReason": "Deployment circuit breaker was triggered."},)
    ecs = FakeEcs(service(deployment(1, id="ecs-svc/3")), ended=ended)
    found = wait(outputs, ecs, before={"api": "ecs-svc/3"})
    assert found.state is RolloutState.ROLLED_BACK
    assert found.reason == "Deployment circuit breaker was triggered"


def test_a_first_deployment_has_nothing_to_go_back_to(outputs: StackOutputs) -> None:
    ecs = FakeEcs(service(deployment(2, "FAILED", runningCount=0)), tasks=(stopped_task(2),))
    found = wait(outputs, ecs, before={})
    assert found.state is RolloutState.FAILED
    assert "exited with code 1" in (found.reason or "")


def test_a_deployment_that_never_ends(outputs: StackOutputs) -> None:
    ecs = FakeEcs(service(deployment(2, "IN_PROGRESS")))
    found = wait(outputs, ecs, timeout=120)
    assert (found.state, found.reason) == (
        RolloutState.FAILED,
        "the deployment hadn't ended after 2 minutes",
    )


def test_a_service_that_is_gone(outputs: StackOutputs) -> None:
    found = wait(outputs, FakeEcs(None))
    assert (found.state, found.running_revision, found.reason) == (
        RolloutState.FAILED,
        "",
        "the service isn't there",
    )


def test_the_deployments_before(outputs: StackOutputs) -> None:
    ecs = FakeEcs(service(deployment(2), deployment(1, primary=False)))
    assert rollout.deployments(outputs, ecs=ecs) == {"api": "ecs-svc/2"}
    assert rollout.deployments(outputs, ecs=FakeEcs(None)) == {}


def test_a_deployment_in_flight_is_waited_for(outputs: StackOutputs) -> None:
    steps: list[Progress] = []
    flying = service(deployment(2, "IN_PROGRESS"), deployment(1, primary=False))
    ecs = FakeEcs(flying, flying, service(deployment(2)))
    rollout.settle(outputs, {"api"}, ecs=ecs, on_progress=steps.append, sleep=lambda _: None)
    assert ecs.looks == 3
    assert {s.message for s in steps} == {"waiting for the deployment in flight of api"}


def test_only_the_changed_services_are_waited_for(outputs: StackOutputs) -> None:
    ecs = FakeEcs(service(deployment(2, "IN_PROGRESS")))
    rollout.settle(outputs, set(), ecs=ecs)
    assert ecs.looks == 1


def test_a_deployment_in_flight_that_does_not_end_is_refused(outputs: StackOutputs) -> None:
    ecs = FakeEcs(service(deployment(2, "IN_PROGRESS")))
    with pytest.raises(LockedError, match="a deployment of api is in flight"):
        rollout.settle(outputs, {"api"}, ecs=ecs, timeout=-1)
