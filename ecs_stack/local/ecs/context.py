"""What every action and the scheduler are given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ecs_stack.local.ecs.arns import Arns
from ecs_stack.local.ecs.events import EventSink
from ecs_stack.local.ecs.runner.model import ClientFactory
from ecs_stack.local.ecs.store import Store

Params = dict[str, Any]
Result = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Context:
    """One request's surroundings, or the scheduler's in one region. ``now`` is in seconds since the epoch."""

    region: str
    account: str
    store: Store
    clients: ClientFactory
    events: EventSink
    now: Callable[[], float]
    wake: Callable[[], None]

    @property
    def arns(self) -> Arns:
        """ARNs of this account and region."""
        return Arns(self.region, self.account)

    def client(self, service: str) -> Any:
        """A boto3 client in this region."""
        return self.clients(service, self.region)
