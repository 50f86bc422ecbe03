"""The verbs of `ecs-stack ci` through ``main``."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_stack.commands.main import main
from tests.ci import checkout
from tests.ci.forge import Forge, served
from tests.ci.test_markdown import RECEIPT


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.chdir(checkout.write(tmp_path, "github"))
    return tmp_path


@pytest.fixture
def forge(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Forge]:
    """This process is a step of a workflow for pull request 42."""
    (root / "event.json").write_text(json.dumps({"pull_request": {"number": 42}}))
    with served(Forge()) as running:
        for name, value in running.github(event=str(root / "event.json")).items():
            monkeypatch.setenv(name, value)
        yield running


def test_files_are_written_and_checked(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["ci", "github", "--check"]) == 3
    assert ".github/workflows/preview.yml  is missing" in capfd.readouterr().out
    assert not (root / ".github").exists()
    assert main(["ci", "github"]) == 0
    out = capfd.readouterr().out
    assert ".github/workflows/preview.yml  written" in out
    assert "GitHub, Settings, Environments, prod: required reviewers; deployment branches, only main" in out
    assert main(["ci", "github", "--check", "--json"]) == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["forge"], document["current"], document["written"]) == ("github", True, False)
    (root / ".github/workflows/prune.yml").write_text("mine\n")
    assert main(["ci", "github", "--check"]) == 3
    assert "  -mine" in capfd.readouterr().out
    assert main(["ci", "github"]) == 2
    assert ".github/workflows/prune.yml differs" in capfd.readouterr().err
    assert main(["ci", "github", "--force"]) == 0
    assert ".github/workflows/prune.yml    overwritten" in capfd.readouterr().out


def test_a_comment(root: Path, forge: Forge, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "preview.json").write_text(json.dumps(RECEIPT))
    assert main(["ci", "comment", "pr-42", "--from", "preview.json", "--json"]) == 0
    assert json.loads(capfd.readouterr().out)["created"] is True
    (body,) = forge.ours
    assert body.startswith("<!-- ecs-stack shop pr-42 -->\n### Preview [`pr-42`](http://pr-42.example.com/)\n")
    (root / "preview.json").write_text("")
    assert main(["ci", "comment", "pr-42", "--from", "preview.json"]) == 0
    assert "Changed the comment: https://github.com/acme/shop/pull/42#issuecomment-" in capfd.readouterr().out
    assert "wasn't made" in forge.ours[0]


@pytest.mark.parametrize("text", ["pr-42: 3 created", "[]", "{}"])
def test_what_isnt_a_result_is_refused(root: Path, forge: Forge, text: str, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "preview.json").write_text(text)
    assert main(["ci", "comment", "pr-42", "--from", "preview.json"]) == 2
    assert capfd.readouterr().err.startswith("Error: ")
    assert forge.ours == []


def test_what_is_open(forge: Forge, capfd: pytest.CaptureFixture[str]) -> None:
    forge.open = [7, 42]
    assert main(["ci", "open"]) == 0
    assert capfd.readouterr().out == "pr-7,pr-42\n"
    forge.open = []
    assert main(["ci", "open"]) == 0
    assert capfd.readouterr().out == "none\n"


def test_a_protected_environment_that_nobody_is_asked_about(forge: Forge, capfd: pytest.CaptureFixture[str]) -> None:
    for rules in (None, [], ["branch_policy", "wait_timer"]):
        forge.environments = {} if rules is None else {"prod": rules}
        assert main(["ci", "approval", "prod"]) == 2
        assert "GitHub deploys it without asking anybody" in capfd.readouterr().err
    forge.environments = {"prod": ["required_reviewers"]}
    assert main(["ci", "approval", "prod"]) == 0


def test_outside_of_a_pipeline(root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"):
        monkeypatch.delenv(name, raising=False)
    assert main(["ci", "open"]) == 2
    assert "doesn't run in a pipeline" in capfd.readouterr().err
