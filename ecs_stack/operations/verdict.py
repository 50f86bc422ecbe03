"""Whether an up reached what was asked for: a service that doesn't run its revision makes it a failure."""

from __future__ import annotations

from ecs_stack.errors import DeploymentFailedError, RolledBackError
from ecs_stack.results import Rollout, RolloutState, UpReceipt


def raise_unless_reached(receipt: UpReceipt) -> None:
    """Raises RolledBackError or DeploymentFailedError, with the receipt, if a service missed its revision."""
    missed = [r for r in receipt.rollouts if r.state in (RolloutState.ROLLED_BACK, RolloutState.FAILED)]
    if not missed:
        return
    lines = tuple(line for rollout_ in missed for line in _missed(rollout_))
    name = receipt.environment
    hint = f"Correct it and run `ecs-stack up {name}` again; `ecs-stack logs {name}` has the tasks' output."
    names = ", ".join(r.service for r in missed)
    if any(r.state is RolloutState.ROLLED_BACK for r in missed):
        message = f"ECS rolled back {names}: the revision that was asked for doesn't run"
        raise RolledBackError(message, problems=lines, hint=hint, receipt=receipt)
    message = f"the deployment of {names} failed"
    raise DeploymentFailedError(message, problems=lines, hint=hint, receipt=receipt)


def _missed(missed: Rollout) -> list[str]:
    runs = f"{missed.running_revision} runs" if missed.running_revision else "nothing runs"
    what = "was rolled back" if missed.state is RolloutState.ROLLED_BACK else "failed"
    first = f"{missed.service}: {missed.requested_revision} {what}, {runs}. Reason: {missed.reason}"
    return [first, *(f"{missed.service} said: {line}" for line in missed.last_lines)]
