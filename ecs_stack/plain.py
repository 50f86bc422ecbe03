"""The program that plain ``pulumi preview`` and ``pulumi up`` run, in a checkout and in a project made by ``init``."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi

from ecs_stack import ephemeral_program, sdk_costs, spec
from ecs_stack.errors import SpecError
from ecs_stack.outputs import EXPORT, StackOutputs
from ecs_stack.program import build

_NO_STACK = "unknown stack"


def run(root: Path) -> None:
    """Build the environment of the project in ``root`` that the stack is named after.

    An ephemeral one, which has no file, is built from what its state says that it was made from, on its host as that is
    now. Raises pulumi.RunError, which the engine shows without a traceback, if the environment's file is wrong or a
    local environment would go to a real account.
    """
    sdk_costs.lighten()
    pulumi.run(sdk_costs.outputs_settled)
    name = pulumi.get_stack()
    if name not in spec.names(root) and (outputs := _outputs(name)) and (facts := outputs.ephemeral):
        host = _outputs(facts.host)
        if host is None:
            raise pulumi.RunError(f"There is no stack of {facts.host}, which {name} stands on.")
        _refuse_real_account(name, str(facts.spec["target"]))
        ephemeral_program.build(facts, host, pulumi.get_project())
        return
    try:
        environment = spec.load(root, name)
    except SpecError as error:
        lines = [error.message, *(f"  {problem}" for problem in error.problems), error.hint or ""]
        raise pulumi.RunError("\n".join(filter(None, lines))) from None
    _refuse_real_account(name, environment.target)
    build(environment, pulumi.get_project())


def _refuse_real_account(name: str, target: str) -> None:
    if target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
        raise pulumi.RunError(
            f"The environment '{name}' runs on the local target, but AWS_ENDPOINT_URL isn't set: "
            'this would go to a real account. Run first: eval "$(ecs-stack local env)"'
        )


def _outputs(stack: str) -> StackOutputs | None:
    """What a stack of this project exports, by the engine's own function for it; None without one, or before an up."""
    full = f"{pulumi.get_organization()}/{pulumi.get_project()}/{stack}"
    try:
        read = pulumi.runtime.invoke("pulumi:pulumi:readStackOutputs", {"name": full})
    except Exception as error:
        if _NO_STACK in str(error):  # the SDK has no type for it
            return None
        raise
    exported = (read.value or {}).get("outputs") or {}
    return StackOutputs.from_dict(exported[EXPORT]) if EXPORT in exported else None
