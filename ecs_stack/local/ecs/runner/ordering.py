"""The containers of a running task: which may start, which must stop, when to look again. No I/O."""

from __future__ import annotations

import time
from collections.abc import Mapping

from ecs_stack.local.ecs.runner.errors import TaskFailedToStart
from ecs_stack.local.ecs.runner.model import ContainerState
from ecs_stack.local.ecs.runner.plan import ContainerPlan, Dependency, TaskPlan

Containers = Mapping[str, "Container"]

# Seconds after which SIGKILL is sent again if no word of the container's end has come.
_KILL_AGAIN = 2.0
_HEALTH = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY"}


class Container:
    """One container as it runs. Times are those of time.monotonic()."""

    def __init__(self, plan: ContainerPlan) -> None:
        self.plan = plan
        self.status = "PENDING"
        self.id: str | None = None
        self.image_digest: str | None = None
        self.exit_code: int | None = None
        self.reason: str | None = None
        self.health = "UNKNOWN"
        self.stop_signal = "SIGTERM"
        self.out_of_memory = False
        self.started_at: float | None = None
        self.kill_at: float | None = None

    def started(self, container_id: str) -> None:
        """Its process runs."""
        self.id, self.status, self.started_at = container_id, "RUNNING", time.monotonic()

    def ended(self, exit_code: int | None, reason: str | None) -> None:
        """Its process ended, or never starts. A container that doesn't run has no health."""
        self.status, self.exit_code, self.reason, self.health = "STOPPED", exit_code, reason, "UNKNOWN"

    def state(self) -> ContainerState:
        """What others see of it."""
        return ContainerState(
            name=self.plan.name,
            last_status=self.status,
            runtime_id=self.id,
            image_digest=self.image_digest,
            exit_code=self.exit_code,
            reason=self.reason,
            health_status=self.health,
        )

    def set_health(self, docker_status: str) -> None:
        """Take over Docker's word: none, starting, healthy or unhealthy."""
        self.health = _HEALTH.get(docker_status, "UNKNOWN")


def ready_to_start(containers: Containers, now: float) -> list[Container]:
    """Containers whose dependencies are met.

    Raises TaskFailedToStart if a dependency can't be met any more or its startTimeout has passed.
    """
    ready = []
    for container in containers.values():
        if container.status == "PENDING":
            # All are looked at, for any of them may have failed.
            met = [_met(container, dependency, containers, now) for dependency in container.plan.depends_on]
            if all(met):
                ready.append(container)
    return ready


def _met(container: Container, dependency: Dependency, containers: Containers, now: float) -> bool:
    """The conditions are those of ContainerDependency in the API reference."""
    on, condition = containers[dependency.container], dependency.condition
    ended = on.status == "STOPPED"
    failure = None
    if ended and on.started_at is None:
        failure = "which did not start"
    elif condition == "START":
        if on.status != "PENDING":
            return True
    elif condition == "COMPLETE":
        if ended:
            return True
    elif condition == "SUCCESS" and ended:
        if on.exit_code == 0:
            return True
        failure = f"which did not exit successfully (exit code {on.exit_code})"
    elif condition == "HEALTHY":
        if on.health == "HEALTHY":
            return True
        if ended:
            failure = f"which exited (exit code {on.exit_code})"
    if failure is None and on.started_at is not None and now >= on.started_at + on.plan.start_timeout:
        failure = f"which has timed out: it did not get there in {on.plan.start_timeout} seconds"
    if failure:
        raise TaskFailedToStart(
            f"Task failed to start: container {container.plan.name!r} depends on {on.plan.name!r} "
            f"({condition}), {failure}",
            container=container.plan.name,
        )
    return False


def to_signal(containers: Containers, plan: TaskPlan, now: float) -> list[tuple[Container, str]]:
    """Containers to signal now, with the signal: those that no running container depends on, then SIGKILL.

    Notes what it returns as sent.
    """
    result = []
    for name, container in containers.items():
        if container.status != "RUNNING":
            continue
        if container.kill_at is None:
            if all(containers[d].status == "STOPPED" for d in plan.dependents(name)):
                container.kill_at = now + container.plan.stop_timeout
                result.append((container, container.stop_signal))
        elif now >= container.kill_at:
            container.kill_at = now + _KILL_AGAIN
            result.append((container, "SIGKILL"))
    return result


def next_deadline(containers: Containers, stopping: bool) -> float | None:
    """When something must be done even if nothing happens; None: never."""
    running = [c for c in containers.values() if c.status == "RUNNING"]
    if stopping:
        return min((c.kill_at for c in running if c.kill_at is not None), default=time.monotonic())
    awaited = {d.container for c in containers.values() if c.status == "PENDING" for d in c.plan.depends_on}
    return min(
        (c.started_at + c.plan.start_timeout for c in running if c.plan.name in awaited and c.started_at),
        default=None,
    )


def task_health(containers: Containers) -> str:
    """From the essential containers that have a health check (API reference, Task, healthStatus)."""
    checked = [c.health for c in containers.values() if c.plan.essential and c.plan.definition.get("healthCheck")]
    if "UNHEALTHY" in checked:
        return "UNHEALTHY"
    return "HEALTHY" if checked and all(h == "HEALTHY" for h in checked) else "UNKNOWN"
