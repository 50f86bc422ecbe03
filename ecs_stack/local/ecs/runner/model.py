"""What goes into a task runner and what it reports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

#: ``(service, region) -> boto3 client``.
ClientFactory = Callable[[str, str], Any]


@dataclass(frozen=True, kw_only=True)
class TaskRun:
    """A task to run. ``group`` is ``service:NAME`` or a family; ``definition`` is DescribeTaskDefinition's.

    ``cluster`` is a cluster's name or ARN; ``overrides`` is RunTask's ``overrides``.
    """

    arn: str
    cluster: str
    region: str
    group: str
    zone: str
    private_ip: str
    subnet_id: str
    definition: Mapping[str, Any]
    overrides: Mapping[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The task id, the last part of its ARN."""
        return self.arn.rsplit("/", 1)[-1]

    @property
    def cluster_name(self) -> str:
        """The cluster's name."""
        return self.cluster.rsplit("/", 1)[-1]

    @property
    def service_name(self) -> str | None:
        """The service that owns the task, if one does."""
        kind, _, name = self.group.partition(":")
        return name if kind == "service" and name else None


@dataclass(frozen=True, kw_only=True)
class ContainerState:
    """One container of a task, in the terms of DescribeTasks.

    ``last_status`` is PENDING, RUNNING or STOPPED; ``health_status`` is UNKNOWN, HEALTHY or UNHEALTHY.
    """

    name: str
    last_status: str = "PENDING"
    runtime_id: str | None = None
    image_digest: str | None = None
    exit_code: int | None = None
    reason: str | None = None
    health_status: str = "UNKNOWN"


@dataclass(frozen=True, kw_only=True)
class TaskState:
    """A task, in the terms of DescribeTasks.

    ``last_status`` goes PROVISIONING, PENDING, RUNNING, STOPPING, DEPROVISIONING, STOPPED (some are skipped
    when a task fails early). ``stop_code`` is set from STOPPING on. ``host_ports`` maps a container port to
    the port on 127.0.0.1 that reaches it, known from PENDING on.
    """

    arn: str
    last_status: str
    containers: tuple[ContainerState, ...]
    health_status: str = "UNKNOWN"
    host_ports: Mapping[int, int] = field(default_factory=dict)
    stop_code: str | None = None
    stopped_reason: str | None = None
    connectivity_at: datetime | None = None
    pull_started_at: datetime | None = None
    pull_stopped_at: datetime | None = None
    started_at: datetime | None = None
    stopping_at: datetime | None = None
    execution_stopped_at: datetime | None = None
    stopped_at: datetime | None = None


class TaskRunner(Protocol):
    """Runs tasks. Every method is thread-safe and returns without waiting for containers."""

    def launch(self, run: TaskRun) -> None:
        """Start a task; progress comes through the listeners."""

    def stop(self, arn: str, *, stop_code: str, reason: str) -> None:
        """Stop a task: the stop signal, ``stopTimeout``, SIGKILL. The first reason given stays."""

    def state(self, arn: str) -> TaskState | None:
        """The last known state; None for a task never seen, or stopped long ago."""

    def adopt(self, runs: Iterable[TaskRun]) -> None:
        """Take over containers after a restart; report dead ones; remove those of tasks not in ``runs``."""

    def listen(self, listener: Callable[[TaskState], None]) -> None:
        """Call ``listener`` on every change, from any thread."""

    def close(self) -> None:
        """Stop watching. Containers live on."""
