"""Throttling and errors on one AWS call in five: every verb ends as it does without them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import pytest

from ecs_stack import targets
from ecs_stack.commands.main import main
from ecs_stack.local import routes
from ecs_stack.local.providers.aws import clients
from tests.e2e.conftest import DEV
from tests.e2e.project import Project, get
from tests.e2e.test_killed_runs import real, unknown
from tests.faults import Fault, Faults, proxy

pytestmark = [pytest.mark.engine, pytest.mark.docker]

SEED = 4
RATE = 0.2
FAULTS = Faults(RATE, seed=SEED)


@contextmanager
def spoilt(project: Project, faults: Faults) -> Iterator[None]:
    """Everybody who looks for the local cloud finds the proxy; what belongs to the cloud itself doesn't look."""
    file = project.root / ".ecs-stack/local/cloud.json"
    facts = json.loads(file.read_text())
    with proxy(f"http://127.0.0.1:{facts['port']}", faults) as port:
        file.write_text(json.dumps({**facts, "port": port}))
        try:
            yield
        finally:
            file.write_text(json.dumps(facts))


@pytest.fixture(scope="module")
def started(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    project = make_project({"dev": DEV})
    project.run("local", "start")
    return project


def test_every_verb_ends_right(started: Project) -> None:
    with spoilt(started, FAULTS):
        planned = started.run("preview", "dev", "--json").json["summary"]["create"]
        up = started.run("up", "dev", "--yes", "--json").json
        assert up["summary"]["create"] == planned
        assert [rollout["state"] for rollout in up["rollouts"]] == ["completed"]
        assert "nothing to change" in started.run("preview", "dev", "--refresh").out
        assert started.run("up", "dev", "--yes", "--json").json["summary"]["update"] == 0
        started.edit("dev", "GREETING: hello", "GREETING: hi")
        changed = started.run("up", "dev", "--yes", "--json").json
        assert [rollout["state"] for rollout in changed["rollouts"]] == ["completed"]
        service = started.run("status", "dev", "--json").json["services"][0]
        assert (service["running"], service["healthy"]) == (2, 2)
        assert get(service["url"])[0] == 200
        assert started.run("logs", "dev", "--tail", "5").out
        assert started.run("list", "--json").json[0]["resources"]
        assert started.run("outputs", "dev", "--json").json["services"]
    assert unknown(started) == {}


def test_throttling_without_end_is_an_error_that_says_so(
    started: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(started.root)
    monkeypatch.setattr(targets, "_ATTEMPTS", 2)
    monkeypatch.setattr(clients, "_ATTEMPTS", 2)
    started.edit("dev", "health: {path: /health}", "health: {path: /}")

    def fails(faults: Faults, *words: str) -> str:
        with spoilt(started, faults):
            assert main(words) == 1, capsys.readouterr().err
        said = capsys.readouterr().err
        assert "again in a few minutes" in said
        assert "Traceback" not in said
        return said

    throttled = Faults(1.0, kinds=(Fault.THROTTLED,))
    for words in (["preview", "dev", "--refresh"], ["status", "dev"], ["logs", "dev"]):
        said = fails(throttled, *words)
        assert "Throttling" in said or "RequestLimitExceeded" in said
    assert "ServiceUnavailable" in fails(Faults(1.0, kinds=(Fault.UNAVAILABLE,)), "status", "dev")
    assert "the up of dev failed" in fails(_Writes(throttled), "up", "dev", "--yes").lower()
    assert started.run("up", "dev", "--yes", "--json").json["summary"]["update"] == 1


class _Writes(Faults):
    """Spoils what changes something, and nothing else."""

    def __init__(self, faults: Faults) -> None:
        super().__init__(faults.rate, faults.kinds)

    def next(self, operation: str) -> Fault | None:
        """See Faults."""
        return super().next(operation) if routes.mutates("GET", operation.partition(".")[2]) else None


def test_destroy_ends_right(started: Project) -> None:
    with spoilt(started, FAULTS):
        started.run("destroy", "dev", "--yes")
    assert {kind: ids for kind, ids in real(started).items() if ids} == {}
    assert started.containers(all=True) == []
    assert set(FAULTS.seen) == set(Fault), f"of {FAULTS.calls} calls: {FAULTS.seen}"


def test_a_creation_whose_answer_was_lost_is_settled_by_the_next_run(started: Project) -> None:
    """As AWS does it: a call that is sent again is a new one. It meets what the first has made, or makes another."""
    with spoilt(started, _First("logs.CreateLogGroup", "iam.CreateRole", "ec2.CreateVpc")):
        said = started.run("up", "dev", "--yes", code=1).err
        assert "LogGroup dev-api: CreateLogGroup: ResourceAlreadyExistsException" in said
        again = started.run("up", "dev", "--yes")
    assert "it isn't certain what the last run of dev made" in again.err
    assert "deleted log group /ecs/dev/api, which was made and not written down" in again.err
    assert get(started.run("status", "dev", "--json").json["services"][0]["url"])[0] == 200
    assert unknown(started) == {}


class _First(Faults):
    """Loses the answer to the first call of each of these operations."""

    def __init__(self, *operations: str) -> None:
        super().__init__(1.0, identities=False)
        self.operations = set(operations)

    def next(self, operation: str) -> Fault | None:
        """See Faults."""
        if operation not in self.operations:
            return None
        self.operations.remove(operation)
        return Fault.LOST
