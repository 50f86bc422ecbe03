"""What a verb did, in a few lines. Pure."""

from __future__ import annotations

from rich.text import Text

from ecs_stack.render.changes import summary
from ecs_stack.render.words import count, duration
from ecs_stack.results import (
    BootstrapOutcome,
    BootstrapReceipt,
    DestroyReceipt,
    ResetReceipt,
    Rollout,
    RolloutState,
    UnlockReceipt,
    UpReceipt,
)

_STATES = {
    RolloutState.UNCHANGED: ("runs as before", "dim"),
    RolloutState.COMPLETED: ("deployed", "green"),
    RolloutState.ROLLED_BACK: ("rolled back", "red"),
    RolloutState.FAILED: ("failed", "red"),
}


def up(receipt: UpReceipt) -> list[Text]:
    """What changed, how each service's deployment ended, and where the services answer."""
    lines = [Text(f"{receipt.environment}: {summary(receipt.summary, done=True)} ({duration(receipt.duration)})")]
    width = max((len(r.service) for r in receipt.rollouts), default=0)
    for rollout in receipt.rollouts:
        lines.append(_rollout(rollout, width, receipt.urls.get(rollout.service)))
    return lines


def destroy(receipt: DestroyReceipt) -> list[Text]:
    """What was deleted."""
    what = summary(receipt.summary, done=True)
    return [Text(f"{receipt.environment} is gone: {what} ({duration(receipt.duration)})")]


def unlock(receipt: UnlockReceipt) -> list[Text]:
    """Whose locks were removed."""
    removed = [Text(f"Removed the lock of {who.user}@{who.host} (pid {who.pid})") for who in receipt.removed]
    return removed or [Text(f"{receipt.environment} isn't locked")]


def bootstrap(receipt: BootstrapReceipt) -> list[Text]:
    """What was made and what was there, and what to write into the environment file."""
    lines = [Text(f"The state of {receipt.environment}: account {receipt.account}, {receipt.region}", style="bold")]
    width = max(len(step.what) for step in receipt.steps)
    for step in receipt.steps:
        made = step.outcome is BootstrapOutcome.MADE
        lines.append(Text(f"  {step.outcome}  ", style="green" if made else "dim"))
        lines[-1].append(f"{step.what:<{width}}  {step.name}", style="not bold default")
    file = f"envs/{receipt.environment}.yaml"
    if receipt.declared:
        return [*lines, Text(f"{file} has it in `state` already")]
    return [
        *lines,
        Text(f"Write into {file}:"),
        Text("  state:"),
        *(Text(f"    {name}: {value}") for name, value in receipt.state.items()),
    ]


def reset(receipt: ResetReceipt) -> list[Text]:
    """What ``local reset`` removed."""
    parts = [
        count(receipt.processes, "process", "processes"),
        count(receipt.containers, "container"),
        count(receipt.networks, "network"),
        count(receipt.volumes, "volume"),
    ]
    removed = [*receipt.paths, *(f"the stack of {name}" for name in receipt.stacks)]
    return [Text(f"Removed {', '.join(parts)}"), *(Text(f"  {each}") for each in removed)]


def _rollout(rollout: Rollout, width: int, url: str | None) -> Text:
    words, style = _STATES[rollout.state]
    line = Text(f"  {rollout.service:<{width}}  {rollout.running_revision}  ")
    line.append(words, style=style)
    if url:
        line.append(f"  {url}", style="bold")
    return line
