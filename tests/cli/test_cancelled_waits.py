"""What waits ends at once when it is cancelled, and says what is done and what isn't."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecs_stack import Cancellation
from ecs_stack.errors import InterruptedRunError, LockedError
from ecs_stack.operations import rollout
from ecs_stack.results import Progress
from tests.cli import test_environment
from tests.cli.test_environment import World, load

world = test_environment.world


def ended(run: Callable[[Cancellation], object]) -> InterruptedRunError:
    """How a run ends that is cancelled soon after it began."""
    cancellation = Cancellation()
    timer = threading.Timer(0.1, cancellation.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(InterruptedRunError) as caught:
        run(cancellation)
    assert time.monotonic() - started < 10
    timer.join()
    assert caught.value.exit_code == 130
    return caught.value


def for_ever(*_: Any, sleep: Callable[[float], object], **__: Any) -> None:
    sleep(30)


def test_waiting_for_a_lock(world: World, tmp_path: Path) -> None:
    said: list[Progress] = []
    for verb in (load(tmp_path).up, load(tmp_path).destroy):
        world.exported = {}
        world.locks = [LockedError("ann holds it")] * 1000
        error = ended(lambda stop, verb=verb: verb(wait=True, cancellation=stop, on_progress=said.append))  # type: ignore[misc]
        assert "was interrupted while it waited for another run's end: nothing was touched" in error.message
    assert said[0].message == "waiting: ann holds it"


def test_waiting_for_services(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "wait", for_ever)
    error = ended(lambda stop: load(tmp_path).up(cancellation=stop))
    assert "every change is made, and ECS goes on deploying" in error.message
    assert error.hint == "`ecs-stack status dev` says how far it is."


def test_waiting_for_a_deployment_in_flight(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollout, "settle", for_ever)
    world.exported = {test_environment.EXPORT: test_environment.OUTPUTS.to_dict()}
    error = ended(lambda stop: load(tmp_path).up(cancellation=stop))
    assert "the up of dev was interrupted before it changed anything" in error.message
    assert "up" not in world.calls


def test_ctrl_c_is_the_same(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(rollout, "wait", interrupted)
    with pytest.raises(InterruptedRunError, match="ECS goes on deploying"):
        load(tmp_path).up()
