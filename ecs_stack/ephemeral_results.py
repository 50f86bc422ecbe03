"""What the verbs of ephemeral environments return; see ``results``."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ecs_stack.costs import CostTotal
from ecs_stack.results import ChangeSummary, ResourceChange, UpReceipt


@dataclass(frozen=True, kw_only=True)
class EphemeralReceipt(UpReceipt):
    """What an up of an ephemeral environment made. ``url`` is where it answers, None if no service has a route.

    ``borrowed`` are the host's services that answer in it, too. ``expires`` is None if it never does. ``notes`` say
    what is left to do. ``cost`` is what it adds to its host's on AWS, None in a region without list prices.
    """

    host: str
    url: str | None
    borrowed: tuple[str, ...]
    owner: str
    created: datetime
    expires: datetime | None
    notes: tuple[str, ...] = ()
    cost: CostTotal | None = None


@dataclass(frozen=True, kw_only=True)
class ExtendReceipt:
    """The new end of an ephemeral environment; None if it never expires now."""

    environment: str
    expires: datetime | None
    changes: tuple[ResourceChange, ...]
    summary: ChangeSummary
    duration: float


@dataclass(frozen=True, kw_only=True)
class EphemeralSummary:
    """One line of ``ephemeral list``.

    ``health`` is ready, deploying, failing (tasks are missing), gone (services are), incomplete (no up got to its end),
    or unknown (the host's cluster doesn't answer). ``cost`` is what it adds to its host's on AWS, None where that can't
    be told.
    """

    name: str
    host: str
    owner: str | None
    created: datetime | None
    expires: datetime | None
    expired: bool
    url: str | None
    health: str
    cost: CostTotal | None = None
