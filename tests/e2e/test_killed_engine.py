"""kill -9 of the engine alone: the command lives on, says what happened, and the next run goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.e2e.project import Project, get
from tests.e2e.test_killed_runs import real, unknown

pytestmark = [pytest.mark.engine, pytest.mark.docker]


def engine_of(process: subprocess.Popen[str]) -> int:
    """The engine that a command runs now."""
    children = Path(f"/proc/{process.pid}/task").glob("*/children")
    found = [int(pid) for file in children for pid in file.read_text().split()]
    engines = [pid for pid in found if Path(f"/proc/{pid}/comm").read_text().strip() == "pulumi"]
    assert len(engines) == 1, found
    return engines[0]


def run_and_kill(project: Project, verb: str, after: str) -> tuple[int, str]:
    """``verb dev`` whose engine is killed when the command has said ``after``; its exit code and all it said."""
    process = subprocess.Popen(
        [str(project.command), *verb.split(), "dev"],
        cwd=project.root,
        env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    lines = []
    killed = False
    assert process.stderr is not None
    for line in process.stderr:
        lines.append(line)
        if after in line and not killed:
            os.kill(engine_of(process), signal.SIGKILL)
            killed = True
    assert killed, "".join(lines)
    return process.wait(60), "".join(lines)


def test_a_killed_engine_is_told_of_and_the_next_run_goes_on(project: Project) -> None:
    tells("up", *run_and_kill(project, "up --yes", "created LoadBalancer"))
    again = project.run("up", "dev", "--yes")
    assert "it isn't certain what the last run of dev made" in again.err
    assert get(project.run("status", "dev", "--json").json["services"][0]["url"])[0] == 200
    assert unknown(project) == {}

    tells("destroy", *run_and_kill(project, "destroy --yes", "deleted Service"))
    project.run("destroy", "dev", "--yes")
    assert {kind: ids for kind, ids in real(project).items() if ids} == {}
    assert project.containers(all=True) == []


def tells(verb: str, code: int, said: str) -> None:
    """The command says what happened, and what to do."""
    assert code == 1, said
    assert f"Error: The engine was killed (SIGKILL) in the middle of the {verb} of dev:" in said
    assert f"Run `ecs-stack {verb} dev` again" in said
    assert "Traceback" not in said
