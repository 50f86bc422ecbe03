"""The local Amazon ECS over HTTP, with fakes around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ecs_fakes import Cloud, FakeRunner, cloud_at


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with cloud_at(tmp_path, FakeRunner()) as started:
        yield started
