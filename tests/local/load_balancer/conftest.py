"""One load balancer for each file; servers of its own for each test.

Not for the session: the process has one moto, and other tests' mock_aws empties it.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.local.load_balancer.harness import Backend, Stack, running_stack


@pytest.fixture(scope="module")
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
