"""preview, up and destroy of a trivial inline program: the engine alone, no provider, no cloud."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pulumi
import pytest

from ecs_stack.automation import engine, engine_stack
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack, stacks
from ecs_stack.errors import InterruptedRunError, LockedError, NotFoundError, SpecError, UpdateFailedError
from ecs_stack.results import ChangeKind, ChangeSummary

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def found() -> engine.Engine:
    return engine.ensure()


@pytest.fixture
def stack(tmp_path: Path, found: engine.Engine) -> Stack:
    return make(tmp_path, found)


def make(root: Path, found: engine.Engine, name: str = "dev") -> Stack:
    return Stack(Backend.local(root), name, engine=found, environment=os.environ)


def program(value: int = 1, *, fail: Exception | None = None) -> Callable[[], None]:
    """A component with one resource, whose provider is the engine itself."""

    def run() -> None:
        component = pulumi.ComponentResource("test:index:Thing", "thing")
        opts = pulumi.ResourceOptions(parent=component)
        pulumi.Stash("kept", input={"value": value, "password": pulumi.Output.secret("hunter2")}, opts=opts)
        component.register_outputs({})
        if fail:
            raise fail
        pulumi.export("value", value)
        pulumi.export("password", pulumi.Output.secret("hunter2"))

    return run


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_a_stack_from_beginning_to_end(stack: Stack, tmp_path: Path) -> None:
    preview = stack.preview(program())
    assert preview.summary == ChangeSummary(create=3)
    assert files(tmp_path) == [], "a preview touches nothing"

    created = stack.up(program())
    assert created.summary == ChangeSummary(create=3)
    assert created.outputs == {"value": 1, "password": "[secret]"}
    assert stack.outputs() == {"value": 1, "password": "[secret]"}
    assert oct((tmp_path / ".ecs-stack" / "passphrase").stat().st_mode & 0o777) == "0o600"
    state = (tmp_path / ".ecs-stack/state/.pulumi/stacks/ecs-stack/dev.json").read_text()
    assert "hunter2" not in state

    again = stack.preview(program())
    assert (again.summary, again.outputs_changed) == (ChangeSummary(same=3), False)
    changed = stack.preview(program(2))
    assert [c.name for c in changed.changes if c.kind is ChangeKind.UPDATE] == ["kept"]
    assert changed.outputs_changed

    assert stack.preview_destroy().summary == ChangeSummary(delete=3)
    assert stack.destroy().summary == ChangeSummary(delete=3)
    left = [name for name in files(tmp_path) if "meta.yaml" not in name]
    assert left == [".ecs-stack/layout", ".ecs-stack/passphrase"]
    with pytest.raises(NotFoundError):
        stack.outputs()


def test_plain_pulumi_works_on_the_same_state(stack: Stack, tmp_path: Path, found: engine.Engine) -> None:
    """A Pulumi.yaml like this checkout's: same project, same stack, same encryption salt."""
    project = {"name": "ecs-stack", "runtime": "python", "stackConfigDir": ".ecs-stack/stacks"}
    (tmp_path / "Pulumi.yaml").write_text(json.dumps(project))
    stack.up(program())
    config = tmp_path / ".ecs-stack" / "stacks" / "Pulumi.dev.yaml"
    salt = config.read_text()
    backend = Backend.local(tmp_path)

    def pulumi_says(*arguments: str) -> str:
        return subprocess.run(
            [found.bin / "pulumi", *arguments, "--stack", "dev", "--non-interactive"],
            cwd=tmp_path,
            env=backend.environment(os.environ),
            check=True,
            capture_output=True,
            text=True,
        ).stdout

    assert json.loads(pulumi_says("stack", "output", "--json", "--show-secrets"))["password"] == "hunter2"
    pulumi_says("config", "set", "--secret", "key", "value")
    assert salt in config.read_text()
    stack.up(program(2))
    assert json.loads(pulumi_says("stack", "output", "--json"))["value"] == 2
    assert set(files(tmp_path)) - {"Pulumi.yaml"} == {f for f in files(tmp_path) if f.startswith(".ecs-stack")}


def test_the_programs_own_error_comes_out_and_leaves_no_stack(stack: Stack, tmp_path: Path) -> None:
    def refuses() -> None:
        raise SpecError("the file is wrong", problems=("line 3",))

    with pytest.raises(SpecError, match="the file is wrong"):
        stack.up(refuses)
    assert not stack.exists()
    with pytest.raises(ZeroDivisionError):
        stack.preview(lambda: print(1 / 0))


