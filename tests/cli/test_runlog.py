"""The log of a run: what a bug report needs, no secret, and no more files than are worth keeping."""

from __future__ import annotations

import json
import re
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from ecs_stack import environment, runlog
from ecs_stack.commands.main import main
from ecs_stack.errors import UpdateFailedError
from ecs_stack.report import pack
from ecs_stack.results import (
    ChangeKind,
    ChangeSummary,
    Check,
    CheckState,
    DoctorReport,
    Preview,
    Progress,
    PropertyChange,
    ResourceChange,
)

DEV = """
target: local
region: eu-west-1
services:
  api: {image: "demo:1", cpu: 256, memory: 512, port: 8080, route: {path: "/*"}}
"""
CHANGE = ResourceChange(
    urn="urn:pulumi:dev::shop::aws:ecs/service:Service::dev-api",
    type="aws:ecs/service:Service",
    name="dev-api",
    kind=ChangeKind.UPDATE,
    properties=(PropertyChange(path="desiredCount", before="two of them", after="three of them"),),
)
CHECK = Check(name="docker", state=CheckState.FAIL, detail="no Docker engine answers", fix="Start Docker.")
PLAN = Preview(environment="dev", changes=(CHANGE,), summary=ChangeSummary(update=1), duration=1.0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.yaml").write_text(DEV)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    return tmp_path


def preview(monkeypatch: pytest.MonkeyPatch, *messages: str, fails: Exception | None = None) -> None:
    """What ``Environment.preview`` says and does."""

    def run(*_: object, on_progress: object, refresh: bool) -> Preview:
        for message in messages:
            on_progress(Progress(message=message, done=1, total=2))  # type: ignore[operator]
        if fails:
            raise fails
        return PLAN

    monkeypatch.setattr(environment.Environment, "preview", run)


def only_log(project: Path) -> Path:
    (log,) = runlog.logs(project)
    return log


def test_a_run_leaves_a_log(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preview(monkeypatch, "reading Vpc dev")
    assert main(["preview", "dev"]) == 0
    log = only_log(project)
    assert log.name.endswith("Z-preview-dev.log")
    assert log.stat().st_mode & 0o777 == 0o600
    text = log.read_text()
    for words in ("preview dev in", "arguments:", "ecs-stack 0", "pulumi-aws 7", "[1/2] reading Vpc dev", "1 update"):
        assert words in text
    assert "plan: update urn:pulumi:dev::shop::aws:ecs/service:Service::dev-api (desiredCount)" in text
    assert "three of them" not in text, "values of properties stay out"
    assert text.endswith("  done\n")


def test_a_failure_is_logged_with_its_cause(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preview(monkeypatch, fails=UpdateFailedError("the preview of dev failed", problems=("Vpc dev: full",)))
    assert main(["preview", "dev"]) == 1
    text = only_log(project).read_text()
    assert "ended with exit code 1: the preview of dev failed" in text
    assert "Vpc dev: full" in text
    assert "Traceback" in text


def test_secrets_are_taken_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / ".ecs-stack").mkdir()
    (project / ".ecs-stack" / "passphrase").write_text("correct horse")
    monkeypatch.setenv("SHOP_API_TOKEN", "t0k3n-of-the-shop")
    planted = {
        "correct horse": "the passphrase is correct horse",
        "t0k3n-of-the-shop": "sent t0k3n-of-the-shop",
        "AKIAIOSFODNN7EXAMPLE": "signed by AKIAIOSFODNN7EXAMPLE",
        "hunter2": "https://ann:hunter2@registry.example/v2 and password=hunter2",
    }
    preview(monkeypatch, *planted.values(), fails=UpdateFailedError("refused: t0k3n-of-the-shop"))
    main(["preview", "dev"])
    text = only_log(project).read_text()
    assert text.count("[secret]") >= len(planted)
    assert [value for value in planted if value in text] == []


def test_the_last_fifty_are_kept(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preview(monkeypatch)
    folder = project / ".ecs-stack" / "logs"
    folder.mkdir(parents=True)
    for number in range(60):
        (folder / f"20200101T0000{number:02}.000000Z-up-dev.log").touch()
    main(["preview", "dev"])
    kept = runlog.logs(project)
    assert len(kept) == runlog.KEPT
    assert kept[-1].name.endswith("-preview-dev.log")


def test_verbose_shows_the_log_on_stderr(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preview(monkeypatch, "reading Vpc dev")
    assert main(["preview", "dev", "-v"]) == 0
    captured = capsys.readouterr()
    assert captured.err == only_log(project).read_text()
    assert captured.err.count("reading Vpc dev") == 1
    assert "reading" not in captured.out


def test_a_run_goes_on_without_a_log(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    preview(monkeypatch)
    (project / ".ecs-stack").write_text("a file where the folder should be")
    assert main(["preview", "dev"]) == 0


def packed(archive: str) -> dict[str, str]:
    """Every file of a report, by its name."""
    with tarfile.open(archive) as files:
        return {each.name: files.extractfile(each).read().decode() for each in files}  # type: ignore[union-attr]


def test_doctor_packs_a_report(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    preview(monkeypatch)
    main(["preview", "dev"])
    capsys.readouterr()
    monkeypatch.setattr("ecs_stack.doctor.examine", lambda *_: DoctorReport(ok=False, checks=(CHECK,)))
    assert main(["doctor", "--report", "--json"]) == 1, "as without --report"
    found = json.loads(capsys.readouterr().out)
    archive = found["archive"]["path"]
    assert Path(archive).parent == project / ".ecs-stack"
    assert Path(archive).stat().st_mode & 0o777 == 0o600
    files = packed(archive)
    assert found["archive"]["files"] == list(files) == ["about.json", f"runs/{only_log(project).name}"]
    about = json.loads(files["about.json"])
    assert about["checks"] == found["checks"]
    assert {"ecs-stack", "pulumi", "pulumi engine", "python"} <= about["versions"].keys()
    assert "plan: update urn:" in files[f"runs/{only_log(project).name}"]

    assert main(["doctor", "--report"]) == 1
    out = capsys.readouterr().out
    assert re.search(rf"^  {project}/\.ecs-stack/report-\w+\.\w+\.tar\.gz$", out, re.MULTILINE)
    assert f"    runs/{only_log(project).name}" in out


def test_a_report_has_no_secret(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also none that a log has got, or that a check says."""
    logs, cloud = project / ".ecs-stack" / "logs", project / ".ecs-stack" / "local" / "logs"
    for folder in (logs, cloud):
        folder.mkdir(parents=True)
    monkeypatch.setenv("SHOP_API_TOKEN", "t0k3n-of-the-shop")
    (project / ".ecs-stack" / "passphrase").write_text("correct horse")
    (logs / "20260101T000000.000000Z-up-dev.log").write_text("the passphrase is correct horse")
    (cloud / "cloud.log").write_text("old\n" * 300_000 + "signed by AKIAIOSFODNN7EXAMPLE")
    check = replace(CHECK, detail="no Docker engine answers at tcp://ann:t0k3n-of-the-shop@host")
    files = packed(pack(project, [check]).path)
    assert list(files) == ["about.json", "runs/20260101T000000.000000Z-up-dev.log", "local/cloud.log"]
    assert [text.count("[secret]") for text in files.values()] == [1, 1, 1]
    planted = ("t0k3n-of-the-shop", "correct horse", "AKIAIOSFODNN7EXAMPLE")
    assert not [value for value in planted for text in files.values() if value in text]
    assert len(files["local/cloud.log"]) == 1_000_000 - len("AKIAIOSFODNN7EXAMPLE") + len("[secret]")


def test_there_is_no_report_outside_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["doctor", "--report"]) == 2
    assert list(tmp_path.iterdir()) == []
