"""One load balancer for the session; servers of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.load_balancer.harness import Backend, Stack, running_stack


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with running_stack() as started:
        yield started


@pytest.fixture
def backends() -> Iterator[list[Backend]]:
    """Three servers: a, b and c."""
    made = [Backend(name) for name in "abc"]
    yield made
    for backend in made:
        backend.stop()
