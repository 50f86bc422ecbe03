"""The local Amazon ECS over HTTP, with fakes around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ecs_fakes import Cloud, FakeRunner, cloud_at

from ecs_stack.local.ecs import service_scheduler


@pytest.fixture(autouse=True)
def _settle_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fake task without health checks needn't run for seconds to count."""
    monkeypatch.setattr(service_scheduler, "SETTLE", 0.4)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with cloud_at(tmp_path, FakeRunner()) as started:
        yield started
