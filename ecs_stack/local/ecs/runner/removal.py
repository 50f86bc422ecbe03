"""What is done with a task's containers once all of them have ended."""

from __future__ import annotations

import time
from collections.abc import Iterable

from ecs_stack.local.ecs.runner.engine import SIGKILL_EXIT, Engine
from ecs_stack.local.ecs.runner.ordering import Container
from ecs_stack.local.ecs.runner.services import Services
from ecs_stack.local.labels import PAUSE

# Seconds to wait for an ended container's last lines to be shipped.
_DRAIN = 15.0


def killed_for_memory(containers: Iterable[Container], engine: Engine) -> list[Container]:
    """Those that the kernel killed for their memory although no event of Docker's said so. Raises DOCKER_ERRORS."""
    found = []
    for container in containers:
        if container.id and container.exit_code == SIGKILL_EXIT and not container.out_of_memory:
            state = engine.inspect(container.id)
            if state and state.oom_killed:
                found.append(container)
    return found


def remove(task_id: str, log_keys: Iterable[str], services: Services) -> None:
    """Ship the last lines, then remove the task's containers, network and volumes. Raises DOCKER_ERRORS."""
    deadline = time.monotonic() + _DRAIN
    for key in log_keys:
        services.logs.drain(key, max(0.0, deadline - time.monotonic()))
    # By label, so that a container whose creation was never answered goes too.
    left = services.engine.containers(task_id).get(task_id, {})
    # The pause container goes last: the others live in its network.
    pause = left.pop(PAUSE, None)
    for removal in [services.workers.submit(services.engine.remove, i) for i in left.values()]:
        removal.result()
    if pause:
        services.engine.remove(pause)
    services.engine.remove_volumes(task_id)
