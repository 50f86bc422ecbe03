"""What the tasks of a runner share, and what they are told."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import Literal

from ecs_stack.local.ecs.runner.engine import Engine
from ecs_stack.local.ecs.runner.log_shipper import LogShipper
from ecs_stack.local.ecs.runner.metadata import MetadataServer
from ecs_stack.local.ecs.runner.model import ClientFactory, TaskState
from ecs_stack.local.ecs.runner.records import Records


@dataclass(frozen=True, kw_only=True)
class Services:
    """What the tasks of a runner share. ``workers`` bounds how much the Docker engine is asked at once."""

    engine: Engine
    clients: ClientFactory
    records: Records
    logs: LogShipper
    metadata: MetadataServer | None
    endpoint: str | None
    workers: Executor
    pulls: Executor
    publish: Callable[[TaskState], None]


@dataclass(frozen=True)
class Message:
    """Something that happened. ``container_id`` is a Docker id; ``value`` an exit code or a health status."""

    kind: Literal["wake", "verify", "ended", "oom", "health"]
    container_id: str = ""
    value: str = ""
