"""The README's example of embedding, run as the script that it is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Mapping

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import CHECKOUT, Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]


def test_the_embedding_example_runs(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    found = re.search(r"^## In Python\n```python\n(.*?)^```$", (CHECKOUT / "README.md").read_text(), re.M | re.S)
    assert found is not None
    project = make_project({"dev": DEV})
    done = subprocess.run(
        [sys.executable, "-c", found[1]], cwd=project.root, capture_output=True, text=True, timeout=180, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    pending, *steps, url, running = done.stdout.splitlines()
    assert int(pending) > 0
    assert any(re.match(rf"\d+ of {pending} .*Vpc", step) for step in steps)
    assert url.startswith("http://localhost:")
    assert running == "2"
    assert project.run("list", "--json").json[0]["resources"] is None
    assert project.docker_objects()["containers"] == []
