"""What the benchmarks share: running a command with its time and memory, taking turns, projects, and tables."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
#: The command as users have it: the installed one of this interpreter.
ECS_STACK = str(Path(sys.executable).with_name("ecs-stack"))
#: Seconds between looks at the memory of a command's processes: quick ones first, for commands that end at once.
_FIRST_LOOK = 0.005
_LOOK = 0.1
#: Seconds after which a command is ended: the longest, an `up` of 100 services, takes a few minutes.
LIMIT = 1200.0


@dataclass(frozen=True)
class Sample:
    """One run. ``seconds`` of wall time; ``cpu`` seconds of it and of the processes that it waited for; ``peak`` is the
    most memory (MiB, resident) that it and its descendants held at one moment. Memory that they share counts twice."""

    seconds: float
    cpu: float
    peak: float


def run(
    command: Sequence[str], *, cwd: Path | None = None, env: Mapping[str, str] | None = None, limit: float = LIMIT
) -> Sample:
    """Runs a command to its end, or for ``limit`` seconds; raises RuntimeError with what it printed unless it exits
    with 0."""
    with tempfile.TemporaryFile("w+") as printed:
        started, before = time.monotonic(), tree_memory(os.getpid())
        process = subprocess.Popen(
            command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=printed, stderr=subprocess.STDOUT
        )
        ended, peaks = threading.Event(), [0.0]

        def watch() -> None:
            pause = _FIRST_LOOK
            while not ended.wait(pause):
                pause = min(2 * pause, _LOOK)
                peaks.append(tree_memory(process.pid))
                if time.monotonic() - started > limit:
                    process.terminate()

        watcher = threading.Thread(target=watch)
        watcher.start()
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.monotonic() - started
        process.returncode = code = os.waitstatus_to_exitcode(status)
        ended.set()
        watcher.join()
        if code:
            printed.seek(0)
            raise RuntimeError(f"{' '.join(command)} ended with {code}:\n{printed.read()[-2000:]}")
    # A run may be shorter than a look: the kernel knows the most that any one of its processes held. It counts from
    # what this process held when it started the run, so that only more than that says anything.
    known = used.ru_maxrss / 1024
    return Sample(seconds, used.ru_utime + used.ru_stime, max(*peaks, known if known > before else 0.0))


def tree_memory(pid: int) -> float:
    """MiB that a process and its descendants hold now (Linux; 0 for one that is gone)."""
    children: dict[int, list[int]] = {}
    pages: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name, in brackets, may hold spaces: the rest starts behind it, with the state and the parent.
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(entry.name))
        pages[int(entry.name)] = int(fields[21])
    total, look = 0, [pid]
    while look:
        one = look.pop()
        total += pages.get(one, 0)
        look.extend(children.get(one, ()))
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def in_turns(cases: Mapping[str, Callable[[], Sample]], runs: int) -> dict[str, list[Sample]]:
    """Runs every case in turns (A B A B), so that a busy machine slows all alike. One round before isn't counted."""
    taken: dict[str, list[Sample]] = {name: [] for name in cases}
    for turn in range(runs + 1):
        for name, case in cases.items():
            sample = case()
            if turn:
                taken[name].append(sample)
    return taken


def middle(samples: Sequence[Sample]) -> Sample:
    """The medians of the samples, each by itself."""
    return Sample(
        statistics.median(s.seconds for s in samples),
        statistics.median(s.cpu for s in samples),
        statistics.median(s.peak for s in samples),
    )


def exponent(sizes: Sequence[float], values: Sequence[float]) -> float:
    """How a value grows between the first and the last size: 1 as they do, 2 as their square, 0 not at all."""
    import math

    return math.log(values[-1] / values[0]) / math.log(sizes[-1] / sizes[0])


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A Markdown table; floats have three digits that count, at most two behind the point."""
    lines = [columns, ["---"] + ["---:"] * (len(columns) - 1), *([_shown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _shown(cell: object) -> str:
    if not isinstance(cell, float):
        return str(cell)
    return f"{cell:.0f}" if abs(cell) >= 100 else f"{cell:.1f}" if abs(cell) >= 10 else f"{cell:.2f}"


def compared(taken: Mapping[str, Sequence[Sample]], base: str) -> str:
    """A table of the cases' medians; the last two columns divide time and memory by those of ``base``."""
    medians = {name: middle(samples) for name, samples in taken.items()}
    by = medians[base]
    rows = [
        (name, m.seconds, m.cpu, m.peak, m.seconds / by.seconds, m.peak / by.peak if by.peak else 0.0)
        for name, m in medians.items()
    ]
    return table(["", "seconds", "CPU seconds", "MiB", f"time / {base}", f"memory / {base}"], rows)


def environment(services: int, *, tasks: int = 0, scale: bool = False, image: str = "ecs-stack-demo:1") -> str:
    """An environment file with so many services behind one load balancer, each with so many tasks."""
    size = f"scale: {{min: {max(tasks, 1)}, max: 4, cpu: 60, memory: 70}}" if scale else f"count: {tasks}"
    head = "target: local\nregion: eu-west-1\nnetwork: {cidr: 10.20.0.0/16, zones: 2, nat: single}\nservices:\n"
    return head + "".join(
        f"  s{i:03d}:\n    image: {image}\n    cpu: 256\n    memory: 512\n    port: 8080\n"
        f'    health: {{path: /health}}\n    route: {{path: "/s{i:03d}/*"}}\n    {size}\n'
        for i in range(services)
    )


@contextmanager
def project(environments: Mapping[str, str]) -> Iterator[Path]:
    """A project in a folder of its own, with these environment files; nothing of it is left afterwards."""
    root = Path(tempfile.mkdtemp(prefix="ecs-bench-"))
    try:
        (root / "envs").mkdir()
        shutil.copyfile(CHECKOUT / "Pulumi.yaml", root / "Pulumi.yaml")
        for name, text in environments.items():
            (root / "envs" / f"{name}.yaml").write_text(text)
        yield root
    finally:
        subprocess.run([ECS_STACK, "local", "reset", "--yes"], cwd=root, capture_output=True, check=False)
        shutil.rmtree(root, ignore_errors=True)


def ecs_stack(root: Path, *arguments: str) -> Sample:
    """``ecs-stack ARGUMENTS`` in a project. Its modules are compiled once, in the round that isn't counted, as they are
    in an installed package, even where PYTHONDONTWRITEBYTECODE forbids that for the checkout."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return run([ECS_STACK, *arguments], cwd=root, env={**env, "NO_COLOR": "1"})


def arguments(description: str, *, runs: int, quick_runs: int = 1) -> argparse.Namespace:
    """The options of every script: ``--quick`` for a smoke run, ``--runs`` for another number of them."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a smoke run: as little as shows that it works")
    parser.add_argument("--runs", type=int, help=f"how many are counted (default {runs}, quick {quick_runs})")
    found = parser.parse_args()
    # A run that is ended from outside leaves nothing behind either.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    found.runs = found.runs or (quick_runs if found.quick else runs)
    return found


def heading(title: str, runs: int) -> str:
    """Title, and the machine in general terms; the load says how far to trust the times."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return (
        f"### {title}\n\n{os.cpu_count()} cores, {memory:.0f} GiB, {system}, Python {platform.python_version()}, "
        f"load {os.getloadavg()[0]:.1f}; medians of {runs} runs in turns, after one that isn't counted.\n"
    )
