"""The scheduler's arithmetic: pure, with the API Reference's own examples and properties that always hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_stack.local.ecs.capacity import choose_provider
from ecs_stack.local.ecs.placement import choose_subnet, next_address
from ecs_stack.local.ecs.scheduler import (
    TaskView,
    Wanted,
    backoff,
    breaker_threshold,
    maximum_tasks,
    minimum_healthy,
    plan,
)


def wanted(count: int, minimum: int = 100, maximum: int = 200, *, may_start: bool = True) -> Wanted:
    return Wanted(primary="new", count=count, minimum_percent=minimum, maximum_percent=maximum, may_start=may_start)


def tasks(
    deployment: str, number: int, *, running: bool = True, ready: bool = True, protected: bool = False
) -> list[TaskView]:
    return [
        TaskView(
            arn=f"{deployment}-{n}{'' if running else 'p'}{'' if ready else 'u'}",
            deployment=deployment,
            running=running,
            ready=running and ready,
            zone="ab"[n % 2],
            created_at=float(n),
            protected=protected,
        )
        for n in range(number)
    ]


@pytest.mark.parametrize(
    ("count", "percent", "least"), [(4, 50, 2), (3, 50, 2), (1, 50, 1), (2, 100, 2), (5, 0, 0), (10, 33, 4)]
)
def test_minimum_is_rounded_up(count: int, percent: int, least: int) -> None:
    """API DeploymentConfiguration: "rounded up to the nearest integer"."""
    assert minimum_healthy(count, percent) == least


@pytest.mark.parametrize(
    ("count", "percent", "most"), [(4, 200, 8), (3, 150, 4), (1, 150, 1), (2, 125, 2), (2, 100, 2)]
)
def test_maximum_is_rounded_down(count: int, percent: int, most: int) -> None:
    """API DeploymentConfiguration: "rounded down to the nearest integer"."""
    assert maximum_tasks(count, percent) == most


@pytest.mark.parametrize(("count", "failures"), [(1, 3), (5, 3), (7, 4), (25, 13), (400, 200), (800, 200)])
def test_breaker_threshold(count: int, failures: int) -> None:
    """Guide 'How the Amazon ECS deployment circuit breaker detects failures': its table of examples."""
    assert breaker_threshold(count) == failures


@pytest.mark.parametrize(
    ("kind", "value", "count", "failures"),
    [("COUNT", 1, 50, 1), ("UNBOUNDED_PERCENT", 50, 2, 1), ("BOUNDED_PERCENT", 10, 10, 3)],
)
def test_breaker_threshold_that_is_configured(kind: str, value: int, count: int, failures: int) -> None:
    """API ThresholdConfiguration."""
    assert breaker_threshold(count, {"type": kind, "value": value}) == failures


def test_backoff_grows_and_lets_a_breaker_trip_at_once() -> None:
    waits = [backoff(n) for n in range(1, 15)]
    assert waits == sorted(waits)
    assert sum(waits[:3]) < 2
    assert waits[-1] == 60


@pytest.mark.parametrize(
    ("want", "have", "start", "stop"),
    [
        (wanted(2), [], 2, ()),
        (wanted(2), tasks("new", 2), 0, ()),
        (wanted(3), tasks("new", 1), 2, ()),
        (wanted(0), tasks("new", 2), 0, ("new-0", "new-1")),
        # API DeploymentConfiguration: with 4 tasks and 200%, 4 new ones start before old ones stop.
        (wanted(4), tasks("old", 4), 4, ()),
        # ... and old ones stop as new ones become healthy, one for one.
        (wanted(2), [*tasks("old", 2), *tasks("new", 1), *tasks("new", 1, running=False)], 0, ("old-0",)),
        (wanted(2), [*tasks("old", 2), *tasks("new", 2)], 0, ("old-0", "old-1")),
        # New ones that only run, without being healthy, replace nothing.
        (wanted(2), [*tasks("old", 2), *tasks("new", 2, ready=False)], 0, ()),
        # API: with 4 tasks, 50% and 100%, two may stop to make room for two.
        (wanted(4, 50, 100), tasks("old", 4), 0, ("old-0", "old-1")),
        (wanted(4, 50, 100), tasks("old", 2), 2, ()),
        # 150% of two: one more at a time.
        (wanted(2, 100, 150), tasks("old", 2), 1, ()),
        (wanted(2, 100, 150), [*tasks("old", 2), *tasks("new", 1)], 0, ("old-0",)),
        # An old task that never ran goes at once.
        (wanted(1), tasks("old", 1, running=False), 1, ("old-0p",)),
        # A failed deployment starts nothing and takes nothing away.
        (wanted(2, may_start=False), [*tasks("old", 2), *tasks("new", 1, ready=False)], 0, ()),
    ],
)
def test_plan(want: Wanted, have: list[TaskView], start: int, stop: tuple[str, ...]) -> None:
    found = plan(want, have)
    assert (found.start, tuple(sorted(found.stop)), found.blocked) == (start, stop, False)


def test_percentages_that_block() -> None:
    """One task at 100% and 150%: no second one fits, and the first may not stop."""
    assert plan(wanted(1, 100, 150), tasks("old", 1)).blocked
    assert not plan(wanted(1, 100, 150), tasks("old", 1), stopping=1).blocked


def test_scale_in_keeps_zones_balanced_and_spares_protected_tasks() -> None:
    have = tasks("new", 4)
    assert {task.zone for task in have if task.arn not in plan(wanted(2), have).stop} == {"a", "b"}
    assert plan(wanted(1), tasks("new", 3, protected=True)).stop == ()


def test_scale_in_takes_tasks_that_are_not_ready_first() -> None:
    have = [*tasks("new", 2), *tasks("new", 1, running=False)]
    assert plan(wanted(2), have).stop == ("new-0p",)


some_tasks = st.lists(
    st.builds(
        lambda deployment, state, zone, at, n: TaskView(
            arn=f"{deployment}-{at}-{n}",
            deployment=deployment,
            running=state != "pending",
            ready=state == "ready",
            zone=zone,
            created_at=at,
        ),
        st.sampled_from(["new", "old", "older"]),
        st.sampled_from(["pending", "running", "ready"]),
        st.sampled_from("abc"),
        st.integers(0, 99),
        st.uuids(),
    ),
    max_size=12,
)


@given(some_tasks, st.integers(0, 6), st.integers(0, 100), st.integers(100, 300))
def test_bounds_always_hold(have: list[TaskView], count: int, minimum: int, maximum: int) -> None:
    found = plan(wanted(count, minimum, maximum), have)
    mine = [task for task in have if task.deployment == "new"]
    left = [task for task in have if task.arn not in found.stop]
    if found.start:
        assert len(have) + found.start <= maximum_tasks(count, maximum)
        assert len(mine) + found.start <= count
    ready_before, ready_after = (sum(t.ready for t in some) for some in (have, left))
    floor = min(ready_before, minimum_healthy(count, minimum))
    # Tasks beyond the desired count may go whatever else is ready: `count` of the deployment stay.
    assert ready_after >= floor or sum(t.deployment == "new" for t in left) == count
    assert len(set(found.stop)) == len(found.stop)


@given(st.integers(1, 8), st.integers(0, 100), st.integers(100, 300))
def test_a_rolling_deployment_ends_or_says_that_it_cannot(count: int, minimum: int, maximum: int) -> None:
    """Every started task becomes ready: all old ones are replaced, never with fewer ready than allowed."""
    want, have = wanted(count, minimum, maximum), tasks("old", count)
    for number in range(100):
        step = plan(want, have)
        if step.blocked:
            assert minimum_healthy(count, minimum) == maximum_tasks(count, maximum) == count
            return
        if not step.start and not step.stop:
            break
        have = [task for task in have if task.arn not in step.stop]
        assert sum(task.ready for task in have) >= minimum_healthy(count, minimum)
        new = tasks("new", step.start)
        have += [TaskView(**{**vars(task), "arn": f"{task.arn}-{number}"}) for task in new]
        assert len(have) <= maximum_tasks(count, maximum)
    assert [task.deployment for task in have] == ["new"] * count


SUBNETS = [
    {"subnetId": name, "zone": zone, "cidr": "10.0.0.0/24"} for name, zone in (("s1", "a"), ("s2", "b"), ("s3", "b"))
]


def test_placement_spreads_over_zones_then_subnets() -> None:
    spots: list[tuple[str, str]] = []
    for _ in range(4):
        chosen = choose_subnet(SUBNETS, spots, spots)
        spots.append((chosen["zone"], chosen["subnetId"]))
    assert sorted(zone for zone, _ in spots) == ["a", "a", "b", "b"]
    assert {subnet for _, subnet in spots} == {"s1", "s2", "s3"}


def test_addresses_leave_out_what_aws_reserves_and_wrap_around() -> None:
    """VPC User Guide 'Subnet CIDR blocks': .0 to .3 and the last one."""
    assert next_address("10.0.0.0/28", (), None) == "10.0.0.4"
    assert next_address("10.0.0.0/28", ("10.0.0.5",), "10.0.0.4") == "10.0.0.6"
    assert next_address("10.0.0.0/28", (), "10.0.0.14") == "10.0.0.4"
    assert next_address("10.0.0.0/28", [f"10.0.0.{n}" for n in range(4, 15)], None) is None


def test_capacity_providers_by_base_and_weight() -> None:
    """API CapacityProviderStrategyItem."""
    items = [
        {"capacityProvider": "FARGATE", "base": 1, "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "base": 0, "weight": 3},
    ]
    used = {"FARGATE": 0, "FARGATE_SPOT": 0}
    for _ in range(9):
        used[choose_provider(items, used)] += 1
    assert used == {"FARGATE": 3, "FARGATE_SPOT": 6}
