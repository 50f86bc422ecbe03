"""Clients that outlive the local cloud's process: a call whose connection broke is sent again once it is back.

A call keeps its identity (``amz-sdk-invocation-id``, botocore's own), and the local cloud answers one that it has
executed with the answer that got lost (``answers``): so a call is executed once, however often it is sent.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError

from ecs_stack.errors import LocalCloudError

#: Seconds that a call is tried again after its connection broke for the first time.
PATIENCE = 60.0
#: Seconds between two tries.
PAUSE = 0.2
_BROKEN = (ConnectionClosedError, ConnectTimeoutError, EndpointConnectionError)
_SINCE = "ecs-stack-broken-since"


def comes_back(revive: Callable[[], object], broken: float) -> bool:
    """Whether another try makes sense after a connection broke, for the first time at ``broken`` (monotonic): whether
    the local cloud runs again, or still."""
    if time.monotonic() - broken > PATIENCE:
        return False
    try:
        revive()
    except LocalCloudError:
        return False
    return True


def outlive_restarts(client: Any, revive: Callable[[], object]) -> Any:
    """The client, made to send calls again. ``revive`` starts the local cloud where it doesn't run.

    The client has botocore's "standard" retry mode: "legacy" raises whatever others say.
    """

    def again(
        caught_exception: Exception | None = None, request_dict: dict[str, Any] | None = None, **_: object
    ) -> float | None:
        """An answer to botocore's ``needs-retry`` event: the seconds to wait; None to leave it to botocore."""
        if not isinstance(caught_exception, _BROKEN) or request_dict is None:
            return None
        broken = request_dict["context"].setdefault(_SINCE, time.monotonic())
        return PAUSE if comes_back(revive, broken) else None

    client.meta.events.register_first("needs-retry", again)
    return client
