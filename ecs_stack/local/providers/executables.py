"""The plugin executables with which plain ``pulumi`` finds the stand-ins.

The engine takes a plugin ``pulumi-resource-NAME`` from PATH before any installed one, whatever version it asks
for, and says so in a warning (sdk/go/common/workspace/plugins.go). It starts it with its own address as the
argument, reads a port from the first line of output, and ends it with SIGINT.
"""

from __future__ import annotations

import os
import shlex
import tempfile
from pathlib import Path

PLUGINS = ("aws", "awsx")
_MODULE = "ecs_stack.local.providers"
_MODE = 0o755


def install(bin_dir: Path, python: str) -> None:
    """Write ``pulumi-resource-aws`` and ``pulumi-resource-awsx`` into ``bin_dir``, to be run by ``python``.

    What is there already is left alone if it is right, and replaced in one step if not: an engine that starts
    a plugin at that moment gets the old or the new one.
    """
    bin_dir.mkdir(parents=True, exist_ok=True)
    for plugin in PLUGINS:
        # exec: the engine signals and waits for the process that it started.
        script = f'#!/bin/sh\nexec {shlex.quote(python)} -m {_MODULE} {plugin} "$@"\n'
        _write(bin_dir / f"pulumi-resource-{plugin}", script)


def _write(path: Path, text: str) -> None:
    if path.is_file() and path.read_text() == text and path.stat().st_mode & 0o777 == _MODE:
        return
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        Path(temporary).chmod(_MODE)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
