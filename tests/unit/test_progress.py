"""A callback that fails harms nothing but itself."""

from __future__ import annotations

import logging
import threading
import time

import pytest

from ecs_stack.progress import guarded
from ecs_stack.results import Progress


def test_a_callback_that_fails_is_not_called_again(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    calls: list[str] = []

    def fail(step: Progress) -> None:
        calls.append(step.message)
        raise ConnectionError("the browser is gone")

    report = guarded(fail)
    assert report is not None
    report(Progress(message="one"))
    report(Progress(message="two"))
    assert calls == ["one"]
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("ecs_stack", logging.ERROR)
    assert "the browser is gone" in caplog.text
    assert capfd.readouterr() == ("", "")
    assert guarded(None) is None


def test_one_thread_at_a_time() -> None:
    inside: list[int] = []
    most: list[int] = []

    def slow(_: Progress) -> None:
        inside.append(1)
        most.append(len(inside))
        time.sleep(0.01)
        inside.pop()

    report = guarded(slow)
    assert report is not None
    threads = [threading.Thread(target=report, args=(Progress(message=""),)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 8
