"""Changes as a tree by component, with a mark before each line, and as a one-line summary. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from rich.text import Text

from ecs_stack.render.words import shorten
from ecs_stack.results import ChangeKind, ChangeSummary, DriftKind, PropertyChange, ResourceChange, ResourceDrift

MARKS = {
    ChangeKind.CREATE: ("+", "green"),
    ChangeKind.UPDATE: ("~", "yellow"),
    ChangeKind.REPLACE: ("+-", "magenta"),
    ChangeKind.DELETE: ("-", "red"),
    ChangeKind.SAME: ("", ""),
}
_PLANNED = {
    ChangeKind.CREATE: "to create",
    ChangeKind.UPDATE: "to change",
    ChangeKind.REPLACE: "to replace",
    ChangeKind.DELETE: "to delete",
    ChangeKind.SAME: "unchanged",
}
_DONE = {
    ChangeKind.CREATE: "created",
    ChangeKind.UPDATE: "changed",
    ChangeKind.REPLACE: "replaced",
    ChangeKind.DELETE: "deleted",
    ChangeKind.SAME: "unchanged",
}
#: Characters of a property's value that are shown; ``--json`` has all of it.
VALUE = 80


def tree(changes: Sequence[ResourceChange]) -> list[Text]:
    """What changes, each under its parent. What doesn't is left out unless something below it does."""
    known = {change.urn for change in changes}
    children: dict[str | None, list[ResourceChange]] = defaultdict(list)
    for change in changes:
        children[change.parent if change.parent in known else None].append(change)
    return [line for top in children[None] for line in _branch(top, children, "", "")]


def drift(found: Sequence[ResourceDrift]) -> list[Text]:
    """What was deleted or changed by others since the last run, in words."""
    if not found:
        return []
    lines = [Text("Since the last run, not by ecs-stack:", style="bold")]
    for each in found:
        line = Text(f"!  {_short_type(each.type)} {each.name} was {each.kind.value}")
        line.stylize("red" if each.kind is DriftKind.DELETED else "yellow", 0, 1)
        lines.append(line)
        lines += [_property(changed, "   ") for changed in each.properties]
    return lines


def summary(counts: ChangeSummary, *, done: bool = False) -> str:
    """``3 to create, 1 to change, 12 unchanged``; with ``done``, in the past."""
    words = _DONE if done else _PLANNED
    parts = [(getattr(counts, kind.value), words[kind]) for kind in ChangeKind]
    return ", ".join(f"{number} {word}" for number, word in parts if number) or "nothing"


def _branch(
    change: ResourceChange, children: dict[str | None, list[ResourceChange]], lead: str, stem: str
) -> Iterator[Text]:
    below = [child for child in children[change.urn] if _telling(child, children)]
    if change.kind is ChangeKind.SAME and not below:
        return
    mark, style = MARKS[change.kind]
    line = Text(f"{mark:<2} {lead}")
    line.append(_short_type(change.type), style=style or "dim")
    line.append(f" {change.name}", style="bold" if below else "")
    if mark:
        line.stylize(style, 0, len(mark))
    yield line
    bar = "│  " if below else "   "
    for changed in change.properties:
        yield _property(changed, f"{stem}{bar}")
    for index, child in enumerate(below):
        last = index == len(below) - 1
        elbow, rest = ("└─ ", "   ") if last else ("├─ ", "│  ")
        yield from _branch(child, children, stem + elbow, stem + rest)


def _telling(change: ResourceChange, children: dict[str | None, list[ResourceChange]]) -> bool:
    return change.kind is not ChangeKind.SAME or any(_telling(child, children) for child in children[change.urn])


def _property(changed: PropertyChange, stem: str) -> Text:
    line = Text(f"   {stem}")
    line.append(f"{changed.path}: ")
    if changed.before is not None:
        line.append(shorten(changed.before, VALUE), style="red")
    if changed.before is not None and changed.after is not None:
        line.append(" -> ")
    if changed.after is not None:
        line.append(shorten(changed.after, VALUE), style="green")
    if changed.before is None:
        line.append(" (new)", style="dim")
    if changed.after is None:
        line.append(" (removed)", style="dim")
    if changed.forces_replacement:
        line.append(" (replaces it)", style="magenta")
    return line


def _short_type(type_: str) -> str:
    return "Provider" if type_.startswith("pulumi:providers:") else type_.rsplit(":", 1)[-1]
