"""Runs of the library for callers that have an event loop, which must not be blocked."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

from ecs_stack.cancellation import Cancellation

_Result = TypeVar("_Result")


async def in_thread(work: Callable[[Cancellation], _Result]) -> _Result:
    """What ``work`` returns, which runs in a thread of its own meanwhile.

    When the task that awaits this is cancelled (so also after ``asyncio.timeout``), the Cancellation that ``work`` got
    is cancelled, the end of ``work`` is waited for, and CancelledError is raised, with what ``work`` raised as its
    cause. So nothing goes on behind the caller's back. A second cancellation is passed on like the first.
    """
    cancellation, done = Cancellation(), Future[_Result]()

    def run() -> None:
        try:
            done.set_result(work(cancellation))
        except BaseException as error:
            done.set_exception(error)

    # Not the loop's pool, as asyncio.to_thread: that has few threads on small machines, and is full of long runs then.
    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="ecs-stack").start()
    waiting = asyncio.wrap_future(done)
    stopped: asyncio.CancelledError | None = None
    while not waiting.done():
        try:
            await asyncio.wait([waiting])
        except asyncio.CancelledError as error:
            stopped = error
            cancellation.cancel()
    if stopped:
        raise stopped from waiting.exception()
    return waiting.result()
