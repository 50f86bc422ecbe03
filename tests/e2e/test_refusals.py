"""Bad input on the main path: exit code 2, one clear message, nothing touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]

CASES = {
    "unknown field": (DEV.replace("cpu: 256", "cpus: 256"), ["dev.yaml:", "services.api.cpus", "cpu"]),
    "wrong type": (DEV.replace("port: 8080", "port: web"), ["dev.yaml:", "services.api.port"]),
    "a size that Fargate doesn't have": (DEV.replace("memory: 512", "memory: 4096"), ["dev.yaml:", "512"]),
    "an image that doesn't exist": (DEV.replace("ecs-stack-demo:1", "ecs-stack-demo:none"), ["ecs-stack-demo:none"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bad_file(make_project: Callable[[Mapping[str, str]], Project], case: str) -> None:
    text, words = CASES[case]
    project = make_project({"dev": text})
    refused = project.run("up", "dev", "--yes", code=2)
    for word in words:
        assert word in refused.err
    assert "Traceback" not in refused.err
    assert refused.out == ""
    assert project.containers(all=True) == []
    assert list((project.root / ".ecs-stack" / "state").rglob("dev.json")) == []


def test_an_unknown_environment(project: Project) -> None:
    refused = project.run("up", "dvv", "--yes", code=2)
    assert "dvv" in refused.err
    assert "dev" in refused.err


def test_docker_down(project: Project) -> None:
    environment = {**os.environ, "DOCKER_HOST": "unix:///nowhere/docker.sock"}
    done = subprocess.run(
        [str(Path(sys.executable).with_name("ecs-stack")), "up", "dev", "--yes"],
        cwd=project.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Docker" in done.stderr
    assert "unix:///nowhere/docker.sock" in done.stderr


def test_no_engine_and_no_way_to_get_one(project: Project) -> None:
    python = Path(sys.executable)
    environment = {
        **os.environ,
        "PATH": "/usr/bin:/bin" if not Path("/usr/bin/go").exists() else "/bin",
        "XDG_CACHE_HOME": str(project.root / ".ecs-stack" / "empty"),
        "HOME": str(project.root / ".ecs-stack"),
    }
    done = subprocess.run(
        [str(python.with_name("ecs-stack")), "up", "dev", "--yes"],
        cwd=project.root,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert "Pulumi engine" in done.stderr
    assert project.containers(all=True) == []
