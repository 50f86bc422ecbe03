"""What a prune returns; see ``ecs_stack.results``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Ground(StrEnum):
    """Why something goes: it expired; its pull request is closed; a run was cut short and nothing of it runs any more;
    its stack is empty; or no stack knows of it."""

    EXPIRED = "expired"
    CLOSED = "closed"
    CUT_SHORT = "cut-short"
    EMPTY = "empty"
    ORPHANED = "orphaned"


class Outcome(StrEnum):
    """What became of what was to go. ``pending``: nothing yet, for it was only looked at. ``stays``: another run has
    renewed it in the meantime, or is changing it."""

    PENDING = "pending"
    GONE = "gone"
    STAYS = "stays"
    FAILED = "failed"


class Reason(StrEnum):
    """Why an ephemeral environment stays. ``busy``: another run is changing it. ``elsewhere``: it isn't reached with
    these credentials. ``unsure``: it may be somebody's whose state isn't seen from here."""

    ALIVE = "alive"
    OPEN = "open"
    PINNED = "pinned"
    PROTECTED = "protected"
    BUSY = "busy"
    ELSEWHERE = "elsewhere"
    UNSURE = "unsure"


@dataclass(frozen=True, kw_only=True)
class Going:
    """What a prune takes away: a stack with its ``resources``, resources that no stack knows of (``orphans``, as
    ``kind id``), or both. ``why`` says the ground in words, ``problem`` why it failed or stays."""

    environment: str
    ground: Ground
    why: str
    host: str | None
    owner: str | None
    expires: datetime | None
    resources: int
    orphans: tuple[str, ...]
    outcome: Outcome = Outcome.PENDING
    problem: str | None = None


@dataclass(frozen=True, kw_only=True)
class Staying:
    """An ephemeral environment that a prune leaves alone. ``why`` says the reason in words."""

    environment: str
    host: str | None
    reason: Reason
    why: str


@dataclass(frozen=True, kw_only=True)
class LookedIn:
    """Where resources were looked for. ``account`` is None if nothing says which it has to be."""

    target: str
    region: str
    account: str | None


@dataclass(frozen=True, kw_only=True)
class Absence:
    """A kind of resource that was looked for once all was deleted: how many were, and those that are left."""

    kind: str
    deleted: int
    left: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class PruneReceipt:
    """What a prune took away, or would with ``dry_run``. ``at`` is the moment that it judged by.

    ``absence`` is the proof: what was looked for afterwards, by these ``tags`` (a value or several), and not found.
    ``problems`` are what kept it from judging or deleting something.
    """

    dry_run: bool
    at: datetime
    going: tuple[Going, ...]
    staying: tuple[Staying, ...]
    looked_in: tuple[LookedIn, ...]
    tags: Mapping[str, tuple[str, ...]]
    absence: tuple[Absence, ...] = ()
    problems: tuple[str, ...] = ()
    duration: float
