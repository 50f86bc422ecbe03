"""Cancelling: waits end at once, callbacks are called, and what comes too late doesn't begin."""

from __future__ import annotations

import signal
import threading
import time

import pytest

from ecs_stack import Cancellation
from ecs_stack.errors import InterruptedRunError


def test_a_wait_ends_when_it_is_cancelled() -> None:
    cancellation = Cancellation()
    assert not cancellation.wait(0)
    threading.Timer(0.05, cancellation.cancel).start()
    started = time.monotonic()
    assert cancellation.wait(30)
    assert time.monotonic() - started < 10
    with pytest.raises(InterruptedRunError):
        cancellation.sleep(30)


def test_every_cancel_is_passed_on_while_the_block_runs() -> None:
    cancellation, calls = Cancellation(), [""]
    with cancellation.calling(lambda: calls.append("one")), cancellation.calling(lambda: calls.append("two")):
        cancellation.cancel()
        cancellation.cancel()
    cancellation.cancel()
    assert calls[1:] == ["one", "two"] * 2


def test_a_block_that_begins_too_late_is_told_at_once() -> None:
    cancellation, calls = Cancellation(), [""]
    cancellation.cancel()
    with cancellation.calling(lambda: calls.append("late")):
        assert calls[1:] == ["late"]


def test_a_signal_handler_of_the_waiting_thread_may_cancel() -> None:
    cancellation = Cancellation()
    before = signal.signal(signal.SIGUSR1, lambda *_: cancellation.cancel())
    try:
        main = threading.main_thread().ident
        assert main is not None
        threading.Timer(0.05, signal.pthread_kill, (main, signal.SIGUSR1)).start()
        assert cancellation.wait(30)
    finally:
        signal.signal(signal.SIGUSR1, before)
