"""Whether an ephemeral environment goes, and why. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from ecs_stack.pruning.keep_open import OpenRequests
from ecs_stack.pruning.results import Ground, Reason
from ecs_stack.rules import ephemeral as rules
from ecs_stack.standing import Standing


@dataclass(frozen=True)
class Verdict:
    """``ground`` is what it goes for, ``reason`` what it stays for: one of them is there."""

    why: str
    ground: Ground | None = None
    reason: Reason | None = None


def judge(found: Standing, now: datetime, keep: OpenRequests | None, *, ending: bool) -> Verdict:
    """The verdict on what a state says. ``keep`` None: nobody knows which pull requests are open. ``ending``: a run
    that was to delete it didn't get to its end."""
    if found.protected:
        return Verdict("it is protected", reason=Reason.PROTECTED)
    if not found.resources:
        return Verdict("its stack has no resources", Ground.EMPTY)
    if ending:
        return Verdict("its end was cut short", Ground.CUT_SHORT)
    if not found.services:
        return Verdict("a run was cut short, and nothing of it runs", Ground.CUT_SHORT)
    if found.expires and found.expires <= now:
        return Verdict(f"expired {rules.stamp(found.expires)}", Ground.EXPIRED)
    facts = found.outputs.ephemeral if found.outputs else None
    is_open = keep.has(found.name, facts.branch if facts else None) if keep else None
    if is_open is False:
        return Verdict("its pull request isn't open", Ground.CLOSED)
    if is_open:
        return Verdict("its pull request is open", reason=Reason.OPEN)
    if found.expires is None:
        return Verdict("it is pinned", reason=Reason.PINNED)
    return Verdict(f"expires {rules.stamp(found.expires)}", reason=Reason.ALIVE)
