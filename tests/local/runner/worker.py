"""A process with a runner, for tests that kill it: ``python -m tests.local.runner.worker ROOT RUN LOG GROUP``.

RUN is a JSON file with a TaskRun; the task is adopted, which starts it the first time. Log events of the log
group GROUP go into LOG, a line of JSON each, as into CloudWatch Logs.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import docker

from ecs_stack.local.ecs.runner import DockerTaskRunner, TaskRun
from tests.local.runner.fakes import FakeClients, FakeLogs


class FileLogs(FakeLogs):
    """Keeps what was put in a file; a process finds what the last one put."""

    def __init__(self, path: Path, group: str) -> None:
        super().__init__()
        self._path = path
        self.create_log_group(logGroupName=group)
        for line in path.read_text().splitlines() if path.exists() else ():
            group, stream, event = json.loads(line)
            self.groups[group].setdefault(stream, []).append(event)

    def put_log_events(self, *, logGroupName: str, logStreamName: str, logEvents: list[dict[str, Any]]) -> None:
        super().put_log_events(logGroupName=logGroupName, logStreamName=logStreamName, logEvents=logEvents)
        with self._path.open("a") as file:
            file.writelines(json.dumps([logGroupName, logStreamName, e]) + "\n" for e in logEvents)


def clients(log: Path, group: str) -> FakeClients:
    made = FakeClients()
    made.logs = FileLogs(log, group)
    return made


def main() -> None:
    root, run_file, log, group = sys.argv[1:]
    runner = DockerTaskRunner(
        docker=docker.from_env(),
        root=Path(root),
        clients=clients(Path(log), group),
        endpoint_for_containers=None,
    )
    runner.adopt([TaskRun(**json.loads(Path(run_file).read_text()))])
    time.sleep(60)


if __name__ == "__main__":
    main()
