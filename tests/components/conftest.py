"""Everything a component test needs."""

from __future__ import annotations

import pytest

from tests.components.recording import Recording, record


@pytest.fixture
def built() -> Recording:
    """The recording of what the test declares."""
    return record()
