"""Who holds a lock, and whether that process is gone. Lock files and texts are what engine 3.259.0 wrote."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pulumi.automation as auto
import pytest
from pulumi.automation.errors import create_command_error

from ecs_stack.automation import locks
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Stack
from ecs_stack.errors import LockedError, RefusedError
from ecs_stack.results import LockHolder

HERE = socket.gethostname()
GONE = 2**22 + 1  # more than Linux gives out
LONG_AGO = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)
TOMORROW = datetime.now(UTC) + timedelta(days=1)

Take = Callable[..., Path]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack in a folder; no engine runs."""
    return Stack(Backend.local(tmp_path), "dev", engine=Engine(tmp_path, "3.259.0"), environment={})


@pytest.fixture
def take(tmp_path: Path) -> Take:
    """Puts a lock on the stack, as the engine does."""
    folder = tmp_path / ".ecs-stack/state/.pulumi/locks/organization/ecs-stack/dev"
    folder.mkdir(parents=True)

    def take(host: str = HERE, pid: int = GONE, at: datetime = LONG_AGO) -> Path:
        file = folder / f"{host}-{pid}.json"
        lock = {"pid": pid, "username": "ann", "hostname": host, "timestamp": at.isoformat()}
        file.write_text(json.dumps(lock))
        file.with_name(f"{file.name}.attrs").write_text("{}")
        return file

    return take


@pytest.mark.parametrize(
    ("host", "pid", "at", "stale"),
    [
        pytest.param(HERE, GONE, LONG_AGO, True, id="a process of this machine that is gone"),
        pytest.param(HERE, os.getpid(), TOMORROW, False, id="a process that lives"),
        pytest.param(HERE, os.getpid(), LONG_AGO, True, id="another process with its number"),
        pytest.param("elsewhere", GONE, LONG_AGO, False, id="another machine"),
    ],
)
def test_only_a_dead_process_of_this_machine_leaves_a_stale_lock(
    host: str, pid: int, at: datetime, stale: bool, tmp_path: Path
) -> None:
    holder = LockHolder(user="ann", host=host, pid=pid, since=at)
    assert locks.Lock("lock.json", holder).is_stale is stale


@pytest.mark.parametrize(
    "where",
    ["file:///srv/my%20shop/.ecs-stack/state/", "s3://acme-state/", "s3://acme-state/all/of/it/"],
)
@pytest.mark.parametrize("query", ["", "?no_tmp_dir=true"])
def test_the_engine_names_the_files_in_its_way(where: str, query: str) -> None:
    text = (
        "error: the stack is currently locked by 1 lock(s).\n"
        f"  {where}.pulumi/locks/organization/ecs-stack/dev/7a.json{query}: "
        "created by ann@build-7 (pid 4711) at 2026-11-24T10:35:05+01:00"
    )
    (lock,) = locks.in_the_way(create_command_error(auto.CommandResult("", text, 255)))
    assert lock.key == ".pulumi/locks/organization/ecs-stack/dev/7a.json"
    assert locks.describe(lock.holder) == "ann@build-7 (pid 4711) since 2026-11-24 09:35:05 UTC"


def test_a_run_is_refused_before_it_begins(stack: Stack, take: Take) -> None:
    stack.refuse_if_locked()
    take()
    stack.refuse_if_locked()
    take("build-7", 4711)
    with pytest.raises(LockedError, match=r"by ann@build-7 \(pid 4711\) since 2026-05-01 10:00:00 UTC") as caught:
        stack.refuse_if_locked()
    assert "--wait" in str(caught.value.hint)
    assert "ecs-stack unlock dev" in str(caught.value.hint)


def test_unlock_removes_what_a_killed_run_left(stack: Stack, take: Take) -> None:
    file = take()
    assert [holder.pid for holder in stack.unlock().removed] == [GONE]
    assert list(file.parent.iterdir()) == []
    assert stack.unlock().removed == ()


@pytest.mark.parametrize("force", [False, True])
def test_unlock_never_removes_the_lock_of_a_process_that_lives(stack: Stack, take: Take, force: bool) -> None:
    dead, alive = take(), take(pid=os.getpid(), at=TOMORROW)
    with pytest.raises(LockedError, match="that process is running"):
        stack.unlock(force=force)
    assert dead.exists()
    assert alive.exists()


def test_unlock_needs_force_for_another_machine(stack: Stack, take: Take) -> None:
    file = take("build-7", 4711)
    with pytest.raises(LockedError, match="can't be told from this machine") as caught:
        stack.unlock()
    assert "ecs-stack unlock dev --force" in str(caught.value.hint)
    assert file.exists()
    assert [holder.host for holder in stack.unlock(force=True).removed] == ["build-7"]
    assert not file.exists()


def test_a_lock_that_is_half_written_is_nobodys_to_remove(stack: Stack, take: Take) -> None:
    file = take()
    file.write_text("{")
    with pytest.raises(LockedError):
        stack.refuse_if_locked()
    with pytest.raises(LockedError):
        stack.unlock()
    stack.unlock(force=True)
    assert not file.exists()


def test_unlock_needs_force_where_the_state_is_elsewhere(tmp_path: Path) -> None:
    backend = Backend(root=tmp_path, home=tmp_path / "home", url="s3://bucket", project="shop")
    stack = Stack(backend, "dev", engine=Engine(tmp_path, "3.259.0"), environment={})
    with pytest.raises(RefusedError, match="isn't on this machine"):
        stack.unlock()


def test_a_lock_of_ours_keeps_others_off(tmp_path: Path, stack: Stack, take: Take) -> None:
    other = Stack(Backend.local(tmp_path), "dev", engine=Engine(tmp_path, "3.259.0"), environment={})
    take()  # of a process that is gone: in nobody's way
    with stack.held():
        with pytest.raises(LockedError, match=rf"\(pid {os.getpid()}\)"):
            other.refuse_if_locked()
        with pytest.raises(LockedError), other.held():
            pytest.fail("held twice")
        with pytest.raises(LockedError):
            other.refuse_if_locked()
    with other.held():
        pass
    take("elsewhere")
    with pytest.raises(LockedError, match="elsewhere"), stack.held():
        pytest.fail("held while another machine has it")
