"""The examples of docs/embedding.md and of the README: mypy takes them, and they run as the scripts that they are."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import CHECKOUT, Project, eventually

PAGES = ("docs/embedding.md", "docs/preview-environments.md", "README.md")


def examples(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (CHECKOUT / page).read_text(), re.M | re.S)


def script(project: Project, code: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", "-c", code],
        cwd=project.root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def printed(process: subprocess.Popen[str], timeout: float = 180) -> list[str]:
    out, err = process.communicate(timeout=timeout)
    assert (process.returncode, err) == (0, "")
    return out.splitlines()


def test_the_type_checker_takes_every_example(tmp_path: Path) -> None:
    files = []
    for page in PAGES:
        for number, code in enumerate(examples(page)):
            files.append(tmp_path / f"{Path(page).stem.lower()}_{number}.py")
            files[-1].write_text(code)
    assert len(files) >= 5
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file", "pyproject.toml", *map(str, files)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.engine
@pytest.mark.docker
def test_the_examples_of_the_page_run(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    first, many, ephemeral, stopping, awaiting = examples("docs/embedding.md")
    project = make_project({"dev": DEV, "preview": "host: dev\n"})

    process = script(project, stopping)
    lock = project.root / ".ecs-stack" / "state" / ".pulumi" / "locks"
    eventually(lambda: list(lock.rglob("*.json")), within=60, what="the engine holds its lock")
    process.send_signal(signal.SIGTERM)
    message, changes = printed(process)
    assert re.match(r"the up of dev was interrupted: \d+ of \d+ changes were made", message)
    assert changes.startswith("[")

    waited, running = printed(script(project, awaiting))
    assert re.fullmatch(r"http://localhost:\d+/ after \d+ steps", waited)
    assert running == "2"

    assert printed(script(project, many)) == ["dev 0"]

    one, other, listed, going = printed(script(project, ephemeral))
    assert re.fullmatch(r"pr-41 http://pr-41\.localhost:\d+/", one)
    assert re.fullmatch(r"pr-42 http://pr-42\.localhost:\d+/", other)
    assert (listed, going) == ("[('pr-41', 'dev', 'ready'), ('pr-42', 'dev', 'ready')]", "()")

    pending, *steps, url, cluster = printed(script(project, first))
    assert (pending, cluster) == ("0 changes", "dev")
    assert url.startswith("http://localhost:")
    assert steps
    assert project.docker_objects()["containers"] == []
