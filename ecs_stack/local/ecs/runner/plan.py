"""A task definition with its overrides applied, as typed facts that the runner acts on. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecs_stack.local.ecs.runner.errors import TaskFailedToStart
from ecs_stack.local.ecs.runner.model import TaskRun

#: Fargate's default for ``startTimeout`` and ECS's for ``stopTimeout``, seconds (API reference,
#: ContainerDefinition).
START_TIMEOUT = 180
STOP_TIMEOUT = 30

_UNSUPPORTED = "the local target can't do this"
_UNSUPPORTED_BY_TASK = {"inferenceAccelerators", "ipcMode", "pidMode", "proxyConfiguration"}
_UNSUPPORTED_BY_CONTAINER = {
    "credentialSpecs",
    "disableNetworking",
    "dnsSearchDomains",
    "dnsServers",
    "extraHosts",
    "firelensConfiguration",
    "hostname",
    "links",
    "resourceRequirements",
    "restartPolicy",
}


@dataclass(frozen=True, kw_only=True)
class Dependency:
    """``container`` must have reached ``condition``: START, COMPLETE, SUCCESS or HEALTHY."""

    container: str
    condition: str


@dataclass(frozen=True, kw_only=True)
class ContainerPlan:
    """One container. ``definition`` is its container definition with the overrides applied."""

    name: str
    definition: Mapping[str, Any]
    essential: bool
    depends_on: tuple[Dependency, ...]
    start_timeout: int
    stop_timeout: int

    @property
    def image(self) -> str:
        """The image reference, as given."""
        return str(self.definition["image"])


@dataclass(frozen=True, kw_only=True)
class TaskPlan:
    """A task. ``cpu`` (units, 1024 a vCPU) and ``memory`` (MiB) are the task's limits, None for none."""

    run: TaskRun
    containers: tuple[ContainerPlan, ...]
    cpu: int | None
    memory: int | None
    volumes: Mapping[str, Mapping[str, Any]]
    ports: tuple[tuple[int, str], ...]

    def container(self, name: str) -> ContainerPlan:
        """The container of that name."""
        return next(c for c in self.containers if c.name == name)

    def dependents(self, name: str) -> tuple[str, ...]:
        """Containers that depend on ``name``: they stop before it does."""
        return tuple(c.name for c in self.containers if any(d.container == name for d in c.depends_on))


def plan_task(run: TaskRun) -> TaskPlan:
    """Apply ``run.overrides`` to the task definition."""
    definition = run.definition
    overrides = {o["name"]: o for o in run.overrides.get("containerOverrides", ())}
    containers = tuple(_container(c, overrides.get(c["name"], {})) for c in definition["containerDefinitions"])
    ports = {
        (int(mapping["containerPort"]), mapping.get("protocol", "tcp")): None
        for c in containers
        for mapping in c.definition.get("portMappings", ())
        if "containerPort" in mapping
    }
    volumes = {v["name"]: v for v in definition.get("volumes", ())}
    return TaskPlan(
        run=run,
        containers=containers,
        cpu=_number(run.overrides.get("cpu") or definition.get("cpu")),
        memory=_number(run.overrides.get("memory") or definition.get("memory")),
        volumes=volumes,
        ports=tuple(ports),
    )


def refuse_unsupported(plan: TaskPlan) -> None:
    """Raise TaskFailedToStart if the definition asks for something that the local target can't do."""
    for name, volume in plan.volumes.items():
        for kind in sorted(volume):
            if kind.endswith("VolumeConfiguration") and volume[kind]:
                raise TaskFailedToStart(
                    f"ResourceInitializationError: volume {name!r} has a {kind}, which the local target "
                    "can't mount: only bind mounts and task-scoped empty volumes run here"
                )
    for field in sorted(_UNSUPPORTED_BY_TASK & plan.run.definition.keys()):
        if plan.run.definition[field]:
            raise TaskFailedToStart(f"ResourceInitializationError: {field}: {_UNSUPPORTED}")
    if plan.run.definition.get("networkMode", "awsvpc") not in ("awsvpc", "none"):
        raise TaskFailedToStart(
            f"ResourceInitializationError: networkMode {plan.run.definition['networkMode']}: {_UNSUPPORTED}"
        )
    for container in plan.containers:
        for field in sorted(_UNSUPPORTED_BY_CONTAINER & container.definition.keys()):
            if container.definition[field]:
                raise TaskFailedToStart(
                    f"ResourceInitializationError: {field} of container {container.name!r}: {_UNSUPPORTED}"
                )
        if any("containerPortRange" in mapping for mapping in container.definition.get("portMappings", ())):
            raise TaskFailedToStart(
                f"ResourceInitializationError: containerPortRange of container {container.name!r}: {_UNSUPPORTED}"
            )
        log = container.definition.get("logConfiguration")
        if log and log["logDriver"] != "awslogs":
            raise TaskFailedToStart(
                "ResourceInitializationError: failed to validate logger args: container "
                f"{container.name!r} uses the log driver {log['logDriver']!r}; the local target has awslogs"
            )


def _container(definition: Mapping[str, Any], override: Mapping[str, Any]) -> ContainerPlan:
    merged = dict(definition)
    for key in ("command", "cpu", "memory", "memoryReservation"):
        if override.get(key) is not None:
            merged[key] = override[key]
    for key in ("environment", "environmentFiles", "resourceRequirements"):
        if override.get(key):
            merged[key] = [*definition.get(key, ()), *override[key]]
    depends_on = [
        Dependency(container=d["containerName"], condition=d["condition"]) for d in definition.get("dependsOn", ())
    ]
    # A container whose volumes are shared must exist first: the agent orders volumesFrom (and links) as
    # START.
    for source in definition.get("volumesFrom", ()):
        depends_on.append(Dependency(container=source["sourceContainer"], condition="START"))
    return ContainerPlan(
        name=definition["name"],
        definition=merged,
        essential=definition.get("essential", True),
        depends_on=tuple(depends_on),
        start_timeout=int(definition.get("startTimeout") or START_TIMEOUT),
        stop_timeout=int(STOP_TIMEOUT if definition.get("stopTimeout") is None else definition["stopTimeout"]),
    )


def _number(value: Any) -> int | None:
    return int(value) if value else None
