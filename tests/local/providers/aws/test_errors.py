"""What the stand-in says of a failed call."""

from __future__ import annotations

import pytest
from botocore import exceptions

from ecs_stack.local.providers.aws import errors


@pytest.mark.parametrize("kind", [exceptions.EndpointConnectionError, exceptions.ConnectionClosedError])
def test_a_cloud_that_is_gone_says_how_to_bring_it_back(kind: type[exceptions.BotoCoreError]) -> None:
    said = errors.message(kind(endpoint_url="http://127.0.0.1:4566/"))
    assert said.startswith("the local cloud doesn't answer (")
    assert "http://127.0.0.1:4566/" in said
    assert "`ecs-stack local start` brings it back" in said
