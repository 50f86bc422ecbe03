"""What every verb returns: frozen, typed, free of I/O. Renderers print these; embedders read them.

Times are aware datetimes in UTC, durations are seconds. Field names are the names ``--json`` prints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from ecs_stack.costs import CostChange, CostTotal


class ChangeKind(StrEnum):
    """What a run does, or would do, to one resource."""

    CREATE = "create"
    UPDATE = "update"
    REPLACE = "replace"
    DELETE = "delete"
    SAME = "same"


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """One input that differs. ``before`` and ``after`` are rendered values; secrets are ``[secret]``."""

    path: str
    before: str | None = None
    after: str | None = None
    forces_replacement: bool = False


@dataclass(frozen=True, kw_only=True)
class ResourceChange:
    """One resource of a plan or of an update. ``parent`` is the parent's URN, None for the stack itself."""

    urn: str
    type: str
    name: str
    kind: ChangeKind
    parent: str | None = None
    properties: tuple[PropertyChange, ...] = ()


class DriftKind(StrEnum):
    """What happened to a resource behind the back of its stack."""

    DELETED = "deleted"
    CHANGED = "changed"


@dataclass(frozen=True, kw_only=True)
class ResourceDrift:
    """A resource that isn't as the last run left it. ``properties`` are from what was, to what is."""

    urn: str
    type: str
    name: str
    kind: DriftKind
    properties: tuple[PropertyChange, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ChangeSummary:
    """Resource counts by kind."""

    create: int = 0
    update: int = 0
    replace: int = 0
    delete: int = 0
    same: int = 0

    @property
    def pending(self) -> int:
        """How many resources differ from what was asked for."""
        return self.create + self.update + self.replace + self.delete


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an ``up`` (or a ``destroy``) would change. ``outputs_changed``: the stack's outputs differ too.

    ``drift`` is what was deleted or changed since the last run by somebody else; only a refresh looks for it. ``cost``
    is that of the environment on AWS; None for a ``destroy``, and in a region without list prices.
    """

    environment: str
    changes: tuple[ResourceChange, ...]
    summary: ChangeSummary
    outputs_changed: bool = False
    drift: tuple[ResourceDrift, ...] = ()
    cost: CostChange | None = None
    duration: float


class RolloutState(StrEnum):
    """How a service's deployment ended."""

    UNCHANGED = "unchanged"
    COMPLETED = "completed"
    ROLLED_BACK = "rolled-back"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """The revision of a service that was asked for, beside the one that runs.

    ``reason`` says in words why they differ; ``last_lines`` are the last log lines of a task that failed.
    """

    service: str
    state: RolloutState
    requested_revision: str
    running_revision: str
    reason: str | None = None
    last_lines: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class UpReceipt:
    """What an ``up`` changed. ``urls`` maps a service to where it answers."""

    environment: str
    changes: tuple[ResourceChange, ...]
    summary: ChangeSummary
    rollouts: tuple[Rollout, ...]
    urls: Mapping[str, str]
    duration: float


@dataclass(frozen=True, kw_only=True)
class DestroyReceipt:
    """What a ``destroy`` deleted."""

    environment: str
    changes: tuple[ResourceChange, ...]
    summary: ChangeSummary
    duration: float


@dataclass(frozen=True, kw_only=True)
class Progress:
    """One step of long work, as it happens. ``done`` of ``total`` resources (total None: not known yet).

    ``waiting_for`` names what is in progress now.
    """

    message: str
    done: int = 0
    total: int | None = None
    waiting_for: tuple[str, ...] = ()
    elapsed: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ServiceEvent:
    """An ECS service event."""

    at: datetime
    message: str


@dataclass(frozen=True, kw_only=True)
class StoppedTask:
    """A task that ended, and why, in words."""

    id: str
    stopped_at: datetime | None
    revision: str
    reason: str
    exit_code: int | None = None


@dataclass(frozen=True, kw_only=True)
class DeploymentStatus:
    """One deployment of a service, as DescribeServices lists them."""

    id: str
    status: str
    rollout_state: str
    revision: str
    desired: int
    running: int
    failed: int
    reason: str | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceStatus:
    """A service as it runs now.

    ``status`` is ECS's: ACTIVE, DRAINING, INACTIVE, or MISSING for one that was deleted behind our back. ``healthy``
    counts targets that the load balancer finds healthy, None without a load balancer.
    """

    name: str
    status: str
    desired: int
    running: int
    pending: int
    healthy: int | None
    revision: str
    image: str
    url: str | None
    deployments: tuple[DeploymentStatus, ...] = ()
    events: tuple[ServiceEvent, ...] = ()
    stopped_tasks: tuple[StoppedTask, ...] = ()


@dataclass(frozen=True, kw_only=True)
class EnvironmentStatus:
    """An environment as it runs now."""

    environment: str
    target: str
    cluster: str
    services: tuple[ServiceStatus, ...]


@dataclass(frozen=True, kw_only=True)
class EnvironmentSummary:
    """One line of ``list``: an environment file, a stack, or both.

    ``target`` is the file's, None if that is missing or wrong; ``valid`` is whether the file is right, None without
    one. ``resources`` is None without a stack, and where ``problem`` says why that can't be told.
    ``cost`` is what the stack costs on AWS, None where that can't be told.
    """

    name: str
    target: str | None
    valid: bool | None
    resources: int | None
    updated_at: datetime | None
    cost: CostTotal | None = None
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of a container's output."""

    at: datetime
    service: str
    task: str
    message: str


@dataclass(frozen=True, kw_only=True)
class LocalProcess:
    """A process of the local cloud and the addresses it listens on."""

    name: str
    pid: int
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LocalContainer:
    """A container of the local cloud. ``ports`` are ``host address:port -> container port``."""

    name: str
    image: str
    state: str
    ports: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class LocalListener:
    """Where a load balancer's listener answers on this machine."""

    load_balancer: str
    port: int
    url: str


@dataclass(frozen=True, kw_only=True)
class LocalStatus:
    """What the local cloud consists of. ``docker`` says what answers, or why nothing does."""

    running: bool
    endpoint: str | None = None
    processes: tuple[LocalProcess, ...] = ()
    containers: tuple[LocalContainer, ...] = ()
    listeners: tuple[LocalListener, ...] = ()
    docker: str | None = None
    versions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LockHolder:
    """The process that took a lock, and when."""

    user: str
    host: str
    pid: int
    since: datetime


@dataclass(frozen=True, kw_only=True)
class UnlockReceipt:
    """Whose locks ``unlock`` removed; where the state isn't on this machine, the engine doesn't say whose."""

    environment: str
    removed: tuple[LockHolder, ...]


class BootstrapOutcome(StrEnum):
    """Whether ``bootstrap`` made something, or found it as it has to be."""

    MADE = "made"
    KEPT = "kept"


@dataclass(frozen=True, kw_only=True)
class BootstrapStep:
    """A part of the place for state: what it is, which one or how, and what was done about it."""

    what: str
    name: str
    outcome: BootstrapOutcome


@dataclass(frozen=True, kw_only=True)
class BootstrapReceipt:
    """The bucket and the key (its ARN) for state. ``state`` is what belongs into the environment file;
    ``declared``: it says so already."""

    environment: str
    account: str
    region: str
    bucket: str
    key: str
    steps: tuple[BootstrapStep, ...]
    state: Mapping[str, str]
    declared: bool


@dataclass(frozen=True, kw_only=True)
class ResetReceipt:
    """What ``local reset`` removed. ``stacks`` lived in the local cloud, so nothing of them is left."""

    processes: int
    containers: int
    networks: int
    volumes: int
    paths: tuple[str, ...]
    stacks: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NextStep:
    """A command to go on with, and what it is good for."""

    command: str
    purpose: str


@dataclass(frozen=True, kw_only=True)
class InitReceipt:
    """The project that ``init`` wrote: ``files`` are paths in ``root``, ``next`` is what to do now."""

    root: str
    project: str
    files: tuple[str, ...]
    next: tuple[NextStep, ...]


@dataclass(frozen=True, kw_only=True)
class ValidEnvironment:
    """An environment whose file ``validate`` found right."""

    name: str
    target: str
    services: tuple[str, ...]


class CheckState(StrEnum):
    """How a check of ``doctor`` came out. A warning keeps nobody from starting."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, kw_only=True)
class Check:
    """Something that ``doctor`` looked at: what it found, and what to do about it unless that is ``ok``."""

    name: str
    state: CheckState
    detail: str
    fix: str | None = None


@dataclass(frozen=True, kw_only=True)
class ReportArchive:
    """What ``doctor --report`` packed for a bug report: the file, and what is in it."""

    path: str
    files: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class DoctorReport:
    """What ``doctor`` found. ``ok``: no check failed. ``archive`` is there with ``--report``."""

    ok: bool
    checks: tuple[Check, ...]
    archive: ReportArchive | None = None
