"""Three costs of Pulumi's Python SDK, taken out of our programs, in this process or plain pulumi's (SDK 3.259).

They are measured in benchmarks/README.md ("where the time went"). What the SDK does stays as it is: its settings belong
to the context that a program runs in, and a file's URI is the same each time.
"""

from __future__ import annotations

import asyncio
import functools
import traceback
from typing import Any

from pulumi.runtime import resource
from pulumi.runtime.proto import engine_pb2, source_pb2
from pulumi.runtime.settings import SETTINGS

#: Seconds between looks at whether a call to the engine failed, which may leave outputs without an end.
_LOOK = 0.5


def lighten() -> None:
    """To be called inside a program, before it declares anything.

    Drops the SDK's debug messages: it sends about ten per resource, each in a call of its own that it waits for, and
    the engine throws them away. And looks up each place in the source once: the SDK sends a stack trace with every
    resource, and makes a path and a URI of each of its 25 frames.
    """
    resource._get_source_position_for_frame = _position
    if SETTINGS.engine is not None and not isinstance(SETTINGS.engine, _Quiet):
        SETTINGS.engine = _Quiet(SETTINGS.engine)


async def outputs_settled() -> None:
    """Wait until every output of the running program has its value, or one failed. To be awaited at a program's end.

    The SDK waits for its outputs itself, and then finds none left to wait for. It starts again with all of them
    whenever one is ready (wait_for_rpcs in pulumi/runtime/stack.py): 40 of the 60 seconds that a preview of 1,900
    resources took. Here any one of them is waited for, until there is none: those that are ready leave the set by
    themselves. A failure is left to the SDK, which finds it where this one did.
    """
    while SETTINGS.rpc_manager.unhandled_exception is None:
        with SETTINGS.lock:
            one = next(iter(SETTINGS.outputs), None)
        if one is None:
            return
        await asyncio.wait([one], timeout=_LOOK)
        with SETTINGS.lock:
            if _failed(one) or (not one.done() and any(map(_failed, SETTINGS.outputs))):
                return


_exact_position = resource._get_source_position_for_frame


def _position(frame: traceback.FrameSummary) -> source_pb2.SourcePosition | None:
    return _known_position(frame.filename, frame.lineno)


@functools.cache
def _known_position(file: str, line: int | None) -> source_pb2.SourcePosition | None:
    return _exact_position(traceback.FrameSummary(file, line, "", lookup_line=False))


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
