"""The log that a verb's run leaves in .ecs-stack/logs/."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecs_stack.render.output import Output
    from ecs_stack.runlog import RunLog


def recorded(output: Output, root: Path, verb: str, name: str, verbose: bool) -> AbstractContextManager[RunLog]:
    """The log of a run, shown as it grows if that is asked for."""
    from ecs_stack import runlog
    from ecs_stack.checkout import package_versions

    return runlog.recorded(root, verb, name, versions=package_versions(), echo=output.say if verbose else None)
