"""Registered targets and their health, as ELBv2 defines the states and words their reasons.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetHealth.html
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from ecs_stack.local.controllers.load_balancer.model import HealthCheck
from ecs_stack.local.persistence import read_json, write_json


class State(StrEnum):
    """A target's state, in the API's words."""

    INITIAL = "initial"
    HEALTHY = "healthy"
    UNHEALTHY = "unhealthy"
    UNUSED = "unused"
    DRAINING = "draining"
    #: Health checks are off: the target gets traffic whatever it answers.
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True)
class Reason:
    """A reason code and its description."""

    code: str
    text: str


REGISTERING = Reason("Elb.RegistrationInProgress", "Target registration is in progress")
INITIAL_CHECKS = Reason("Elb.InitialHealthChecking", "Initial health checks in progress")
TIMED_OUT = Reason("Target.Timeout", "Request timed out")
FAILED = Reason("Target.FailedHealthChecks", "Health checks failed")
NOT_REGISTERED = Reason("Target.NotRegistered", "Target is not registered to the target group")
NOT_IN_USE = Reason("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer")
DRAINING = Reason("Target.DeregistrationInProgress", "Target deregistration is in progress")
CHECKS_DISABLED = Reason("Target.HealthCheckDisabled", "Health checks are disabled for this target")


def wrong_codes(status: int) -> Reason:
    """The target answered, with a code that the matcher doesn't have."""
    return Reason("Target.ResponseCodeMismatch", f"Health checks failed with these codes: [{status}]")


@dataclass(eq=False)
class Target:
    """A target of a group. ``since`` is when the current state began (monotonic seconds)."""

    group: str
    region: str
    id: str
    port: int
    zone: str | None
    state: State = State.INITIAL
    reason: Reason | None = REGISTERING
    since: float = field(default_factory=time.monotonic)
    passed: int = 0
    failed: int = 0
    failing_since: float | None = None
    #: The address that it was last found at: ``127.0.0.1:port`` as Caddy dials it.
    address: str | None = None
    #: Draining ends no earlier than this (monotonic seconds): see ``controller``.
    drained_after: float | None = None

    @property
    def draining(self) -> bool:
        """Whether it is being deregistered."""
        return self.state is State.DRAINING

    def become(self, state: State, reason: Reason | None) -> None:
        """Change the state; the counters start again."""
        if state is not self.state:
            self.since = time.monotonic()
            self.passed = self.failed = 0
            self.failing_since = None
        self.state, self.reason = state, reason

    def observe(self, failure: Reason | None, check: HealthCheck, now: float) -> bool:
        """Take one probe's outcome into account. Returns whether traffic must be routed differently.

        The first success makes a new target healthy, whatever the threshold says; later changes take the
        threshold's number in a row. A new target is probed more often than its interval, so its failures
        count by time: it is unhealthy once the threshold's number of intervals has passed.
        """
        before = self.state
        if self.draining:
            return False
        if failure is None:
            self.passed, self.failed, self.failing_since = self.passed + 1, 0, None
            if self.state is State.INITIAL or self.passed >= check.healthy_threshold:
                self.become(State.HEALTHY, None)
            return self.state is not before
        self.passed, self.failed = 0, self.failed + 1
        if self.state is State.INITIAL:
            self.failing_since = self.failing_since if self.failing_since is not None else now
            self.reason = INITIAL_CHECKS
            if now - self.failing_since >= (check.unhealthy_threshold - 1) * check.interval:
                self.become(State.UNHEALTHY, failure)
        elif self.state is State.UNHEALTHY or self.failed >= check.unhealthy_threshold:
            self.become(State.UNHEALTHY, failure)
        return self.state is not before


class Targets:
    """All registered targets, on disk as they change. Thread-safe; health isn't kept, it is probed again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.lock = threading.RLock()
        self._targets: dict[tuple[str, str, int], Target] = {}
        for saved in read_json(path) or ():
            self._add(Target(**saved))

    def register(self, group: str, region: str, targets: Iterable[tuple[str, int, str | None]]) -> None:
        """Add targets; one that is draining starts anew, one that is registered stays as it is."""
        with self.lock:
            for id, port, zone in targets:
                found = self._targets.get((group, id, port))
                if found is None or found.state is State.DRAINING:
                    self._add(Target(group, region, id, port, zone))
            self._save()

    def drain(self, group: str, id: str, port: int | None) -> list[Target]:
        """Begin to deregister; without a port, every port of the target. Returns those that now drain."""
        with self.lock:
            found = [
                target
                for target in self.of(group)
                if target.id == id and port in (None, target.port) and target.state is not State.DRAINING
            ]
            for target in found:
                target.become(State.DRAINING, DRAINING)
            self._save()
            return found

    def remove(self, target: Target) -> None:
        """Forget a target, unless it was registered again meanwhile."""
        with self.lock:
            key = (target.group, target.id, target.port)
            if self._targets.get(key) is target:
                del self._targets[key]
                self._save()

    def of(self, group: str) -> list[Target]:
        """The targets of a group, draining ones too, in the order of their registration."""
        with self.lock:
            return [target for target in self._targets.values() if target.group == group]

    def all(self) -> list[Target]:
        """Every target."""
        with self.lock:
            return list(self._targets.values())

    def _add(self, target: Target) -> None:
        self._targets.pop((target.group, target.id, target.port), None)
        self._targets[(target.group, target.id, target.port)] = target

    def _save(self) -> None:
        kept: list[dict[str, Any]] = [
            {"group": t.group, "region": t.region, "id": t.id, "port": t.port, "zone": t.zone}
            for t in self._targets.values()
            # What was draining is drained when the process comes back: its connections ended with it.
            if t.state is not State.DRAINING
        ]
        write_json(self._path, kept)
