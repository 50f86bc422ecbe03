"""The first hour: what ``init`` wrote, what ``doctor`` found, which environments are valid. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from ecs_stack.render.words import count
from ecs_stack.results import CheckState, DoctorReport, InitReceipt, ReportArchive, ValidEnvironment

_STYLES = {CheckState.OK: "green", CheckState.WARN: "yellow", CheckState.FAIL: "bold red"}


def init(receipt: InitReceipt, *, here: bool) -> list[Text]:
    """What was written, and the commands to go on with; ``here``: the shell is in the project's folder."""
    lines = [Text(f"{receipt.project} is a project in {receipt.root}")]
    lines += [Text(f"  {file}", style="dim") for file in receipt.files]
    steps = [(step.command, step.purpose) for step in receipt.next]
    if not here:
        steps.insert(0, (f"cd {receipt.root}", "the project's folder"))
    width = max(len(command) for command, _ in steps)
    lines.append(Text("Next:"))
    lines += [Text(f"  {command:<{width}}", style="bold").append(f"  {why}", "not bold") for command, why in steps]
    return lines


def doctor(report: DoctorReport) -> list[Text]:
    """A line for each check, with the fix below what isn't right."""
    width = max(len(check.name) for check in report.checks)
    lines = []
    for check in report.checks:
        lines.append(Text(f"{check.state:<4}", style=_STYLES[check.state]))
        lines[-1].append(f"  {check.name:<{width}}  {check.detail}", style="not bold default")
        if check.fix:
            lines.append(Text(f"      {'':<{width}}  {check.fix}", style="dim"))
    failed = sum(check.state is CheckState.FAIL for check in report.checks)
    lines.append(Text(f"{count(failed, 'check')} failed" if failed else "Nothing is missing", style="bold"))
    return [*lines, *_archive(report.archive)] if report.archive else lines


def _archive(archive: ReportArchive) -> list[Text]:
    """Who sends it on should know what is in it, and look."""
    head = Text(f"Packed for a bug report, with secrets taken out; look at it before you share it:\n  {archive.path}")
    return [head, *(Text(f"    {name}", style="dim") for name in archive.files)]


def valid(found: Sequence[ValidEnvironment]) -> list[Text]:
    """A line for each environment."""
    return [Text(f"{each.name} is valid ({each.target}, {count(len(each.services), 'service')})") for each in found]
