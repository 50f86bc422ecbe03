"""Ephemeral environments: from the command to the first 200 on a host that is warm, beside the same service as a whole
environment of its own, and a copy of the host; then 1, 5, 20 and 50 of them on one host.

The host has ten services, of which each ephemeral environment makes one and borrows the others. Targets: 5 s at the
median; a whole environment takes at least 5 times as long; `list` and `prune` under 2 s at 50, and in CPU time no worse
than linear in what they look at. Needs Docker and the demo images (scripts/demo-image).
"""

from __future__ import annotations

import json
import re
import statistics
import subprocess
import sys
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import measure
from benchmarks.local_cloud import gateway_memory, local_status, timed

TARGET_SECONDS = 5.0
TARGET_RATIO = 5.0
TARGET_LOOK = 2.0
SERVICES = 10
SIZES = (1, 5, 20, 50)
QUICK_SIZES = (1, 3)
#: How many are made at a time: as many as the machines of the tables have cores.
AT_ONCE = 2
#: What stands side by side: of ten services the one that changed, that one in a whole environment, all ten in one.
EPHEMERAL, WHOLE, COPY = "ephemeral up", "up of its own", "up of a copy"
TEMPLATE = "host: host\nttl: 1h\nservices: {s000: {count: 1}}\n"


@dataclass(frozen=True)
class Creation:
    """One `ephemeral up` or `up`: seconds to the first 200, and by phase as far as its log tells them."""

    seconds: float
    phases: dict[str, float]


def main() -> int:
    """Prints the tables; 1 if a target is missed."""
    options = measure.arguments(__doc__ or "", runs=7)
    sizes = QUICK_SIZES if options.quick else SIZES
    host = answering(measure.environment(2 if options.quick else SERVICES, tasks=1))
    files = {"host": host.replace("services:", "hosts_ephemeral: true\nservices:", 1), "preview": TEMPLATE}
    whole = answering(measure.environment(1, tasks=1))
    for turn in range(options.runs + 1):
        files |= {f"whole{turn}": whole, f"copy{turn}": host}
    with measure.project(files) as root:
        measure.ecs_stack(root, "up", "host", "--yes")
        creations = side_by_side(root, options.runs)
        print(measure.heading("Ephemeral environments", options.runs))
        ratio = report_creation(creations)
        looks = report_sizes(root, sizes)
    slowest = max(looks[-1].values())
    print(f"\n`list` and `prune` at {sizes[-1]}: at most {slowest:.2f} s; the target is {TARGET_LOOK:.0f}.")
    fast = statistics.median(each.seconds for each in creations[EPHEMERAL]) <= TARGET_SECONDS
    return 0 if fast and ratio >= TARGET_RATIO and slowest <= TARGET_LOOK else 1


def answering(environment: str) -> str:
    """The environment file with its first service at /, where the demo says which version it is, and only there: the
    other services need no rule of an ephemeral environment's then."""
    return environment.replace('"/s000/*"', '"/"')


def side_by_side(root: Path, runs: int) -> dict[str, list[Creation]]:
    """All in turns; the first round isn't counted. Each environment goes before the next is made."""
    taken: dict[str, list[Creation]] = {EPHEMERAL: [], WHOLE: [], COPY: []}
    for turn in range(runs + 1):
        taken[EPHEMERAL].append(create(root, f"pr-{turn}"))
        measure.ecs_stack(root, "ephemeral", "down", f"pr-{turn}")
        for case, name in ((WHOLE, f"whole{turn}"), (COPY, f"copy{turn}")):
            taken[case].append(create_whole(root, name))
            measure.ecs_stack(root, "destroy", name, "--yes")
    return {case: creations[1:] for case, creations in taken.items()}


def create(root: Path, name: str) -> Creation:
    """`ephemeral up` until its URL answers. The command itself waits for the whole rollout, a little longer."""
    url = f"{host_url(root)}/"
    answered = threading.Event()
    first: list[float] = []

    def ask() -> None:
        while not answered.is_set():
            if answers(url, f"{name}.localhost", "2"):
                first.append(time.monotonic())
                return
            time.sleep(0.02)

    asking = threading.Thread(target=ask)
    began, started = datetime.now(UTC), time.monotonic()
    asking.start()
    try:
        measure.ecs_stack(root, "ephemeral", "up", name, "--image", "s000=ecs-stack-demo:2")
        asking.join(timeout=10)
    finally:
        answered.set()
    if not first:
        raise RuntimeError(f"{name} is up, but {url} doesn't answer for it")
    return Creation(first[0] - started, phases(*newest_log(root, name, began), first[0] - started))


