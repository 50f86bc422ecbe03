"""Bad input on the main path: exit code 2, one clear message, nothing touched."""

from __future__ import annotations

from collections.abc import Callable, Mapping

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
    refused = project.run("up", "dev", "--yes", code=2, environment={"DOCKER_HOST": "unix:///nowhere/docker.sock"})
    assert "Docker" in refused.err
    assert "unix:///nowhere/docker.sock" in refused.err
