"""The library in somebody else's process: many environments at once, from threads and from an event loop, and stopped.

What belongs to the process (its environment, folder, streams, signals, loggers) stays as it was.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from ecs_stack import Cancellation, Environment, in_thread, list_environments
from ecs_stack.errors import InterruptedRunError, NotFoundError
from ecs_stack.results import Progress, RolloutState
from tests.e2e.project import Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]

SMALL = """
target: local
region: eu-west-1
network: {cidr: 10.NUMBER.0.0/16, zones: 2}
services:
  api: {image: "ecs-stack-demo:1", cpu: 256, memory: 512, environment: {GREETING: from NAME}}
"""
#: What such an environment consists of, the stack and components included.
RESOURCES = 37
Projects = Callable[[Mapping[str, str]], Project]


def small(number: int) -> tuple[str, str]:
    name = f"e{number}"
    return name, SMALL.replace("NUMBER", str(number)).replace("NAME", name)


def process_settings() -> dict[str, Any]:
    """What belongs to the whole process, and so to whoever embeds the library."""
    umask = os.umask(0)
    os.umask(umask)
    loggers = {name: logging.getLogger(name) for name in logging.root.manager.loggerDict}
    return {
        "environment": dict(os.environ),
        "folder": Path.cwd(),
        "path": list(sys.path),
        "umask": umask,
        "signals": {each: signal.getsignal(each) for each in signal.valid_signals()},
        "hooks": (sys.excepthook, threading.excepthook, sys.unraisablehook, sys.stdout, sys.stderr),
        "root logger": (logging.root.level, list(logging.root.handlers), logging.root.manager.disable),
        # One that nobody configured is as good as none: libraries make theirs when they are loaded.
        "loggers": {
            name: (each.level, handlers, each.disabled, each.propagate)
            for name, each in loggers.items()
            if isinstance(each, logging.Logger)
            and (handlers := [h for h in each.handlers if not isinstance(h, logging.NullHandler)], each.level)
            != ([], logging.NOTSET)
        },
    }


def test_eight_at_once_from_threads(make_project: Projects, capfd: pytest.CaptureFixture[str]) -> None:
    """In two projects, whose local clouds start meanwhile."""
    one, two = make_project(dict(small(n) for n in range(5))), make_project(dict(small(n) for n in range(5, 8)))
    loaded = [Environment.load(project.root, name) for project in (one, two) for name in sorted_names(project)]
    logging.getLogger("asyncio").setLevel(logging.WARNING)
    before = process_settings()

    def live(environment: Environment) -> tuple[list[Progress], list[Progress]]:
        going_up: list[Progress] = []
        going_down: list[Progress] = []
        receipt = environment.up(on_progress=going_up.append)
        assert (receipt.environment, receipt.summary.create) == (environment.name, RESOURCES)
        made = {change.name.split("-")[0] for change in receipt.changes if change.type.startswith("aws:ec")}
        assert made == {environment.name}
        assert [each.state for each in receipt.rollouts] == [RolloutState.COMPLETED]
        assert receipt.rollouts[0].running_revision == f"{environment.name}-api:1"
        outputs, status = environment.outputs(), environment.status()
        assert (outputs.environment, outputs.cluster_name, status.environment) == (environment.name,) * 3
        assert status.services[0].running == 1
        assert environment.destroy(on_progress=going_down.append).summary.delete == RESOURCES
        return going_up, going_down

    with ThreadPoolExecutor(len(loaded)) as pool:
        told = list(pool.map(live, loaded))

    names = {environment.name for environment in loaded}
    for environment, steps in zip(loaded, told, strict=True):
        for progress in steps:
            text = " ".join(each for step in progress for each in (step.message, *step.waiting_for))
            assert {name for name in names if f" {name}" in text} == {environment.name}
    assert [each.resources for project in (one, two) for each in list_environments(project.root)] == [None] * 8
    gc.collect()
    assert capfd.readouterr() == ("", "")
    assert process_settings() == before


def sorted_names(project: Project) -> list[str]:
    return sorted(file.stem for file in (project.root / "envs").iterdir())


class Heart:
    """Beats every 10 ms in the event loop, and remembers the longest pause between two beats."""

    def __init__(self) -> None:
        self.beats = 0
        self.longest = 0.0

    async def beat(self) -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            self.beats, self.longest, last = self.beats + 1, max(self.longest, now - last), now


def test_an_event_loop_goes_on_while_runs_are_awaited_and_stopped(make_project: Projects) -> None:
    name, text = small(9)
    environment = Environment.load(make_project({name: text}).root, name)
    heart = Heart()

    async def stopped() -> None:
        """An up that is stopped once the first resources are there."""
        begun, loop = asyncio.Event(), asyncio.get_running_loop()

        def show(step: Progress) -> None:
            if step.message.startswith("created Vpc"):
                loop.call_soon_threadsafe(begun.set)

        up = asyncio.create_task(in_thread(lambda stop: environment.up(on_progress=show, cancellation=stop)))
        await asyncio.wait_for(begun.wait(), 120)
        up.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await up
        reason = caught.value.__cause__
        assert isinstance(reason, InterruptedRunError)
        assert f"the up of {name} was interrupted: " in reason.message
        assert f" of {RESOURCES} changes were made" in reason.message
        assert "Vpc" in {change.type.rsplit(":", 1)[-1] for change in reason.changes}
        assert 0 < len(reason.changes) < RESOURCES

    async def main() -> None:
        beating = asyncio.create_task(heart.beat())
        preview = await in_thread(lambda stop: environment.preview(cancellation=stop))
        assert preview.summary.create == RESOURCES
        await stopped()
        receipt = await in_thread(lambda stop: environment.up(cancellation=stop))
        assert [each.state for each in receipt.rollouts] == [RolloutState.COMPLETED]
        stop = Cancellation()
        lines = environment.logs(follow=True, cancellation=stop)
        following = asyncio.create_task(in_thread(lambda _: [line.service for line in lines]))
        await asyncio.sleep(1.5)
        stop.cancel()
        assert "api" in await following
        await in_thread(lambda stop: environment.destroy(cancellation=stop))
        beating.cancel()

    asyncio.run(main())
    assert heart.beats > 200
    assert heart.longest < 2, "the loop was never blocked as long as the shortest of these calls takes"
    with pytest.raises(NotFoundError):
        environment.outputs()
