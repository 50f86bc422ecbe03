"""Start-up: `ecs-stack --help` against `aws --version` (pip's awscli) and `python -c pass`.

Budget: 150 ms over Python. A smoke run measures too little to judge it.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measure import ECS_STACK, Sample, arguments, compared, heading, in_turns, middle, run

#: Seconds that the command may take longer than an empty Python.
BUDGET = 0.150


def main() -> int:
    """Prints the comparison; 1 if the budget is broken."""
    options = arguments(__doc__ or "", runs=15, quick_runs=3)
    cases = {
        "python -c pass": lambda: run([sys.executable, "-c", "pass"]),
        "ecs-stack --help": lambda: run([ECS_STACK, "--help"]),
    }
    with tempfile.TemporaryDirectory() as folder:
        if not options.quick:
            aws = install_awscli(Path(folder))
            cases["aws --version"] = lambda: run([aws, "--version"])
        taken = in_turns(cases, options.runs)
    print(heading("Start-up", options.runs))
    print(compared(taken, "python -c pass"))
    over, cpu = over_python(taken["ecs-stack --help"], taken["python -c pass"])
    print(f"\n{over * 1000:.0f} ms over Python ({cpu * 1000:.0f} ms of CPU); the budget is {BUDGET * 1000:.0f} ms.")
    return 0 if options.quick or over <= BUDGET else 1


def over_python(ours: list[Sample], python: list[Sample]) -> tuple[float, float]:
    """Seconds of time and of CPU that the command needs more than an empty Python."""
    mine, bare = middle(ours), middle(python)
    return mine.seconds - bare.seconds, mine.cpu - bare.cpu


def install_awscli(folder: Path) -> str:
    """pip's awscli in a virtual environment of its own (it pins another botocore)."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    subprocess.run([str(folder / "bin/pip"), "install", "-q", "awscli"], check=True)
    return str(folder / "bin/aws")


if __name__ == "__main__":
    sys.exit(main())
