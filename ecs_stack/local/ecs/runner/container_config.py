"""A container definition as arguments of the Docker API. No I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from docker.types import Ulimit

from ecs_stack.local.ecs.runner.model import TaskRun
from ecs_stack.local.ecs.runner.plan import ContainerPlan, TaskPlan
from ecs_stack.local.labels import CONTAINER_LABEL, PAUSE, ROOT_LABEL, TASK_LABEL

# Container output stays in Docker's own log until it is shipped. Two files of this size outlast a long pause
# of the shipper and bound the disk space.
_LOG_CONFIG = {"Type": "json-file", "Config": {"max-size": "50m", "max-file": "2"}}
# CFS period in microseconds, Docker's default.
_CPU_PERIOD = 100_000
# Docker's minimum of cpu.shares, which the ECS agent passes for 0 or nothing (API reference,
# ContainerDefinition cpu).
_MINIMUM_SHARES = 2
_MIB = 1024 * 1024
_SECOND = 1_000_000_000  # Docker counts health check times in nanoseconds, ECS in seconds


def labels(root: str, run: TaskRun, container: str) -> dict[str, str]:
    """Labels of a Docker object of a task: ours, and those that the ECS agent sets."""
    definition = run.definition
    result = {
        ROOT_LABEL: root,
        TASK_LABEL: run.id,
        "ecs-stack.cluster": run.cluster_name,
        CONTAINER_LABEL: container,
        "com.amazonaws.ecs.cluster": run.cluster_name,
        "com.amazonaws.ecs.container-name": container,
        "com.amazonaws.ecs.task-arn": run.arn,
        "com.amazonaws.ecs.task-definition-family": str(definition["family"]),
        "com.amazonaws.ecs.task-definition-version": str(definition["revision"]),
    }
    if run.service_name:
        result["ecs-stack.service"] = run.service_name
    return result


def docker_name(run: TaskRun, container: str) -> str:
    """A readable name: ``ecs-<cluster>-<family>-<revision>-<container>-<start of the task id>``."""
    parts = (run.cluster_name, run.definition["family"], run.definition["revision"], container.strip("~"))
    text = "-".join(str(part)[:60] for part in parts)
    return f"ecs-{re.sub('[^A-Za-z0-9_.-]', '-', text)}-{run.id[:12]}"


def volume_name(run: TaskRun, volume: str) -> str:
    """The name of a task-scoped Docker volume."""
    return f"ecs-{run.id}-{volume}"


def pause_arguments(plan: TaskPlan, image: str, root: str) -> dict[str, Any]:
    """Arguments of the pause container: it has the network namespace, its sysctls and the published ports.

    It joins Docker's default bridge. A network of our own would give tasks nothing more, for their private
    addresses exist in the API only, and would take one of Docker's few address pools for each root.
    """
    return {
        "image": image,
        "name": docker_name(plan.run, PAUSE),
        "labels": labels(root, plan.run, PAUSE),
        "ports": list(plan.ports),
        "user": "65534:65534",
        "host_config": {
            "NetworkMode": "none" if plan.run.definition.get("networkMode") == "none" else "bridge",
            "PortBindings": {
                f"{port}/{protocol}": [{"HostIp": "127.0.0.1", "HostPort": ""}] for port, protocol in plan.ports
            },
            "Sysctls": _sysctls(plan, "net."),
            "ReadonlyRootfs": True,
            "CapDrop": ["ALL"],
            "SecurityOpt": ["no-new-privileges"],
            "LogConfig": {"Type": "none", "Config": {}},
        },
    }


def container_arguments(
    plan: TaskPlan,
    container: ContainerPlan,
    *,
    root: str,
    pause_id: str,
    environment: Mapping[str, str],
    ids: Mapping[str, str],
) -> dict[str, Any]:
    """Arguments of one container. ``ids`` maps containers of the task that exist to their Docker ids.

    Limits: Fargate holds all containers of a task together to the task's CPU and memory. Docker has no such
    group, so each container is held to the task's limits by itself.
    """
    definition = container.definition
    arguments: dict[str, Any] = {
        "image": container.image,
        "name": docker_name(plan.run, container.name),
        "labels": {**definition.get("dockerLabels", {}), **labels(root, plan.run, container.name)},
        "environment": [f"{name}={value}" for name, value in environment.items()],
        # ECS doesn't run health checks that are embedded in an image, only the container definition's.
        "healthcheck": _health_check(definition.get("healthCheck")),
        "stdin_open": definition.get("interactive", False),
        "tty": definition.get("pseudoTerminal", False),
        "use_config_proxy": False,
        "host_config": _host_config(plan, container, pause_id, ids),
    }
    for key, argument in (
        ("command", "command"),
        ("entryPoint", "entrypoint"),
        ("user", "user"),
        ("workingDirectory", "working_dir"),
    ):
        if definition.get(key):
            arguments[argument] = definition[key]
    return arguments


def _host_config(plan: TaskPlan, container: ContainerPlan, pause_id: str, ids: Mapping[str, str]) -> dict[str, Any]:
    definition = container.definition
    linux = definition.get("linuxParameters", {})
    capabilities = linux.get("capabilities", {})
    memory = definition.get("memory") or plan.memory
    config: dict[str, Any] = {
        "NetworkMode": f"container:{pause_id}",
        "Binds": _binds(plan, container),
        "VolumesFrom": [
            f"{ids[source['sourceContainer']]}:{'ro' if source.get('readOnly') else 'rw'}"
            for source in definition.get("volumesFrom", ())
        ],
        "ReadonlyRootfs": definition.get("readonlyRootFilesystem", False),
        "Privileged": definition.get("privileged", False),
        "CapAdd": capabilities.get("add", []),
        "CapDrop": capabilities.get("drop", []),
        "SecurityOpt": definition.get("dockerSecurityOptions", []),
        "Init": linux.get("initProcessEnabled", False),
        "Devices": [_device(d) for d in linux.get("devices", ())],
        "Tmpfs": {t["containerPath"]: _tmpfs_options(t) for t in linux.get("tmpfs", ())},
        "Ulimits": _ulimits(definition),
        "Sysctls": {
            c["namespace"]: c["value"]
            for c in definition.get("systemControls", ())
            if not c["namespace"].startswith("net.")
        },
        "CpuShares": _shares(plan, container),
        "LogConfig": _LOG_CONFIG,
    }
    if memory:
        # Memory and swap together: Fargate has no swap.
        config["Memory"] = config["MemorySwap"] = int(memory) * _MIB
    if definition.get("memoryReservation"):
        config["MemoryReservation"] = int(definition["memoryReservation"]) * _MIB
    if plan.cpu:
        config["CpuPeriod"] = _CPU_PERIOD
        config["CpuQuota"] = plan.cpu * _CPU_PERIOD // 1024
    if linux.get("sharedMemorySize"):
        config["ShmSize"] = int(linux["sharedMemorySize"]) * _MIB
    return config


def _binds(plan: TaskPlan, container: ContainerPlan) -> list[str]:
    binds = []
    for mount in container.definition.get("mountPoints", ()):
        volume = plan.volumes[mount["sourceVolume"]]
        source = volume.get("host", {}).get("sourcePath") or volume_name(plan.run, volume["name"])
        binds.append(f"{source}:{mount['containerPath']}:{'ro' if mount.get('readOnly') else 'rw'}")
    return binds


def task_volumes(plan: TaskPlan) -> list[str]:
    """Names of the volumes that live as long as the task: those without a path on the host."""
    return [name for name, volume in plan.volumes.items() if not volume.get("host", {}).get("sourcePath")]


def _shares(plan: TaskPlan, container: ContainerPlan) -> int:
    """Weight of the container: its own CPU units, or an equal part of what the others leave of the task's."""
    if container.definition.get("cpu"):
        return max(_MINIMUM_SHARES, int(container.definition["cpu"]))
    units = [int(c.definition.get("cpu") or 0) for c in plan.containers]
    left = (plan.cpu or 0) - sum(units)
    return max(_MINIMUM_SHARES, left // units.count(0))


def _ulimits(definition: Mapping[str, Any]) -> list[Ulimit]:
    return [
        Ulimit(name=u["name"], soft=int(u["softLimit"]), hard=int(u["hardLimit"]))
        for u in definition.get("ulimits", ())
    ]


def _health_check(check: Mapping[str, Any] | None) -> dict[str, Any]:
    """Defaults are ECS's: every 30 s, 5 s to answer, 3 retries, no start period."""
    if not check:
        return {"Test": ["NONE"]}
    return {
        "Test": list(check["command"]),
        "Interval": int(check.get("interval") or 30) * _SECOND,
        "Timeout": int(check.get("timeout") or 5) * _SECOND,
        "Retries": int(check.get("retries") or 3),
        "StartPeriod": int(check.get("startPeriod") or 0) * _SECOND,
    }


def _tmpfs_options(tmpfs: Mapping[str, Any]) -> str:
    return ",".join([f"size={int(tmpfs['size'])}m", *tmpfs.get("mountOptions", ())])


def _device(device: Mapping[str, Any]) -> dict[str, str]:
    permissions = "".join(p[0] if p != "mknod" else "m" for p in device.get("permissions", ())) or "rwm"
    return {
        "PathOnHost": device["hostPath"],
        "PathInContainer": device.get("containerPath") or device["hostPath"],
        "CgroupPermissions": permissions,
    }


def _sysctls(plan: TaskPlan, prefix: str) -> dict[str, str]:
    """With awsvpc networking, network sysctls of any container hold for the whole task."""
    return {
        control["namespace"]: control["value"]
        for container in plan.containers
        for control in container.definition.get("systemControls", ())
        if control["namespace"].startswith(prefix)
    }
