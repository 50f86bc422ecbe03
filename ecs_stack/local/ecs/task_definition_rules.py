"""What RegisterTaskDefinition refuses.

The rules are the API Reference's (RegisterTaskDefinition, ContainerDefinition, HealthCheck, ...) and the
Developer Guide's "Amazon ECS task definition differences for Fargate". Messages are AWS's where they are
known. Each function raises EcsError at the first rule that is broken.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ecs_stack.local.ecs.container_dependencies import check_dependencies
from ecs_stack.local.ecs.errors import client_error
from ecs_stack.local.ecs.task_size import FARGATE_SIZES, cpu_units, is_fargate_size, memory_mib

Definition = Mapping[str, Any]
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
_IMAGE = re.compile(r"[A-Za-z0-9_./:@-]{1,255}\Z")
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+\Z")
_ECR = re.compile(r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(\.cn)?/")
#: Developer Guide, "Amazon ECS task definition differences for Fargate": log drivers.
_FARGATE_LOG_DRIVERS = ("awslogs", "splunk", "awsfirelens")
#: API Reference, HealthCheck: bounds and defaults, in seconds (retries: a count).
HEALTH_CHECK_BOUNDS = {"interval": (5, 300), "timeout": (2, 60), "retries": (1, 10), "startPeriod": (0, 300)}
#: Service quotas: containers of a task definition. API Reference, ContainerDefinition: stopTimeout, seconds.
_MAX_CONTAINERS = 10
_MAX_STOP_TIMEOUT = 120
#: API Reference, ContainerDefinition.memory: Docker's own minimum, in MiB.
_MIN_CONTAINER_MEMORY = 6
#: Fargate tasks have 20 GiB anyway; the API takes 21 to 200.
_EPHEMERAL_GIB = (21, 200)


def check(definition: Definition) -> None:
    """Check a whole request, defaults not yet filled in."""
    if not _NAME.match(definition["family"]):
        raise client_error("Family must have 1 to 255 letters, numbers, hyphens or underscores.")
    for member in ("taskRoleArn", "executionRoleArn"):
        if member in definition and not _ROLE.match(definition[member]):
            raise client_error(f"Role is not valid: {member} {definition[member]!r} is not an IAM role's ARN.")
    _check_size(definition)
    fargate = "FARGATE" in definition.get("requiresCompatibilities", ())
    if fargate:
        _check_fargate_task(definition)
    containers = definition["containerDefinitions"]
    if not containers:
        raise client_error("Container list cannot be empty.")
    if len(containers) > _MAX_CONTAINERS:
        raise client_error(f"A task definition can have {_MAX_CONTAINERS} containers.")
    for container in containers:
        _check_container(container, definition)
    names = [container["name"] for container in containers]
    for name in names:
        if names.count(name) > 1:
            raise client_error(f"Container names must be unique within a task definition: {name!r} is repeated.")
    if not any(container.get("essential", True) for container in containers):
        raise client_error("At least one container in a task definition must be essential.")
    if definition.get("networkMode") in ("awsvpc", "host"):
        _check_shared_ports(containers)
    check_dependencies(containers)
    if definition.get("executionRoleArn") is None and any(c.get("secrets") for c in containers):
        raise client_error(
            "When you are specifying container secrets, you must also specify a value for 'executionRoleArn'."
        )
    if fargate:
        check_fargate(definition)


def check_fargate(definition: Definition) -> None:
    """The rules for tasks on Fargate."""
    _check_fargate_task(definition)
    for container in definition["containerDefinitions"]:
        _check_fargate_container(container, definition)


def _check_fargate_task(definition: Definition) -> None:
    if definition.get("networkMode") != "awsvpc":
        raise client_error("Fargate only supports network mode \u2018awsvpc\u2019.")
    for member in ("cpu", "memory"):
        if member not in definition:
            raise client_error(f"Fargate requires that '{member}' be defined at the task level.")
    cpu, memory = cpu_units(definition["cpu"]), memory_mib(definition["memory"])
    if cpu is None or memory is None or not is_fargate_size(cpu, memory):
        sizes = ", ".join(str(size) for size in FARGATE_SIZES.get(cpu or 0, FARGATE_SIZES))
        hint = f"memory for {cpu} CPU: {sizes}" if cpu in FARGATE_SIZES else f"CPU: {sizes}"
        raise client_error(
            f"No Fargate configuration exists for given values: {definition['cpu']} CPU,"
            f" {definition['memory']} memory. Valid {hint}."
        )
    storage = definition.get("ephemeralStorage", {}).get("sizeInGiB")
    if storage is not None and not _EPHEMERAL_GIB[0] <= storage <= _EPHEMERAL_GIB[1]:
        raise client_error(
            f"EphemeralStorage size should be at least {_EPHEMERAL_GIB[0]} and at most {_EPHEMERAL_GIB[1]}."
        )
    for member in ("ipcMode", "placementConstraints", "inferenceAccelerators"):
        if definition.get(member):
            raise client_error(f"Fargate does not support {member}.")
    if definition.get("pidMode", "task") != "task":
        raise client_error("Fargate only supports pid mode 'task'.")
    for volume in definition.get("volumes", ()):
        if volume.get("host", {}).get("sourcePath") or "dockerVolumeConfiguration" in volume:
            raise client_error(
                f"Fargate does not support host.sourcePath or Docker volumes (volume {volume['name']!r})."
            )


def needs_execution_role(container: Mapping[str, Any]) -> str | None:
    """What a container on Fargate needs the execution role for; None if it needs none."""
    if container.get("logConfiguration", {}).get("logDriver") == "awslogs":
        return "log driver awslogs"
    if _ECR.match(container["image"]):
        return "ECR images"
    if container.get("repositoryCredentials"):
        return "private registry credentials"
    return None


def _check_size(definition: Definition) -> None:
    if "cpu" in definition and cpu_units(definition["cpu"]) is None:
        raise client_error(f"Invalid 'cpu' setting for task: {definition['cpu']!r}.")
    if "memory" in definition and memory_mib(definition["memory"]) is None:
        raise client_error(f"Invalid 'memory' setting for task: {definition['memory']!r}.")


def _check_container(container: Mapping[str, Any], definition: Definition) -> None:
    name = container.get("name", "")
    if not name:
        raise client_error("Container.name should not be null or empty.")
    if not _NAME.match(name):
        raise client_error(f"Container name {name!r} must have 1 to 255 letters, numbers, hyphens or underscores.")
    if not container.get("image"):
        raise client_error("Container.image should not be null or empty.")
    if not _IMAGE.match(container["image"]):
        raise client_error(f"Container.image contains invalid characters: {container['image']!r}.")
    _check_memory(container, definition)
    _check_ports(container, definition.get("networkMode"))
    _check_health(container)
    _check_volumes(container, definition)
    for variable in (*container.get("environment", ()), *container.get("secrets", ())):
        if not variable.get("name"):
            raise client_error(f"Invalid setting for container {name!r}. An environment variable needs a name.")
    if not 0 <= container.get("stopTimeout", 0) <= _MAX_STOP_TIMEOUT:
        raise client_error(f"Invalid setting for container {name!r}. stopTimeout must be at most {_MAX_STOP_TIMEOUT}.")
    if definition.get("networkMode") == "awsvpc":
        for member in ("links", "hostname", "dnsServers", "dnsSearchDomains", "extraHosts"):
            if container.get(member) and (member != "extraHosts" or "FARGATE" in _asked(definition)):
                raise client_error(f"{member} is not supported on container when networkMode=awsvpc.")


def _check_memory(container: Mapping[str, Any], definition: Definition) -> None:
    name, hard, soft = container["name"], container.get("memory"), container.get("memoryReservation")
    if hard is None and soft is None and "memory" not in definition:
        raise client_error(
            f"Invalid setting for container '{name}'. At least one of 'memory' or 'memoryReservation' must be"
            " specified."
        )
    for member, value in (("memory", hard), ("memoryReservation", soft)):
        if value is not None and value < _MIN_CONTAINER_MEMORY:
            raise client_error(
                f"Invalid setting for container '{name}'. {member} must be at least {_MIN_CONTAINER_MEMORY}."
            )
    if hard is not None and soft is not None and soft > hard:
        raise client_error(
            f"Invalid setting for container '{name}'. 'memory' must be greater than or equal to 'memoryReservation'."
        )
    total_memory = memory_mib(definition.get("memory", "")) or None
    total_cpu = cpu_units(definition.get("cpu", "")) or None
    containers = definition["containerDefinitions"]
    if total_memory and (hard or soft or 0) > total_memory:
        raise client_error(
            f"Invalid setting for container '{name}'. Its memory is greater than the task's: {hard or soft} >"
            f" {total_memory}."
        )
    if total_memory and sum(c.get("memoryReservation", c.get("memory", 0)) for c in containers) > total_memory:
        raise client_error("The memory of the task's containers is greater than the memory of the task.")
    if total_cpu and sum(c.get("cpu", 0) for c in containers) > total_cpu:
        raise client_error("The CPU units of the task's containers are more than those of the task.")


def _check_ports(container: Mapping[str, Any], network_mode: str | None) -> None:
    for mapping in container.get("portMappings", ()):
        if "containerPortRange" in mapping:
            if "containerPort" in mapping or "hostPort" in mapping:
                raise client_error("A port mapping has either containerPort or containerPortRange.")
            continue
        port = mapping.get("containerPort", 0)
        if not 1 <= port <= 65535:
            raise client_error(f"Invalid 'containerPort' setting for container '{container['name']}'.")
        host_port = mapping.get("hostPort", 0)
        if not 0 <= host_port <= 65535:
            raise client_error(f"Invalid 'hostPort' setting for container '{container['name']}'.")
        if network_mode in ("awsvpc", "host") and host_port not in (0, port):
            raise client_error(
                f"When networkMode={network_mode}, the host ports and container ports in port mappings must match."
            )
        if mapping.get("appProtocol") and not mapping.get("name"):
            raise client_error("A port mapping with an appProtocol needs a name.")


def _check_shared_ports(containers: Iterable[Mapping[str, Any]]) -> None:
    """Containers of a task share one network interface: a port can be used once for each protocol."""
    taken: set[tuple[Any, str]] = set()
    for container in containers:
        for mapping in container.get("portMappings", ()):
            port = mapping.get("containerPort") or mapping.get("containerPortRange")
            key = (port, mapping.get("protocol", "tcp"))
            if key in taken:
                raise client_error(f"Port mappings must be unique: {key[1]} port {port} is mapped twice.")
            taken.add(key)
    names = [m["name"] for c in containers for m in c.get("portMappings", ()) if m.get("name")]
    if len(set(names)) < len(names):
        raise client_error("Port mapping names must be unique within a task definition.")


def _check_health(container: Mapping[str, Any]) -> None:
    check = container.get("healthCheck")
    if check is None:
        return
    command = check["command"]
    if not command or command[0] not in ("CMD", "CMD-SHELL", "NONE"):
        raise client_error("A health check's command must start with CMD, CMD-SHELL or NONE.")
    if command[0] != "NONE" and len(command) < 2:
        raise client_error("A health check's command needs something to run.")
    for member, (low, high) in HEALTH_CHECK_BOUNDS.items():
        if member in check and not low <= check[member] <= high:
            raise client_error(
                f"Health check {member} of container '{container['name']}' must be between {low} and {high}."
            )


def _check_volumes(container: Mapping[str, Any], definition: Definition) -> None:
    volumes = {volume.get("name") for volume in definition.get("volumes", ())}
    for mount in container.get("mountPoints", ()):
        if mount.get("sourceVolume") not in volumes:
            raise client_error(f"Unknown volume '{mount.get('sourceVolume')}'.")
        if not mount.get("containerPath"):
            raise client_error(f"A mount point of container '{container['name']}' needs a containerPath.")
    names = {other.get("name") for other in definition["containerDefinitions"]}
    for source in container.get("volumesFrom", ()):
        if source.get("sourceContainer") not in names:
            raise client_error(f"Unknown container '{source.get('sourceContainer')}' in volumesFrom.")


def _check_fargate_container(container: Mapping[str, Any], definition: Definition) -> None:
    name = container["name"]
    driver = container.get("logConfiguration", {}).get("logDriver")
    if driver is not None and driver not in _FARGATE_LOG_DRIVERS:
        raise client_error(
            f"Log driver {driver} is not supported by Fargate: use one of {', '.join(_FARGATE_LOG_DRIVERS)}."
        )
    if driver == "awslogs":
        options = container["logConfiguration"].get("options", {})
        for option in ("awslogs-group", "awslogs-region", "awslogs-stream-prefix"):
            if option not in options:
                raise client_error(f"Log driver awslogs requires options: {option}.")
    reason = needs_execution_role(container)
    if reason and "executionRoleArn" not in definition:
        raise client_error(f"Fargate requires task definition to have execution role ARN to support {reason}.")
    for member in ("privileged", "dockerSecurityOptions", "disableNetworking"):
        if container.get(member):
            raise client_error(f"Fargate does not support {member} (container '{name}').")
    linux = container.get("linuxParameters", {})
    for member in ("devices", "sharedMemorySize", "tmpfs", "maxSwap", "swappiness"):
        if member in linux:
            raise client_error(f"Fargate does not support linuxParameters.{member} (container '{name}').")
    added = set(linux.get("capabilities", {}).get("add", ())) - {"SYS_PTRACE"}
    if added:
        raise client_error(f"Fargate only supports adding the SYS_PTRACE capability, not {', '.join(sorted(added))}.")


def _asked(definition: Definition) -> Iterable[str]:
    compatibilities: Iterable[str] = definition.get("requiresCompatibilities", ())
    return compatibilities


def check_empty_tags(params: Mapping[str, Any]) -> None:
    """RegisterTaskDefinition takes no empty list of tags."""
    if params.get("tags") == []:
        raise client_error("Tags can not be empty.")
