"""The local cloud: start, memory, calls, recovery, a rolling deployment under load, the demo's `up` to the first 200.

MiniStack alone, in a process of its own, answers the calls that it has too, and its ECS has a container killed, in the
same run. It has no load balancer that probes, so a deployment under load has nothing to stand beside. Needs Docker and
the demo images (scripts/demo-image).
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3

from benchmarks import measure, ministack
from tests.e2e.project import Load, engine, eventually, get

#: A read of each backend: what a call costs, and not what it does. (service, operation, arguments, who answers)
CALLS: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("ecs", "list_clusters", {}, "our ECS"),
    ("ecs", "describe_clusters", {"clusters": ["bench"]}, "our ECS"),
    ("elbv2", "describe_load_balancers", {}, "moto"),
    ("ec2", "describe_vpcs", {}, "moto"),
    ("sts", "get_caller_identity", {}, "MiniStack"),
    ("iam", "list_roles", {}, "MiniStack"),
)
DEMO = (measure.CHECKOUT / "envs/dev.yaml").read_text()


def main() -> int:
    """Prints the tables; 1 if a request failed during the rolling deployment."""
    options = measure.arguments(__doc__ or "", runs=5)
    calls = 20 if options.quick else 200
    with measure.project({"dev": DEMO}) as root:
        start = timed(lambda: measure.ecs_stack(root, "local", "start"))
        status = local_status(root)
        memory = gateway_memory(status)
        port = free_port()
        with ministack.alone(port) as (process, theirs_start):
            theirs_memory = measure.tree_memory(process.pid)
            ours, theirs = client_maker(status["endpoint"]), client_maker(f"http://127.0.0.1:{port}")
            rows = [
                (f"{service} {operation}", who, *call_times(ours, theirs, service, operation, arguments, calls))
                for service, operation, arguments, who in CALLS
            ]
            theirs_replaced = ministack.kill_to_replaced(theirs, "ecs-stack-demo:1")
        print(measure.heading("The local cloud", options.runs))
        idle = [("to start, seconds", start, theirs_start), ("memory idle, MiB", memory, theirs_memory)]
        print(measure.table(["", "ecs-stack", "MiniStack alone"], idle))
        print()
        print(measure.table(["median ms of a call", "answered by", "ecs-stack", "MiniStack alone"], rows))
        phases, url = first_200(root)
        print("\n" + measure.table(["`up` of the demo, seconds", ""], phases))
        replaced = [kill_to_replaced(root) for _ in range(options.runs)]
        never = f"never (looked for {ministack.PATIENCE:.0f} s)"
        rows = [("`docker kill` to replaced, seconds", statistics.median(replaced), theirs_replaced or never)]
        print("\n" + measure.table(["", "ecs-stack", "MiniStack alone"], rows))
        requests, failures, seconds = rolling_deployment(root, url)
    print(f"\nA rolling deployment: {seconds:.1f} s, {requests} requests meanwhile, {len(failures)} failed.")
    for failure in failures[:5]:
        print(f"- {failure}")
    return 1 if failures else 0


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    started = time.monotonic()
    work()
    return time.monotonic() - started


def local_status(root: Path) -> dict[str, Any]:
    """What `ecs-stack local status` says."""
    command = [measure.ECS_STACK, "local", "status", "--json"]
    answer: dict[str, Any] = json.loads(
        subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout
    )
    return answer


def gateway_memory(status: dict[str, Any]) -> float:
    """MiB of the local cloud's processes: Caddy is a child of the gateway."""
    return measure.tree_memory(next(p["pid"] for p in status["processes"] if p["name"] == "gateway"))


def free_port() -> int:
    """A free port."""
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def client_maker(endpoint: str) -> Callable[[str], Any]:
    """boto3 clients of an endpoint."""
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    return lambda service: boto3.client(service, region_name="eu-west-1", endpoint_url=endpoint, **keys)


def call_times(
    ours: Callable[[str], Any],
    theirs: Callable[[str], Any],
    service: str,
    operation: str,
    arguments: dict[str, Any],
    calls: int,
) -> tuple[float, float]:
    """Median milliseconds of a call, in turns: ours and MiniStack's own."""
    methods = [getattr(make(service), operation) for make in (ours, theirs)]
    times: list[list[float]] = [[], []]
    for turn in range(calls + 1):
        for taken, method in zip(times, methods, strict=True):
            seconds = timed(lambda method=method: method(**arguments))
            if turn:
                taken.append(seconds * 1000)
    return statistics.median(times[0]), statistics.median(times[1])


def first_200(root: Path) -> tuple[list[tuple[str, float]], str]:
    """`up` of the demo by the public API, and where the time goes until the service answers; its URL."""
    from ecs_stack import Environment
    from ecs_stack.results import Progress

    marks: dict[str, float] = {}

    def progress(step: Progress) -> None:
        if "planned" in marks and step.message.startswith("created"):
            marks["changed"] = time.monotonic()

    started = time.monotonic()
    receipt = Environment.load(root, "dev").up(
        on_progress=progress, approve=lambda _: marks.setdefault("planned", time.monotonic())
    )
    marks["rolled out"] = time.monotonic()
    url = receipt.urls["api"]
    eventually(lambda: get(url)[0] == 200, within=30, what="the demo answers")
    marks["answered"] = time.monotonic()
    return phases(started, marks), url


def phases(started: float, marks: dict[str, float]) -> list[tuple[str, float]]:
    """Seconds between the marks, and in all."""
    names = {
        "planned": "preview",
        "changed": "resources created",
        "rolled out": "rollout steady",
        "answered": "first 200 after it",
    }
    rows, last = [], started
    for mark, name in names.items():
        rows.append((name, marks[mark] - last))
        last = marks[mark]
    return [*rows, ("all", last - started)]


def containers(root: Path) -> dict[str, Any]:
    """The demo's running containers, by id."""
    wanted = {"label": [f"ecs-stack.root={root}", "ecs-stack.container=api"], "status": "running"}
    return {found.id: found for found in engine().containers.list(filters=wanted)}


def kill_to_replaced(root: Path) -> float:
    """Seconds from a killed container to as many running as before."""
    before = containers(root)
    next(iter(before.values())).kill()
    return timed(
        lambda: eventually(
            lambda: (now := containers(root)).keys() - before.keys() and len(now) == len(before),
            within=60,
            what="the container is replaced",
        )
    )


def rolling_deployment(root: Path, url: str) -> tuple[int, list[str], float]:
    """To version 2 under constant load: requests, those that failed, and the seconds of the `up`."""
    file = root / "envs/dev.yaml"
    file.write_text(file.read_text().replace("ecs-stack-demo:1", "ecs-stack-demo:2"))
    with Load(url) as load:
        seconds = timed(lambda: measure.ecs_stack(root, "up", "dev", "--yes"))
    return len(load.answers), load.failures, seconds


if __name__ == "__main__":
    sys.exit(main())
