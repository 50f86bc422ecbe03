"""Which tiers can run on this machine. On a laptop a tier without its tool is skipped; in CI that is a failure."""

from __future__ import annotations

import os

import pytest

from ecs_stack.automation import engine
from ecs_stack.local.docker import find_docker

_MISSING = {
    "engine": "no Pulumi engine (scripts/test builds one)",
    "docker": "no Docker engine answers (scripts/docker-engine ensure)",
}


def _available(tier: str) -> bool:
    if tier == "engine":
        return engine.find() is not None
    return find_docker() is not None


def pytest_configure() -> None:
    """Refuses to run without a tier's tool where CI=true, before a worker collects anything."""
    missing = [reason for tier, reason in _MISSING.items() if not _available(tier)]
    if missing and os.environ.get("CI") == "true":
        raise pytest.UsageError(f"CI runs every tier: {'; '.join(missing)}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skips the tests of tiers whose tool is missing."""
    for tier, reason in _MISSING.items():
        marked = [item for item in items if item.get_closest_marker(tier)]
        if marked and not _available(tier):
            for item in marked:
                item.add_marker(pytest.mark.skip(reason=reason))
