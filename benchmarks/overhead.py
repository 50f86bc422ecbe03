"""Overhead: preview and a no-op up of 10 services against the bare engine running the same program. Target: 1.15 times.

The bare engine is plain `pulumi` with its Python language host and the same stand-in providers as executables. Its own
start is part of its time, as the start of Python is part of ours.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks import measure

TARGET = 1.15


def main() -> int:
    """Prints the comparison; 1 if the target is missed."""
    options = measure.arguments(__doc__ or "", runs=5)
    services = 1 if options.quick else 10
    with measure.project({"bench": measure.environment(services)}) as root:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(measure.CHECKOUT / "ecs_stack", root / "ecs_stack", ignore=ignored)
        measure.ecs_stack(root, "up", "bench", "--yes")
        env = pulumi_environment(root)
        preview = measure.in_turns(
            {
                "pulumi preview": lambda: pulumi(root, env, "preview"),
                "ecs-stack preview": lambda: measure.ecs_stack(root, "preview", "bench"),
            },
            options.runs,
        )
        up = measure.in_turns(
            {
                "pulumi up": lambda: pulumi(root, env, "up", "--yes"),
                "ecs-stack up": lambda: measure.ecs_stack(root, "up", "bench", "--yes"),
            },
            options.runs,
        )
    print(measure.heading(f"Overhead, {services} services, nothing to change", options.runs))
    print(measure.compared(preview, "pulumi preview"))
    print()
    print(measure.compared(up, "pulumi up"))
    worst = max(ratio(preview), ratio(up))
    print(f"\nAt most {worst:.2f} times the bare engine; the target is {TARGET}.")
    return 0 if worst <= TARGET else 1


def ratio(taken: dict[str, list[measure.Sample]]) -> float:
    """Our time by the bare engine's, which comes first."""
    bare, ours = (measure.middle(samples).seconds for samples in taken.values())
    return ours / bare


def pulumi_environment(root: Path) -> dict[str, str]:
    """What `eval "$(ecs-stack local env)"` sets."""
    command = [measure.ECS_STACK, "local", "env", "--json"]
    answer = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)
    kept = {name: value for name, value in os.environ.items() if name not in answer["unset"]}
    return {**kept, **answer["export"]}


def pulumi(root: Path, env: dict[str, str], *words: str) -> measure.Sample:
    """A run of the bare engine on the same stack."""
    command = shutil.which("pulumi", path=env["PATH"]) or "pulumi"
    return measure.run([command, "--non-interactive", *words, "--stack", "bench"], cwd=root, env=env)


if __name__ == "__main__":
    sys.exit(main())