def create_whole(root: Path, name: str) -> Creation:
    """`up` of an environment of its own, which says where it answers when it is done, and the first 200."""
    began = datetime.now(UTC)
    seconds = timed(lambda: measure.ecs_stack(root, "up", name, "--yes"))
    url = f"{host_url(root, name)}/"
    seconds += timed(lambda: wait_for(url, "localhost", "1"))
    return Creation(seconds, phases(*newest_log(root, name, began), seconds))


def wait_for(url: str, host: str, version: str) -> None:
    """Until it answers; for ten seconds at most."""
    until = time.monotonic() + 10
    while not answers(url, host, version):
        if time.monotonic() > until:
            raise RuntimeError(f"{url} doesn't answer for {host}")
        time.sleep(0.02)


def answers(url: str, host: str, version: str) -> bool:
    """Whether a request for a host name is answered with 200, by the version."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, headers={"Host": host}), timeout=5) as answer:
            return bool(answer.status == 200) and json.loads(answer.read())["version"] == version
    except (OSError, ValueError, KeyError):
        return False


def host_url(root: Path, name: str = "host") -> str:
    """Where an environment's load balancer answers on this machine."""
    command = [measure.ECS_STACK, "status", name, "--json"]
    said = json.loads(subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout)
    found = re.match(r"http://[^/]*:\d+", said["services"][0]["url"])
    if found is None:
        raise RuntimeError(f"{name} answers nowhere")
    return re.sub(r"//[^:]*:", "//127.0.0.1:", found.group())


def newest_log(root: Path, name: str, began: datetime) -> tuple[str, float]:
    """The log of the newest run of an environment, and the seconds from ``began`` to its first line."""
    log = max((root / ".ecs-stack/logs").glob(f"*up-{name}.log"))
    opened = datetime.strptime(log.name.split("Z")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
    return log.read_text(), (opened - began).total_seconds()


def phases(log: str, opened: float, seconds: float) -> dict[str, float]:
    """The critical path to the first 200, by the times in a run's log, which was opened at ``opened``: until the engine
    makes the first resource; until it made the ECS service; until the task runs, is healthy and answers."""
    steps = [(float(found[1]), found[2]) for line in log.splitlines() if (found := re.match(r" *([\d.]+)  (.*)", line))]
    begun = opened + next(at for at, text in steps if "creating" in text)
    made = opened + max(at for at, text in steps if "created Service" in text)
    return {"begin": begun, "resources": made - begun, "task and health": seconds - made}


def report_creation(creations: dict[str, list[Creation]]) -> float:
    """Prints them side by side; returns how many times longer the whole environment took, at the median."""
    middle = {case: statistics.median(each.seconds for each in taken) for case, taken in creations.items()}
    rows: list[tuple[object, ...]] = []
    for case, taken in creations.items():
        path = [statistics.median(each.phases[phase] for each in taken) for phase in taken[0].phases]
        rows.append((case, middle[case], max(each.seconds for each in taken), *path))
    columns = ["seconds to the first 200", "median", "worst", *creations[EPHEMERAL][0].phases]
    print(measure.table(columns, rows))
    ratios = {case: middle[case] / middle[EPHEMERAL] for case in (WHOLE, COPY)}
    print(
        f"\nA whole environment takes {ratios[WHOLE]:.1f} times as long (the target is {TARGET_RATIO:.0f}), "
        f"a copy of the host {ratios[COPY]:.1f} times.\n"
    )
    return ratios[WHOLE]


def report_sizes(root: Path, sizes: tuple[int, ...]) -> list[dict[str, float]]:
    """Makes ever more environments and prints what each size costs; returns the seconds of each look at each size."""
    rows, looks = [], []
    have = 0
    for size in sizes:
        began = time.monotonic()
        with ThreadPoolExecutor(AT_ONCE) as pool:
            each = list(pool.map(lambda number: up(root, number), range(have, size)))
        everything, added, have = time.monotonic() - began, size - have, size
        memory = gateway_memory(local_status(root))
        seen = {"list": look(root, "list"), "prune": look(root, "prune")}
        looks.append({verb: sample.seconds for verb, sample in seen.items()})
        shown = (value for sample in seen.values() for value in (sample.seconds, sample.cpu))
        rows.append((size, added, statistics.median(each), max(each), everything, memory, *shown))
    columns = ["environments", "added", "each, s", "worst, s", "all added, s", "local cloud, MiB"]
    print(measure.table([*columns, "list, s", "CPU s", "prune (look only), s", "CPU s"], rows))
    return looks


def up(root: Path, number: int) -> float:
    """Seconds of one `ephemeral up`."""
    return timed(lambda: measure.ecs_stack(root, "ephemeral", "up", f"n-{number}", "--image", "s000=ecs-stack-demo:2"))


def look(root: Path, *verb: str) -> measure.Sample:
    """The median of three looks that change nothing."""
    return measure.middle([measure.ecs_stack(root, "ephemeral", *verb) for _ in range(3)])


if __name__ == "__main__":
    sys.exit(main())
