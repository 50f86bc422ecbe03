"""Awaiting what blocks: the loop goes on, and nothing goes on behind a caller that was cancelled."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from ecs_stack import Cancellation, in_thread
from ecs_stack.errors import InterruptedRunError
from tests.event_loop import run

name = contextvars.ContextVar("name", default="")


def blocking(cancellation: Cancellation) -> str:
    cancellation.sleep(30)
    return "too late"


def test_results_errors_and_context_come_through() -> None:
    def fail(_: Cancellation) -> None:
        raise ValueError("no")

    async def main() -> None:
        name.set("mine")
        assert await in_thread(lambda _: (name.get(), threading.current_thread().name)) == ("mine", "ecs-stack")
        with pytest.raises(ValueError, match="no"):
            await in_thread(fail)

    run(main())


def test_the_loop_goes_on_and_more_run_at_once_than_the_loops_pool_has_threads() -> None:
    together = threading.Barrier(40)

    async def main() -> None:
        assert await asyncio.gather(*(in_thread(lambda _: together.wait(30) >= 0) for _ in range(40))) == [True] * 40

    run(main())


def test_who_cancels_the_task_waits_for_the_end_of_the_run() -> None:
    ended: list[Cancellation] = []

    def slow_to_end(cancellation: Cancellation) -> None:
        try:
            blocking(cancellation)
        finally:
            time.sleep(0.1)
            ended.append(cancellation)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await in_thread(slow_to_end)
        (cancellation,) = ended
        assert cancellation.cancelled
        task = asyncio.create_task(in_thread(slow_to_end))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        assert isinstance(caught.value.__cause__, InterruptedRunError)
        assert len(ended) == 2

    run(main())


def test_a_second_cancellation_is_passed_on() -> None:
    calls: list[int] = []

    def stubborn(cancellation: Cancellation) -> None:
        done = threading.Event()

        def count() -> None:
            calls.append(1)
            if len(calls) == 2:
                done.set()

        with cancellation.calling(count):
            assert done.wait(30)

    async def main() -> None:
        task = asyncio.create_task(in_thread(stubborn))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(main())
    assert len(calls) == 2
