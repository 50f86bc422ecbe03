"""Stand-ins for the provider plugins ``aws`` and ``awsx``, for machines that have no plugins: gRPC servers that implement
the engine's ResourceProvider protocol against the local cloud's endpoint.

They run inside the process that drives the engine, which attaches to them through PULUMI_DEBUG_PROVIDERS
(``serve``), or as executables that plain ``pulumi`` starts (``python -m ecs_stack.local.providers aws``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def serve(endpoint: str) -> Iterator[dict[str, int]]:
    """Serve both providers on 127.0.0.1 while the block runs: ``{"aws": port, "awsx": port}``.

    ``endpoint`` is the URL that every AWS request goes to. Several calls may be active at once; each has servers of
    its own.
    """
    # Loading gRPC and boto3 takes a quarter of a second: only who serves pays for it.
    from . import awsx
    from .aws import AwsServicer
    from .server import listening

    with listening(AwsServicer(endpoint)) as aws_port, listening(awsx.create_servicer()) as awsx_port:
        yield {"aws": aws_port, "awsx": awsx_port}
