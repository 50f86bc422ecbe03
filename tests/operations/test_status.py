"""How services run now, from DescribeServices, DescribeTasks and DescribeTargetHealth."""

from __future__ import annotations

from typing import Any

from ecs_stack.operations.status import service_statuses
from ecs_stack.outputs import StackOutputs
from tests.operations.conftest import FakeEcs, Missing, deployment, service, stopped_task


class FakeElb:
    class exceptions:
        TargetGroupNotFoundException = Missing

    def __init__(self, *states: str, missing: bool = False) -> None:
        self._states = states
        self._missing = missing

    def describe_target_health(self, *, TargetGroupArn: str) -> dict[str, Any]:
        if self._missing:
            raise Missing
        return {"TargetHealthDescriptions": [{"TargetHealth": {"State": state}} for state in self._states]}


def test_a_service(outputs: StackOutputs) -> None:
    events = tuple(f"event {n}" for n in range(12))
    unfinished = stopped_task(2, 2, lastStatus="DEPROVISIONING")
    ecs = FakeEcs(service(deployment(2), events=events), tasks=(stopped_task(1, 1), unfinished, stopped_task(2, 3)))
    (found,) = service_statuses(
        outputs, ecs=ecs, elbv2=FakeElb("healthy", "initial"), urls={"api": "http://localhost:1/"}
    )
    assert (found.name, found.status, found.desired, found.running, found.pending, found.healthy) == (
        "api",
        "ACTIVE",
        2,
        2,
        0,
        1,
    )
    assert (found.revision, found.image, found.url) == ("dev-api:2", "api:2", "http://localhost:1/")
    assert [(d.id, d.rollout_state, d.revision) for d in found.deployments] == [("ecs-svc/2", "COMPLETED", "dev-api:2")]
    assert len(found.events) == 10
    assert found.events[0].message == "(service api) event 0"
    assert [(t.revision, t.exit_code, t.reason) for t in found.stopped_tasks] == [
        ("dev-api:2", 1, "container api exited with code 1"),
        ("dev-api:1", 1, "container api exited with code 1"),
    ]


def test_the_image_is_the_one_that_runs(outputs: StackOutputs) -> None:
    """After a rollback, not the one that the last up asked for."""
    (found,) = service_statuses(outputs, ecs=FakeEcs(service(deployment(1))), elbv2=FakeElb(), urls={})
    assert (found.revision, found.image, found.healthy, found.url) == ("dev-api:1", "api:1", 0, None)


def test_what_was_deleted_behind_our_back(outputs: StackOutputs) -> None:
    (gone,) = service_statuses(outputs, ecs=FakeEcs(None), elbv2=FakeElb(), urls={})
    assert (gone.status, gone.running, gone.healthy) == ("MISSING", 0, None)
    (found,) = service_statuses(outputs, ecs=FakeEcs(service(deployment(2))), elbv2=FakeElb(missing=True), urls={})
    assert found.healthy == 0
