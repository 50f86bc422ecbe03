"""A run that another thread stops: the engine ends well, says what was done, and the next run goes on."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pulumi
import pytest

from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import InterruptedRunError
from ecs_stack.results import ChangeSummary

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def found() -> engine.Engine:
    return engine.ensure()


def stack(root: Path, found: engine.Engine, cancellation: Cancellation) -> Stack:
    return Stack(Backend.local(root), "dev", engine=found, environment=os.environ, cancellation=cancellation)


def program(between: Callable[[], object]) -> Callable[[], None]:
    """Two resources, the second after ``between``."""

    def build() -> None:
        first = pulumi.Stash("first", input=1)

        def wait(value: object) -> object:
            if not pulumi.runtime.is_dry_run():
                between()
            return value

        pulumi.Stash("second", input=first.output.apply(wait))

    return build


def test_an_up_that_is_stopped_says_what_it_did_and_the_next_goes_on(tmp_path: Path, found: engine.Engine) -> None:
    stop, ended = Cancellation(), threading.Event()

    def cancel() -> None:
        stop.cancel()
        ended.wait(2)  # the engine gets its interrupt before the program ends by itself

    first = stack(tmp_path, found, stop)
    plan = first.preview(program(cancel))
    with pytest.raises(InterruptedRunError) as caught:
        first.up(program(cancel), plan=plan)
    assert caught.value.message.startswith("the up of dev was interrupted: ")
    assert f" of {plan.summary.create} changes were made" in caught.value.message
    assert {change.name for change in caught.value.changes} >= {"first"}
    assert "second" not in {change.name for change in caught.value.changes}
    assert list((tmp_path / ".ecs-stack").rglob("locks/**/*.json")) == []

    with pytest.raises(InterruptedRunError, match="the preview of dev was interrupted: nothing was touched"):
        first.preview(program(lambda: None))
    again = stack(tmp_path, found, Cancellation())
    assert again.up(program(lambda: None)).summary.create == 1
    assert again.destroy().summary.delete == 3


def test_a_run_that_is_cancelled_before_it_begins_touches_nothing(tmp_path: Path, found: engine.Engine) -> None:
    stop = Cancellation()
    stop.cancel()
    with pytest.raises(InterruptedRunError, match="the up of dev was interrupted: 0 changes were made"):
        stack(tmp_path, found, stop).up(program(lambda: None))
    assert not stack(tmp_path, found, Cancellation()).exists()


def test_one_stack_is_stopped_and_the_other_goes_on(tmp_path: Path, found: engine.Engine) -> None:
    stop, reached, go = Cancellation(), threading.Event(), threading.Event()
    summaries: list[ChangeSummary] = []

    def other() -> None:
        one = Stack(Backend.local(tmp_path), "other", engine=found, environment=os.environ)
        summaries.append(one.up(program(lambda: (reached.set(), go.wait(60)))).summary)

    thread = threading.Thread(target=other)
    thread.start()
    assert reached.wait(60)

    def cancel() -> None:
        stop.cancel()
        threading.Event().wait(2)

    with pytest.raises(InterruptedRunError):
        stack(tmp_path, found, stop).up(program(cancel))
    go.set()
    thread.join()
    assert summaries == [ChangeSummary(create=3)]


def test_the_loggers_of_the_process_stay_as_they_are(tmp_path: Path, found: engine.Engine) -> None:
    logger = logging.getLogger("asyncio")
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        stack(tmp_path, found, Cancellation()).preview(program(lambda: None))
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
