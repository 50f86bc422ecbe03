"""The local Amazon ECS over HTTP, with fakes around it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ecs_fakes import Cloud, FakeRunner, cloud_at

from ecs_stack.local.ecs import reconciler, service_scheduler


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fakes are quick: less waiting for a task without health checks, and for the load balancer's verdict."""
    monkeypatch.setattr(service_scheduler, "SETTLE", 0.4)
    monkeypatch.setattr(reconciler, "_POLL_BUSY", 0.1)
    monkeypatch.setattr(reconciler, "_POLL_QUIET", 0.5)
    monkeypatch.setattr(reconciler, "_BUSY", 0.1)


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[Cloud]:
    with cloud_at(tmp_path, FakeRunner()) as started:
        yield started
