"""A project folder with environment files in it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ecs_stack import spec
from ecs_stack.errors import SpecError

#: A whole environment; tests change one thing.
GOOD = """\
target: aws
region: eu-west-1
services:
  api:
    image: acme/api:1
    cpu: 256
    memory: 512
    port: 8080
    route: {path: "/*"}
"""

Write = Callable[..., Path]


@pytest.fixture
def project(tmp_path: Path) -> Write:
    """Writes ``envs/NAME.yaml`` for each keyword, and returns the project's root."""

    def write(**files: str | bytes) -> Path:
        (tmp_path / "envs").mkdir(exist_ok=True)
        for name, content in files.items():
            data = content if isinstance(content, bytes) else content.encode()
            (tmp_path / "envs" / f"{name}.yaml").write_bytes(data)
        return tmp_path

    return write


def problems_of(root: Path, name: str) -> list[str]:
    """The problems that loading an environment reports."""
    with pytest.raises(SpecError) as caught:
        spec.load(root, name)
    return list(caught.value.problems)
