"""Ephemeral environments in a few lines. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from rich.console import RenderableType
from rich.text import Text

from ecs_stack.ephemeral_results import EphemeralReceipt, EphemeralSummary, ExtendReceipt
from ecs_stack.render import receipts
from ecs_stack.render.money import daily, sums
from ecs_stack.render.status import Columns
from ecs_stack.render.words import clock, duration

_STYLES = {"ready": "green", "deploying": "yellow", "unknown": "dim"}


def up(receipt: EphemeralReceipt) -> list[Text]:
    """What changed, whose services answer in it, and where."""
    lines = receipts.up(receipt)
    if receipt.borrowed:
        lines.append(Text(f"  {', '.join(receipt.borrowed)}: {receipt.host}'s"))
    lines.append(Text(_end(receipt.expires)))
    if receipt.cost:
        lines.append(Text(f"adds {sums(receipt.cost, '$')[0]} a day on AWS"))
    lines += [Text(note) for note in receipt.notes]
    if receipt.url:
        lines.append(Text(receipt.url, style="bold"))
    return lines


def extend(receipt: ExtendReceipt) -> list[Text]:
    """When it ends now."""
    return [Text(f"{receipt.environment}: {_end(receipt.expires)} ({duration(receipt.duration)})")]


def environments(found: Sequence[EphemeralSummary], now: datetime) -> RenderableType:
    """One line for each."""
    if not found:
        return Text("There are no ephemeral environments.")
    table = Columns("environment", "host", "owner", ">age", ">expires in", "health", ">$ a day on AWS", "url")
    for each in found:
        table.add_row(
            each.name,
            each.host,
            each.owner or "-",
            span((now - each.created).total_seconds()) if each.created else "-",
            _left(each, now),
            Text(each.health, style=_STYLES.get(each.health, "red")),
            daily(each.cost),
            each.url or "-",
        )
    return table


def span(seconds: float) -> str:
    """``40 s``, ``12 min``, ``71 h``, ``5 d``: about so long."""
    for unit, length, least in (("d", 86_400, 4), ("h", 3_600, 2), ("min", 60, 2)):
        if seconds >= least * length:
            return f"{int(seconds // length)} {unit}"
    return f"{max(int(seconds), 0)} s"


def _left(each: EphemeralSummary, now: datetime) -> str:
    if each.expires is None:
        return "never"
    return "expired" if each.expired else span((each.expires - now).total_seconds())


def _end(expires: datetime | None) -> str:
    return f"expires {clock(expires.astimezone(UTC))} UTC" if expires else "never expires"
