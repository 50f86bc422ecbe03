"""What is left of a task's containers after a restart of the process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ecs_stack.local.ecs.runner.engine import SIGKILL_EXIT, Engine
from ecs_stack.local.ecs.runner.ordering import Container
from ecs_stack.local.ecs.runner.records import Record
from ecs_stack.local.labels import PAUSE


@dataclass(kw_only=True)
class Survey:
    """What was found. ``ended`` has the containers whose end nobody has noted yet, with their exit codes."""

    pause_id: str | None = None
    host_ports: dict[int, int] = field(default_factory=dict)
    alive_or_ended: list[Container] = field(default_factory=list)
    ended: list[tuple[Container, str]] = field(default_factory=list)
    network_lost: bool = False


def survey(containers: Mapping[str, Container], record: Record, ids: Mapping[str, str], engine: Engine) -> Survey:
    """Bring ``containers`` up to what Docker has of them; ``ids`` maps their names to Docker ids.

    Containers that were created but never started are removed, to be made again. Raises one of DOCKER_ERRORS.
    """
    result = Survey()
    pause = engine.inspect(ids[PAUSE]) if PAUSE in ids else None
    if pause and pause.running:
        result.pause_id, result.host_ports = pause.id, engine.published(pause.id)
    elif pause:
        engine.remove(pause.id)
    for name, container in containers.items():
        found = engine.inspect(ids[name]) if name in ids else None
        if found and found.status == "created":
            engine.remove(found.id)
        elif found:
            container.started(found.id)
            container.stop_signal = found.stop_signal
            container.set_health(found.health)
            engine.describe_image(container, found.image_id)
            result.alive_or_ended.append(container)
            if not found.running:
                result.ended.append((container, str(found.exit_code)))
        elif name in record.ended:
            container.ended(record.ended[name].exit_code, record.ended[name].reason)
        elif name in record.created:
            result.ended.append((container, str(SIGKILL_EXIT)))
    result.network_lost = result.pause_id is None and any(c.status != "PENDING" for c in containers.values())
    return result