def test_a_run_that_fails_leaves_the_stack_that_another_began_meanwhile(
    stack: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend = Backend.local(tmp_path)
    backend.begin("dev")
    seen = iter([False, True])
    with monkeypatch.context() as before:
        before.setattr(stack, "exists", lambda: next(seen))
        with pytest.raises(ZeroDivisionError):
            stack.up(lambda: print(1 / 0))
    assert stack.exists()
    assert stack.up(program()).outputs["value"] == 1


def test_a_resource_that_fails_is_named(stack: Stack) -> None:
    def fails() -> None:
        pulumi.StackReference("organization/ecs-stack/nowhere")

    with pytest.raises(UpdateFailedError, match=r"StackReference organization/ecs-stack/nowhere.*nowhere"):
        stack.up(fails)


def test_a_lock_is_refused_unless_its_process_is_gone(stack: Stack, tmp_path: Path) -> None:
    stack.up(program())
    folder = tmp_path / ".ecs-stack/state/.pulumi/locks/organization/ecs-stack/dev"
    folder.mkdir(parents=True, exist_ok=True)
    lock = {"pid": os.getpid(), "username": "ann", "hostname": socket.gethostname()}
    (folder / "1.json").write_text(json.dumps({**lock, "timestamp": "2099-05-01T10:00:00Z"}))
    with pytest.raises(LockedError, match=r"ann@.* since 2099-05-01 10:00:00 UTC"):
        stack.up(program(2))
    (folder / "1.json").write_text(json.dumps({**lock, "pid": 2**22 + 1, "timestamp": "2026-05-01T10:00:00Z"}))
    assert stack.up(program(2)).summary.update == 1


def test_stacks_are_listed(stack: Stack, tmp_path: Path, found: engine.Engine) -> None:
    backend = Backend.local(tmp_path)
    assert backend.is_empty()
    stack.up(program())
    assert not backend.is_empty()
    (listed,) = stacks(backend, engine=found, environment=os.environ)
    assert (listed.name, listed.resources) == ("dev", 4), "the engine counts its own default provider"


def test_two_stacks_at_once(tmp_path: Path, found: engine.Engine) -> None:
    with ThreadPoolExecutor() as pool:
        runs = [pool.submit(make(tmp_path, found, name).up, program(n)) for n, name in enumerate(("one", "two"))]
    assert [run.result().outputs["value"] for run in runs] == [0, 1]


def test_a_destroy_that_ended_too_early_keeps_the_stack(
    stack: Stack, tmp_path: Path, found: engine.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted engine may end without an error: what it hasn't deleted must not be forgotten."""
    stack.up(program())
    whole = engine_stack.EngineStack.destroy

    def nothing(self: engine_stack.EngineStack, **_: object) -> None:
        self.command.cancellation.cancel()

    def everything(self: engine_stack.EngineStack, **more: Any) -> None:
        whole(self, **more)
        self.command.cancellation.cancel()

    monkeypatch.setattr(engine_stack.EngineStack, "destroy", nothing)
    with pytest.raises(InterruptedRunError, match="the destroy of dev was interrupted"):
        make(tmp_path, found).destroy()
    assert stack.preview_destroy().summary == ChangeSummary(delete=3)
    monkeypatch.setattr(engine_stack.EngineStack, "destroy", everything)
    assert stack.destroy().summary == ChangeSummary(delete=3), "the interrupt came too late to stop anything"
    assert not stack.exists()


INTERRUPTED = """
import os, signal, sys, time
from pathlib import Path
import pulumi
from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack
from ecs_stack.errors import InterruptedRunError

def program():
    first = pulumi.Stash("first", input=1)
    def wait(_):
        print("waiting", flush=True)
        time.sleep(4)
        return 2
    pulumi.Stash("second", input=first.output.apply(wait))

# As in a terminal: a shell ignores it for what it starts in the background, these tests maybe.
signal.signal(signal.SIGINT, signal.default_int_handler)
stack = Stack(Backend.local(Path(sys.argv[1])), "dev", engine=engine.ensure(), environment=os.environ)
try:
    stack.up(program)
except InterruptedRunError as error:
    print(error.message, flush=True)
    sys.exit(error.exit_code)
"""


def test_ctrl_c_ends_the_run_and_says_what_was_done(tmp_path: Path, stack: Stack) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    timer = threading.Timer(60, process.kill)
    timer.start()
    try:
        assert process.stdout.readline() == "waiting\n"
        time.sleep(0.5)
        os.killpg(process.pid, signal.SIGINT)
        assert "the up of dev was interrupted" in process.stdout.read()
        assert process.wait() == 130
    finally:
        timer.cancel()
    assert [f for f in files(tmp_path) if "/locks/" in f] == []
    assert stack.preview(lambda: None).summary.delete >= 1, "the state knows what was done"
