"""The stand-ins as executables that plain ``pulumi`` finds on PATH: ``pulumi-resource-aws`` and ``-awsx``."""

from __future__ import annotations

import shlex
from pathlib import Path

_NAMES = ("aws", "awsx")


def install(folder: Path, python: str) -> None:
    """Write both executables into a folder; ``python`` is the interpreter that has this package.

    Another run's executables are replaced. Raises OSError if the folder can't be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name in _NAMES:
        path = folder / f"pulumi-resource-{name}"
        new = path.with_name(f".{path.name}.new")
        # exec: the engine ends the process that it started, and that has to be the server itself.
        new.write_text(f'#!/bin/sh\nexec {shlex.quote(python)} -m ecs_stack.local.providers {name} "$@"\n')
        new.chmod(0o755)
        new.replace(path)
