"""The arithmetic of the service scheduler: which tasks to start and to stop. Pure.

Rules: API Reference, DeploymentConfiguration (minimumHealthyPercent, maximumPercent), and Developer Guide,
"Deploy Amazon ECS services by replacing tasks" and "How the Amazon ECS deployment circuit breaker detects
failures".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: Developer Guide, circuit breaker: BOUNDED_PERCENT of the desired count, inside these bounds.
_BREAKER_MIN, _BREAKER_MAX, _BREAKER_PERCENT = 3, 200, 50
#: Seconds before the next start after so many tasks in a row failed to start. AWS throttles in minutes;
#: locally the first failures are retried quickly, so that a circuit breaker trips within seconds.
_BACKOFF = (0.0, 0.0, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_BACKOFF_MAX = 60.0


@dataclass(frozen=True, kw_only=True)
class TaskView:
    """A task that is meant to run. ``ready``: running, and every health check it has is passed."""

    arn: str
    deployment: str
    running: bool
    ready: bool
    zone: str
    created_at: float
    protected: bool = False


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a service should be. ``may_start`` is False while a deployment has failed or backs off."""

    primary: str
    count: int
    minimum_percent: int
    maximum_percent: int
    may_start: bool = True


@dataclass(frozen=True)
class Plan:
    """What to do now. ``blocked``: the percentages allow no start and no stop, and nothing is under way."""

    start: int = 0
    stop: tuple[str, ...] = ()
    blocked: bool = False


def minimum_healthy(count: int, percent: int) -> int:
    """How many tasks must stay healthy: rounded up."""
    return -(-count * percent // 100)


def maximum_tasks(count: int, percent: int) -> int:
    """How many tasks may run or be starting: rounded down."""
    return count * percent // 100


def plan(wanted: Wanted, tasks: Sequence[TaskView], *, stopping: int = 0) -> Plan:
    """The next step towards ``wanted``.

    ``tasks`` leaves out those that are being stopped already; ``stopping`` counts them.
    """
    mine = [task for task in tasks if task.deployment == wanted.primary]
    others = [task for task in tasks if task.deployment != wanted.primary]
    missing = max(0, wanted.count - len(mine))
    room = max(0, maximum_tasks(wanted.count, wanted.maximum_percent) - len(tasks))
    start = min(missing, room) if wanted.may_start else 0
    stop = [task.arn for task in _surplus(mine, wanted.count)]
    if wanted.may_start:
        # An older deployment's task that never ran serves nobody. After a failure it may have to.
        stop += [task.arn for task in others if not task.running]
    stop += _replaced(wanted, mine, others, make_room=missing - room if wanted.may_start else 0)
    waiting = stopping or any(not task.ready for task in mine)
    blocked = bool(missing and wanted.may_start and not start and not stop and not waiting)
    return Plan(start, tuple(stop), blocked)


def breaker_threshold(count: int, configuration: Mapping[str, Any] | None = None) -> int:
    """How many consecutive failures trip the circuit breaker.

    ``configuration`` is DeploymentCircuitBreaker.thresholdConfiguration; without one, half the desired count,
    rounded up, at least 3 and at most 200.
    """
    kind = (configuration or {}).get("type", "BOUNDED_PERCENT")
    value = int((configuration or {}).get("value", _BREAKER_PERCENT))
    if kind == "COUNT":
        return max(1, value)
    share = -(-count * value // 100)
    return max(1, share) if kind == "UNBOUNDED_PERCENT" else min(max(share, _BREAKER_MIN), _BREAKER_MAX)


def backoff(failures: int) -> float:
    """Seconds to wait before another start after so many tasks in a row failed to start."""
    return _BACKOFF[failures] if failures < len(_BACKOFF) else _BACKOFF_MAX


def _surplus(mine: Sequence[TaskView], count: int) -> list[TaskView]:
    """Tasks beyond the desired count: those not ready first, then from the fullest zone, oldest first."""
    free = [task for task in mine if not task.protected]
    return _by_zone(free, max(0, len(mine) - count))


def _replaced(wanted: Wanted, mine: Sequence[TaskView], others: Iterable[TaskView], *, make_room: int) -> list[str]:
    """Older tasks that can go: those that new ready tasks replace, and, to make room, down to the minimum."""
    old = [task for task in others if task.running]
    ready = sum(task.ready for task in (*mine, *old))
    spare = ready - minimum_healthy(wanted.count, wanted.minimum_percent)
    excess = sum(task.ready for task in mine) + len(old) - wanted.count
    number = max(excess, min(make_room, len(old)), 0)
    chosen: list[str] = []
    for task in _by_zone([task for task in old if not task.protected], number):
        if task.ready and spare <= 0:
            continue
        spare -= task.ready
        chosen.append(task.arn)
    return chosen


def _by_zone(tasks: Sequence[TaskView], number: int) -> list[TaskView]:
    """``number`` tasks whose loss hurts least and leaves the zones balanced."""
    left = list(tasks)
    chosen: list[TaskView] = []
    while left and len(chosen) < number:
        zones = Counter(task.zone for task in left)
        task = min(left, key=lambda t: (t.ready, t.running, -zones[t.zone], t.created_at))
        left.remove(task)
        chosen.append(task)
    return chosen
