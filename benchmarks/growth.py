"""Growth: time and memory of preview and of a no-op up with 1, 10, 50 and 100 services in one environment.

The services have no tasks: what grows is what the engine, the program, the providers and we do for each resource.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks import measure

SIZES = (1, 10, 50, 100)
QUICK_SIZES = (1, 3)


def main() -> int:
    """Prints the table; 1 if something grows faster than the resources."""
    options = measure.arguments(__doc__ or "", runs=3)
    sizes = QUICK_SIZES if options.quick else SIZES
    with measure.project({f"n{size}": measure.environment(size) for size in sizes}) as root:
        for size in sizes:
            measure.ecs_stack(root, "up", f"n{size}", "--yes")
        resources = {size: count(root, f"n{size}") for size in sizes}
        cases = {}
        for size in sizes:
            cases[f"preview {size}"] = lambda size=size: measure.ecs_stack(root, "preview", f"n{size}")
            cases[f"up {size}"] = lambda size=size: measure.ecs_stack(root, "up", f"n{size}", "--yes")
        taken = measure.in_turns(cases, options.runs)
    medians = {name: measure.middle(samples) for name, samples in taken.items()}
    print(measure.heading("Growth", options.runs))
    rows = [
        (f"{verb} {size}", resources[size], m.seconds, m.cpu, m.peak, 1000 * m.cpu / resources[size])
        for verb in ("preview", "up")
        for size in sizes
        for m in [medians[f"{verb} {size}"]]
    ]
    print(measure.table(["", "resources", "seconds", "CPU seconds", "MiB", "CPU ms / resource"], rows))
    grown = {}
    for verb in ("preview", "up"):
        cpu = [medians[f"{verb} {size}"].cpu for size in sizes]
        grown[verb] = measure.exponent([resources[size] for size in sizes], cpu)
        print(f"\n{verb}: CPU time grows as the resources to the power of {grown[verb]:.2f}.")
    return 0 if max(grown.values()) <= 1 else 1


def count(root: Path, name: str) -> int:
    """The resources of an environment's stack."""
    command = [measure.ECS_STACK, "list", "--json"]
    answer = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)
    return counted(answer, name)


def counted(listed: list[dict[str, Any]], name: str) -> int:
    """The resources of one environment in the answer of `ecs-stack list --json`."""
    return next(int(item["resources"]) for item in listed if item["name"] == name)


if __name__ == "__main__":
    sys.exit(main())
