"""Stand-ins for the provider plugins ``aws`` and ``awsx``, for machines without plugins: gRPC servers that implement
the engine's ResourceProvider protocol against the local cloud's endpoint.

They run inside the process that drives the engine, which attaches to them through PULUMI_DEBUG_PROVIDERS
(``serve``), or as executables that plain ``pulumi`` finds on PATH (``executables``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator


@contextlib.contextmanager
def serve(endpoint: str, revive: Callable[[], object] | None = None) -> Iterator[dict[str, int]]:
    """Serve both providers on 127.0.0.1 while the block runs: ``{"aws": port, "awsx": port}``.

    ``endpoint`` is the URL that every AWS request goes to; ``revive`` starts what listens there where it doesn't run.
    Several calls may be active at once; each has servers of its own.
    """
    # Loading gRPC, boto3 and pulumi takes half a second: only who serves pays for it.
    from ecs_stack.local.providers.aws import AwsServicer
    from ecs_stack.local.providers.awsx import create_servicer
    from ecs_stack.local.providers.server import listening

    with listening(AwsServicer(endpoint, revive)) as aws, listening(create_servicer()) as awsx:
        yield {"aws": aws, "awsx": awsx}
