"""Stand-ins for the provider plugins ``aws`` and ``awsx``, for machines without plugins: gRPC servers that implement
the engine's ResourceProvider protocol against the local cloud's endpoint.

They run inside the process that drives the engine, which attaches to them through PULUMI_DEBUG_PROVIDERS
(``serve``), or as executables that plain ``pulumi`` finds on PATH (``executables``).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Serving:
    """Both providers, listening. ``load`` loads what they work with, which the first request does otherwise."""

    ports: dict[str, int]
    load: Callable[[], None]


@contextlib.contextmanager
def serve(endpoint: str, revive: Callable[[], object] | None = None) -> Iterator[Serving]:
    """Serve both providers on 127.0.0.1 while the block runs; ``ports`` are ``{"aws": port, "awsx": port}``.

    ``endpoint`` is the URL that every AWS request goes to; ``revive`` starts what listens there where it doesn't run.
    Several calls may be active at once; each has servers of its own.
    """
    # Loading gRPC takes a tenth of a second, boto3 and the rest another two: only who serves pays for it.
    from ecs_stack.local.providers.server import Later, listening

    def make_aws() -> Any:
        from ecs_stack.local.providers.aws import AwsServicer

        return AwsServicer(endpoint, revive)

    def make_awsx() -> Any:
        from ecs_stack.local.providers.awsx import create_servicer

        return create_servicer()

    aws, awsx = Later(make_aws), Later(make_awsx)

    def load() -> None:
        aws.load()
        awsx.load()
        from ecs_stack.local.providers.aws.types import ecs_tasks

        ecs_tasks.registration()

    with listening(aws) as aws_port, listening(awsx) as awsx_port:
        yield Serving({"aws": aws_port, "awsx": awsx_port}, load)
