"""The program that plain ``pulumi preview`` and ``pulumi up`` run, in a checkout and in a project made by ``init``."""

from __future__ import annotations

import os
from pathlib import Path

import pulumi

from ecs_stack import spec
from ecs_stack.errors import SpecError
from ecs_stack.program import build


def run(root: Path) -> None:
    """Build the environment of the project in ``root`` that the stack is named after.

    Raises pulumi.RunError, which the engine shows without a traceback, if the environment's file is wrong or a
    local environment would go to a real account.
    """
    try:
        environment = spec.load(root, pulumi.get_stack())
    except SpecError as error:
        lines = [error.message, *(f"  {problem}" for problem in error.problems), error.hint or ""]
        raise pulumi.RunError("\n".join(filter(None, lines))) from None
    if environment.target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
        raise pulumi.RunError(
            f"The environment '{environment.name}' runs on the local target, but AWS_ENDPOINT_URL isn't set: "
            'this would go to a real account. Run first: eval "$(ecs-stack local env)"'
        )
    build(environment, pulumi.get_project())
