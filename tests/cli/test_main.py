"""The command line through ``main``: exit codes, stdout and stderr apart, one clear message for each
refusal."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer.main

from ecs_stack import environment
from ecs_stack.commands.main import app, main
from ecs_stack.errors import EcsStackError, InterruptedRunError, RolledBackError
from ecs_stack.results import (
    ChangeSummary,
    LockHolder,
    LogLine,
    Preview,
    Rollout,
    RolloutState,
    UnlockReceipt,
    UpReceipt,
)

DEV = """
target: local
region: eu-west-1
services:
  api: {image: "demo:1", cpu: 256, memory: 512, port: 8080, route: {path: "/*"}}
"""
RECEIPT = UpReceipt(
    environment="dev",
    changes=(),
    summary=ChangeSummary(create=3, same=1),
    rollouts=(
        Rollout(
            service="api",
            state=RolloutState.COMPLETED,
            requested_revision="dev-api:2",
            running_revision="dev-api:2",
        ),
    ),
    urls={"api": "http://localhost:34567/"},
    duration=41.2,
)
PENDING = Preview(environment="dev", changes=(), summary=ChangeSummary(create=3), duration=1.0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the environment ``dev``, as the working directory."""
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.yaml").write_text(DEV)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


class Fake:
    """Stands for the engine and the cloud below ``Environment``."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.done: list[str] = []
        self.plan = PENDING
        self.fails: EcsStackError | None = None
        for verb in ("preview", "up", "destroy"):
            monkeypatch.setattr(environment.Environment, verb, getattr(self, verb))
        monkeypatch.setattr(environment.Environment, "require_stack", lambda _: None)

    def preview(self, **_: object) -> Preview:
        return self.plan

    def up(self, *, on_progress: object, approve: object, wait: bool, refresh: bool) -> UpReceipt:
        approve(self.plan)  # type: ignore[operator]
        self.done.append("up")
        if self.fails:
            raise self.fails
        return RECEIPT

    def destroy(self, *, on_progress: object, approve: object, wait: bool, with_ephemeral: bool) -> object:
        if approve:
            approve(self.plan)  # type: ignore[operator]
        self.done.append("destroy --with-ephemeral" if with_ephemeral else "destroy")
        return environment.DestroyReceipt(environment="dev", changes=(), summary=ChangeSummary(delete=3), duration=2.0)


@pytest.fixture
def fake(project: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    return Fake(monkeypatch)


class Terminal:
    """Standard input with somebody who types ``answer``."""

    def __init__(self, answer: str) -> None:
        self._answer = answer

    def isatty(self) -> bool:
        return True

    def readline(self) -> str:
        return self._answer


def commands() -> list[list[str]]:
    def below(path: list[str], command: object) -> list[list[str]]:
        children = getattr(command, "commands", {})
        return [path, *(found for name, child in children.items() for found in below([*path, name], child))]

    return below([], typer.main.get_command(app))


@pytest.mark.parametrize("path", commands(), ids=" ".join)
def test_every_command_has_help(path: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*path, "--help"]) == 0
    captured = capsys.readouterr()
    assert "Usage: ecs-stack" in captured.out
    assert captured.err == ""


def test_every_option_is_described() -> None:
    for path in commands():
        command: object = typer.main.get_command(app)
        for name in path:
            command = command.commands[name]  # type: ignore[attr-defined]
        assert command.help, path  # type: ignore[attr-defined]
        for parameter in command.params:  # type: ignore[attr-defined]
            assert parameter.help, f"{path}: {parameter.name}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["lst"], ["No such command 'lst'", "Did you mean 'list'?", "`ecs-stack --help`"]),
        (["up"], ["Missing argument 'ENV'", "There are: dev. `ecs-stack up --help`"]),
        (["up", "dev", "--nope"], ["No such option: --nope"]),
        (["up", "dev", "--target", "azure"], ["'azure'", "aws", "local"]),
        (["up", "dvv", "--yes"], ["'dvv'", "Did you mean 'dev'?"]),
        (["status", "dev"], ["There is no stack for dev", "`ecs-stack up dev` makes it."]),
        (["destroy", "dev", "--yes"], ["There is no stack for dev"]),
        (["destroy", "dev"], ["There is no stack for dev"]),
        (["logs", "dev", "--since", "yesterday"], ["'yesterday'", "10m"]),
        (["up", "dev", "--root", "nowhere"], ["nowhere"]),
    ],
    ids=lambda value: " ".join(value),
)
def test_a_refusal_is_one_message_and_exit_code_2(
    project: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], words: list[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("Error: ")
    assert "Traceback" not in captured.err
    for word in words:
        assert word in captured.err


def test_outside_of_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 2
    assert "isn't in an ecs-stack project" in capsys.readouterr().err


def test_the_project_is_found_from_a_folder_below(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(project / "envs")
    assert main(["list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    expected = {"name": "dev", "target": "local", "valid": True, "resources": None, "updated_at": None}
    assert listed == [{**expected, "cost": None, "problem": None}]


def test_a_wrong_file_has_a_line_for_each_problem(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "envs" / "dev.yaml").write_text(DEV.replace("region: eu-west-1", "region: 7\nregoin: x"))
    assert main(["preview", "dev"]) == 2
    error = capsys.readouterr().err
    assert "envs/dev.yaml:3" in error
    assert "regoin" in error


def test_json_refusals_are_a_document_on_stdout_too(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", "dev", "--json"]) == 2
    captured = capsys.readouterr()
    error = json.loads(captured.out)["error"]
    assert (error["kind"], error["exit_code"]) == ("NotFoundError", 2)
    assert "There is no stack" in captured.err


def test_preview_exits_with_3_if_asked(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["preview", "dev"]) == 0
    assert main(["preview", "dev", "--exit-code"]) == 3
    fake.plan = Preview(environment="dev", changes=(), summary=ChangeSummary(same=3), duration=1.0)
    assert main(["preview", "dev", "--exit-code"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == ["dev: 3 to create"] * 2 + ["dev: nothing to change (3 unchanged)"]
    assert captured.err == ""


def test_up_refuses_without_a_terminal(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "dev"]) == 2
    assert "--yes" in capsys.readouterr().err
    assert fake.done == []


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("n\n", 2), ("\n", 2), ("", 2)])
def test_up_asks(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert main(["up", "dev"]) == code
    captured = capsys.readouterr()
    assert "dev: 3 to create" in captured.err
    assert "Apply this to dev? [y/N]" in captured.err
    assert fake.done == (["up"] if code == 0 else [])


def test_up_asks_nothing_where_nothing_changes(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    fake.plan = Preview(environment="dev", changes=(), summary=ChangeSummary(same=3), duration=1.0)
    assert main(["up", "dev"]) == 0


def test_the_receipt_is_on_stdout_and_the_plan_is_not(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["up", "dev", "--yes"]) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines() == [
        "dev: 3 created, 1 unchanged (41 s)",
        "  api  dev-api:2  deployed  http://localhost:34567/",
    ]
    assert captured.err == "dev: 3 to create\n"
    assert main(["up", "dev", "--yes", "--json"]) == 0
    receipt = json.loads(capsys.readouterr().out)
    assert receipt["urls"] == {"api": "http://localhost:34567/"}
    assert receipt["rollouts"][0]["state"] == "completed"


def test_a_rollback_exits_with_4_and_has_the_receipt(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.fails = RolledBackError("ECS rolled back api", problems=("api: exited with code 1",), receipt=RECEIPT)
    assert main(["up", "dev", "--yes"]) == 4
    captured = capsys.readouterr()
    assert "3 created" in captured.out
    assert captured.err.endswith("Error: ECS rolled back api\n  api: exited with code 1\n")
    assert main(["up", "dev", "--yes", "--json"]) == 4
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["exit_code"], error["receipt"]["summary"]["create"]) == (4, 3)


def test_an_interrupted_run_exits_with_130(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    fake.fails = InterruptedRunError("up dev was interrupted: 2 changes were made")
    assert main(["up", "dev", "--yes"]) == 130
    assert "2 changes were made" in capsys.readouterr().err


class Interrupted(Terminal):
    def readline(self, *_: object) -> str:
        raise KeyboardInterrupt


def test_ctrl_c_at_a_question_touches_nothing(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", Interrupted(""))
    assert main(["destroy", "dev"]) == 130
    assert fake.done == []
    assert capsys.readouterr().err.endswith("(dev): \nError: Interrupted: nothing was touched\n")


def test_ctrl_c_anywhere_else_is_told_once(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(environment.Environment, "status", interrupted)
    assert main(["status", "dev"]) == 130
    assert capsys.readouterr().err == "Error: Interrupted\n"
    assert main(["status", "dev", "--json"]) == 130
    assert json.loads(capsys.readouterr().out)["error"]["kind"] == "InterruptedRunError"


def test_ctrl_c_ends_following_logs_silently(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def lines(*_: object, **__: object) -> Iterator[LogLine]:
        yield LogLine(at=datetime(2026, 5, 1, tzinfo=UTC), service="api", task="4f2a91c3", message="hello")
        raise KeyboardInterrupt

    monkeypatch.setattr(environment.Environment, "logs", lines)
    assert main(["logs", "dev", "--follow"]) == 130
    captured = capsys.readouterr()
    assert ("hello" in captured.out, captured.err) == (True, "")


@pytest.mark.parametrize(("answer", "code"), [("dev\n", 0), ("y\n", 2), ("prod\n", 2)])
def test_destroy_asks_for_the_name(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    assert main(["destroy", "dev"]) == code
    assert fake.done == (["destroy"] if code == 0 else [])
    assert "Type the environment's name" in capsys.readouterr().err


def test_destroy_with_yes_asks_nothing(fake: Fake, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["destroy", "dev"]) == 2
    assert main(["destroy", "dev", "--yes"]) == 0
    assert capsys.readouterr().out == "dev is gone: 3 deleted (2.0 s)\n"


def test_unlock_says_whose_lock_it_removed(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    holder = LockHolder(user="ann", host="build-7", pid=7, since=datetime(2026, 5, 1, tzinfo=UTC))

    def unlock(_: object, *, force: bool) -> UnlockReceipt:
        return UnlockReceipt(environment="dev", removed=(holder,) if force else ())

    monkeypatch.setattr(environment.Environment, "unlock", unlock)
    assert main(["unlock", "dev"]) == 0
    assert main(["unlock", "dev", "--force"]) == 0
    assert capsys.readouterr().out == "dev isn't locked\nRemoved the lock of ann@build-7 (pid 7)\n"


def test_a_bug_has_a_traceback_and_asks_for_a_report(
    fake: Fake, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(environment.Environment, "preview", lambda *_, **__: 1 / 0)
    assert main(["preview", "dev"]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "ZeroDivisionError" in captured.err
    assert "This is a bug in ecs-stack. Please report it" in captured.err


@pytest.mark.parametrize("option", [[], ["--json"]], ids=["plain", "--json"])
def test_the_schema_is_json(capsys: pytest.CaptureFixture[str], option: list[str]) -> None:
    assert main(["schema", *option]) == 0
    assert "services" in json.loads(capsys.readouterr().out)["properties"]


def test_versions(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["ecs-stack"]


def test_a_reader_that_leaves_early_is_no_error() -> None:
    """``ecs-stack schema | head -1``"""
    script = f"{sys.executable} -m ecs_stack.commands.main schema | head -c 1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert "Traceback" not in done.stderr
    assert "BrokenPipe" not in done.stderr


def test_help_loads_neither_the_sdk_nor_boto3() -> None:
    script = (
        "import sys; from ecs_stack.commands.main import main; main(['up', '--help']); "
        "heavy = {'pulumi', 'boto3', 'botocore', 'moto', 'grpc', 'docker'} & set(sys.modules); "
        "sys.exit(f'loaded: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", [[], ["ephemeral"]])
def test_without_a_command_there_is_help_and_no_error(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("Usage: ecs-stack")
    assert "Error" not in said


def test_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"ecs-stack {importlib.metadata.version('ecs-stack')}\n"
