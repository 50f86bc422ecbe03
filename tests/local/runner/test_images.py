"""Images that must be pulled."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import pytest

from tests.local.runner.conftest import Bench, container, serving
from tests.local.runner.registry import Registry

pytestmark = pytest.mark.docker

LOGIN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:registry-AbCdEf"


@pytest.fixture
def registry(engine: docker.DockerClient, probe: Path) -> Iterator[Registry]:
    """Ask for it before ``bench``: its image can be removed when no container uses it any more."""
    made = Registry(probe, engine.version()["Arch"])
    yield made
    made.close()
    with contextlib.suppress(docker.errors.ImageNotFound):
        # By id: its digest is a reference too.
        engine.images.remove(engine.images.get(made.reference).id, force=True)


def private(registry: Registry) -> dict[str, Any]:
    return {"image": registry.reference, "repositoryCredentials": {"credentialsParameter": LOGIN}}


def test_pull_from_a_private_registry(registry: Registry, bench: Bench) -> None:
    bench.clients.secretsmanager.secrets = {(LOGIN, "AWSCURRENT"): '{"username": "user", "password": "password"}'}
    run = bench.up(serving(**private(registry)))
    state = bench.runner.state(run.arn)
    assert state is not None
    assert state.containers[0].image_digest == registry.digest
    assert state.pull_started_at < state.pull_stopped_at  # type: ignore[operator]
    assert bench.call(run, "/healthy") == ""


def test_wrong_credentials(registry: Registry, bench: Bench) -> None:
    bench.clients.secretsmanager.secrets = {(LOGIN, "AWSCURRENT"): '{"username": "user", "password": "hunter2"}'}
    state = bench.wait(bench.launch(container(**private(registry))), "STOPPED")
    reason = state.stopped_reason or ""
    assert reason.startswith("CannotPullContainerError: Error response from daemon: ")
    assert "hunter2" not in reason


def test_credentials_that_are_not_a_login(registry: Registry, bench: Bench) -> None:
    bench.clients.secretsmanager.secrets = {(LOGIN, "AWSCURRENT"): "hunter2"}
    state = bench.wait(bench.launch(container(**private(registry))), "STOPPED")
    reason = state.stopped_reason or ""
    assert reason.startswith("ResourceInitializationError: unable to pull secrets or registry auth: ")
    assert "hunter2" not in reason


def test_not_a_reference(bench: Bench) -> None:
    state = bench.wait(bench.launch(container(image="Not A Reference")), "STOPPED")
    assert (state.stopped_reason or "").startswith("CannotPullContainerError: ")


def test_stop_does_not_wait_for_a_pull(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    release = threading.Event()
    monkeypatch.setattr(bench.runner._engine, "pull", lambda *_: release.wait(30))
    run = bench.launch(container(image="localhost:1/slow:1"))
    bench.wait(run, "PENDING")
    time.sleep(0.2)
    asked = time.monotonic()
    try:
        state = bench.stop(run)
    finally:
        release.set()
    assert time.monotonic() - asked < 2
    assert (state.stop_code, state.containers[0].last_status) == ("UserInitiated", "STOPPED")
