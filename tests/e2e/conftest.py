"""Projects in temporary folders; each is checked to leave nothing on the Docker engine."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.project import CHECKOUT, Project

DEV = (CHECKOUT / "envs" / "dev.yaml").read_text()


@pytest.fixture(scope="module")
def make_project() -> Iterator[Callable[[Mapping[str, str]], Project]]:
    """Makes projects. A short path: Unix sockets below it have at most 107 characters."""
    made: list[Project] = []

    def make(environments: Mapping[str, str]) -> Project:
        root = Path(tempfile.mkdtemp(prefix="ecs-", dir="/tmp")).resolve()
        project = Project(root, environments)
        made.append(project)
        return project

    yield make
    for project in made:
        project.run("local", "reset", "--yes", code=None)
        left = project.docker_objects()
        shutil.rmtree(project.root)
        assert left == {"containers": [], "networks": [], "volumes": []}


@pytest.fixture(scope="module")
def project(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    """A project with the demo environment of this checkout."""
    return make_project({"dev": DEV})
