"""The connection to Docker breaks."""

from __future__ import annotations

import time

import docker
import pytest

from tests.local.runner.conftest import Bench, container, serving

pytestmark = pytest.mark.docker


def test_a_loss_while_the_event_stream_is_broken_is_found_afterwards(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = bench.up(serving("app"), container("side"))
    away = True
    connect = bench.runner._events._api.events

    def events(**options: object) -> object:
        if away:
            raise docker.errors.DockerException("away")
        return connect(**options)

    monkeypatch.setattr(bench.runner._events._api, "events", events)
    bench.runner._events._stream.close()
    time.sleep(0.2)
    bench.engine.api.kill(bench.docker_id(run, "app"))
    time.sleep(0.8)
    assert bench.runner.state(run.arn).last_status == "RUNNING"  # type: ignore[union-attr]
    away = False
    assert bench.wait(run, "STOPPED").stop_code == "EssentialContainerExited"


def test_docker_refuses_to_answer_for_a_while(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    run = bench.up(serving())
    away = True
    inspect = bench.runner._engine.api.inspect_container

    def fails(*arguments: object) -> object:
        if away:
            raise docker.errors.DockerException("away")
        return inspect(*arguments)

    monkeypatch.setattr(bench.runner._engine.api, "inspect_container", fails)
    bench.engine.api.kill(bench.docker_id(run, "app"))
    time.sleep(0.7)
    away = False
    state = bench.wait(run, "STOPPED")
    assert (state.stop_code, state.containers[0].exit_code) == ("EssentialContainerExited", 137)
