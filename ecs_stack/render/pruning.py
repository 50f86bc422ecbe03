"""A prune in a few lines. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import RenderableType
from rich.text import Text

from ecs_stack.pruning.results import Absence, Going, Outcome, PruneReceipt, Reason
from ecs_stack.render.status import Columns
from ecs_stack.render.words import count, duration

_OUTCOMES = {
    Outcome.PENDING: ("would go", "yellow"),
    Outcome.GONE: ("gone", "green"),
    Outcome.STAYS: ("stays", "dim"),
    Outcome.FAILED: ("failed", "red"),
}
#: Those that stay for another reason than their time are named one by one.
_PLAIN = (Reason.ALIVE, Reason.OPEN)


def prune(receipt: PruneReceipt) -> list[RenderableType]:
    """What goes and why, what stays, and what isn't there any more."""
    lines: list[RenderableType] = []
    if receipt.going:
        table = Columns("environment", "", "why", "host", "owner", ">resources")
        for each in receipt.going:
            said, style = _OUTCOMES[each.outcome]
            why = f"{each.why}; {each.problem}" if each.problem else each.why
            resources = str(each.resources + len(each.orphans))
            table.add_row(
                each.environment, Text(said, style=style), why, each.host or "-", each.owner or "-", resources
            )
        lines.append(table)
    lines += [Text(f"{each.environment} stays: {each.why}") for each in receipt.staying if each.reason not in _PLAIN]
    others = Counter(each.reason for each in receipt.staying if each.reason in _PLAIN)
    if others:
        lines.append(Text(f"{count(others.total(), 'environment')} {_stay(others)}"))
    return [*lines, *_end(receipt)]


def _stay(others: Counter[Reason]) -> str:
    number = others[Reason.OPEN]
    verb = "stays" if others.total() == 1 else "stay"
    return f"{verb}, {number} for {'its' if number == 1 else 'their'} open pull request" if number else verb


def _end(receipt: PruneReceipt) -> list[Text]:
    if not receipt.going:
        return [Text("There is nothing to prune.")]
    if receipt.dry_run:
        return [Text(f"{count(len(receipt.going), 'environment')} would go. Nothing was touched: `--yes` prunes.")]
    gone = [each for each in receipt.going if each.outcome is Outcome.GONE]
    return [*_proof(receipt.absence), Text(_pruned(gone, receipt.duration), style="bold")]


def _pruned(gone: Sequence[Going], seconds: float) -> str:
    return f"{count(len(gone), 'environment')} pruned ({duration(seconds)})"


def _proof(absence: Sequence[Absence]) -> list[Text]:
    """What was looked for by its tags."""
    deleted = [f"{each.kind} {each.deleted}" for each in absence if each.deleted]
    left = [f"{each.kind} {identity}" for each in absence for identity in each.left]
    if not absence:
        return []
    lines = [Text(f"deleted: {', '.join(deleted) or 'nothing'}")]
    kinds = ", ".join(each.kind for each in absence)
    if left:
        lines += [Text(f"still there: {each}", style="red") for each in left]
    else:
        lines.append(Text(f"looked for by tag, none left: {kinds}", style="dim"))
    return lines
