"""What the local cloud of a root made in Docker: only what carries the root's label is looked at, and touched."""

from __future__ import annotations

import contextlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker.errors

from ecs_stack.local.docker import connect
from ecs_stack.local.labels import CONTAINER_LABEL, PAUSE, ROOT_LABEL
from ecs_stack.results import LocalContainer

#: Seconds that a task's container gets when the whole cloud stops.
STOP_TIMEOUT = 5


def look(host: str | None, root: Path) -> tuple[str, tuple[LocalContainer, ...]]:
    """What to say of the Docker engine at ``host``, and the root's containers on it."""
    client = connect(host) if host else None
    if client is None:
        return "no Docker engine answers: tasks are recorded, not run", ()
    with contextlib.closing(client):
        says = f"Docker {client.version().get('Version', '?')} at {host}"
        return says, tuple(_container(found) for found in _labelled(client, root))


def stop_containers(host: str | None, root: Path) -> int:
    """Stop what carries this root's label; how many containers ran."""
    client = connect(host) if host else None
    if client is None:
        return 0
    with contextlib.closing(client):
        running = [found for found in _labelled(client, root) if found.status == "running"]
        tasks = [found for found in running if found.labels.get(CONTAINER_LABEL) != PAUSE]
        with ThreadPoolExecutor(max_workers=16) as pool:
            list(pool.map(_stop_container, tasks))
        # The rest only hold the tasks' network namespaces: nothing in them to end in order.
        for found in running:
            if found not in tasks:
                with contextlib.suppress(docker.errors.APIError):
                    found.kill()
    return len(running)


def _stop_container(found: Any) -> None:
    with contextlib.suppress(docker.errors.APIError):
        found.stop(timeout=STOP_TIMEOUT)


def remove(host: str | None, root: Path) -> dict[str, int]:
    """Remove what carries this root's label; how many of each kind there were."""
    counts = {"containers": 0, "networks": 0, "volumes": 0}
    client = connect(host) if host else None
    if client is None:
        return counts
    with contextlib.closing(client):
        label = {"label": f"{ROOT_LABEL}={root}"}
        for found in _labelled(client, root):
            with contextlib.suppress(docker.errors.NotFound):
                found.remove(force=True, v=True)
            counts["containers"] += 1
        for network in client.networks.list(filters=label):
            network.remove()
            counts["networks"] += 1
        for volume in client.volumes.list(filters=label):
            volume.remove(force=True)
            counts["volumes"] += 1
        # Importing it takes longer than most commands do. The image serves all roots: it goes with the last one.
        from ecs_stack.local.ecs.runner import pause

        pause.remove_image(client)
    return counts


def _labelled(client: Any, root: Path) -> list[Any]:
    return list(client.containers.list(all=True, filters={"label": f"{ROOT_LABEL}={root}"}, ignore_removed=True))


def _container(found: Any) -> LocalContainer:
    ports = tuple(
        f"{binding['HostIp']}:{binding['HostPort']} -> {port}"
        for port, bindings in sorted((found.attrs["NetworkSettings"]["Ports"] or {}).items())
        for binding in bindings or ()
    )
    return LocalContainer(name=found.name, image=found.attrs["Config"]["Image"], state=found.status, ports=ports)
