"""Two costs of Pulumi's Python SDK, taken out of our programs, in this process or plain pulumi's (SDK 3.259).

Both are measured in benchmarks/README.md ("growth"). Nothing of the SDK is changed: its settings belong to the context
that a program runs in.
"""

from __future__ import annotations

import asyncio
from typing import Any

from pulumi.runtime.proto import engine_pb2
from pulumi.runtime.settings import SETTINGS

#: Seconds between looks at whether a call to the engine failed, which may leave outputs without an end.
_LOOK = 0.5


def silence_debug_messages() -> None:
    """Drop the SDK's debug messages. To be called inside a program, before it declares anything.

    The SDK sends about ten per resource, each in a call of its own that it waits for, and the engine throws them away.
    """
    if SETTINGS.engine is not None and not isinstance(SETTINGS.engine, _Quiet):
        SETTINGS.engine = _Quiet(SETTINGS.engine)


async def outputs_settled() -> None:
    """Wait until every output of the running program has its value, or one failed. To be awaited at a program's end.

    The SDK waits for its outputs itself, and then finds none left to wait for. It starts again with all of them
    whenever one is ready (wait_for_rpcs in pulumi/runtime/stack.py): 40 of the 60 seconds that a preview of 1,900
    resources took. A failure is left to the SDK, which finds it where this one did.
    """
    while SETTINGS.rpc_manager.unhandled_exception is None:
        with SETTINGS.lock:
            pending = list(SETTINGS.outputs)
        if not pending or any(map(_failed, pending)):
            return
        await asyncio.wait(pending, timeout=_LOOK, return_when=asyncio.FIRST_EXCEPTION)


def _failed(output: asyncio.Future[Any]) -> bool:
    return output.cancelled() or (output.done() and output.exception() is not None)


class _Quiet:
    """The engine, without debug messages."""

    def __init__(self, engine: Any) -> None:
        self._engine = engine

    def Log(self, request: Any) -> Any:
        """Pass a message on, unless it is for debugging."""
        return None if request.severity == engine_pb2.DEBUG else self._engine.Log(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)
