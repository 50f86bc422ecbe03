"""The Pulumi program that plain ``pulumi preview`` and ``pulumi up`` run in a checkout.

Pulumi.yaml names this folder as the program, and Python then puts the folder itself on the module path, where
our ``local`` or ``spec`` would pass for top-level modules. The project's root takes its place.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE.parent
sys.path[:] = [str(_ROOT), *(entry for entry in sys.path if Path(entry or ".").resolve() != _PACKAGE)]

import pulumi  # noqa: E402

from ecs_stack import spec  # noqa: E402
from ecs_stack.errors import SpecError  # noqa: E402
from ecs_stack.program import build  # noqa: E402


def main() -> None:
    """Build the environment that the stack is named after."""
    try:
        environment = spec.load(_ROOT, pulumi.get_stack())
    except SpecError as error:
        lines = [error.message, *(f"  {problem}" for problem in error.problems), error.hint or ""]
        raise pulumi.RunError("\n".join(filter(None, lines))) from None
    if environment.target == "local" and not os.environ.get("AWS_ENDPOINT_URL"):
        raise pulumi.RunError(
            f"The environment '{environment.name}' runs on the local target, but AWS_ENDPOINT_URL isn't set: "
            'this would go to a real account. Run first: eval "$(ecs-stack local env)"'
        )
    build(environment, pulumi.get_project())


if __name__ == "__main__":
    main()
