"""Bad input through ``main``: exit code 2, one clear message, nothing touched. One row, or one test, for each kind."""

# ruff: noqa: E501 (a table reads better in long lines)

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from ecs_stack import environment as face
from ecs_stack import home, locate, targets
from ecs_stack.automation import engine as engines
from ecs_stack.automation.backend import Backend
from ecs_stack.commands.main import main
from ecs_stack.outputs import EXPORT, StackOutputs

GOOD = """\
target: local
region: eu-west-1
services:
  api:
    image: acme/api:1
    cpu: 256
    memory: 512
    port: 8080
    route: {path: "/*"}
"""
SECOND = "\n  web: {image: acme/web:1, cpu: 256, memory: 512, port: 80, route: {path: '/*'}}"
OTHER = "\n  web: {image: acme/web:1, cpu: 256, memory: 512, port: 80, route: {path: '/web'}}"
BOMB = "a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 10)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
AWS = GOOD.replace("target: local", "target: aws")

#: What stands in place of what in the good file, and what the message has to have: place, field, what would be right.
FILES: dict[str, tuple[str, str, str]] = {
    "unknown field": ("cpu: 256", "cpus: 256", "dev.yaml:6:5: services.api.cpus: is not a field. Did you mean 'cpu'?"),
    "wrong type": ("port: 8080", "port: web", "dev.yaml:8:11: services.api.port: must be a whole number, not 'web'"),
    "duplicate YAML key": ("region:", "target: aws\nregion:", "dev.yaml:2:1: target: is here twice, first in line 1"),
    "no YAML": ("{path", "[path", "dev.yaml:9:23: not YAML"),
    "YAML bomb": (GOOD, BOMB, "dev.yaml:1:1: the file has more than 20000 values, aliases (*name) counted in full"),
    "huge file": ("target:", f"# {'x' * 300_000}\ntarget:", "dev.yaml:1:1: the file is larger than 256 KiB"),
    "deep nesting": (GOOD, "[" * 50_000, "dev.yaml:1:1: the values are nested too deeply"),
    "a size that Fargate doesn't have": ("memory: 512", "memory: 4096", "dev.yaml:7:13: services.api.memory: 4096 doesn't go with cpu 256 on Fargate. Memory for it: 512, 1024, 2048."),
    "CIDR too small for the zones": ("services:", "network: {cidr: 10.0.0.0/24, zones: 3}\nservices:", "dev.yaml:3:17: network.cidr: 10.0.0.0/24 is too small: the public subnets of 3 zones would be /28"),
    "CIDR that overlaps what AWS keeps": ("services:", "network: {cidr: 127.0.0.0/16}\nservices:", "dev.yaml:3:17: network.cidr: 127.0.0.0/16 overlaps 127.0.0.0/8, which isn't for networks"),
    "CIDRs that overlap": ("services:", "load_balancer: {allow_from: [10.0.0.0/8, 10.1.0.0/16]}\nservices:", "dev.yaml:3:42: load_balancer.allow_from[1]: 10.1.0.0/16 is inside 10.0.0.0/8: keep one"),
    "port outside the range": ("port: 8080", "port: 65536", "dev.yaml:8:11: services.api.port: must be 65535 or less, not the number 65536"),
    "a service's name that is too long": ("  api:", f"  a{'b' * 64}:", "a service's name has 1 to 64 lower-case letters"),
    "a tag's name that is too long": ("services:", f"tags: {{{'t' * 129}: x}}\nservices:", "a tag's name has 1 to 128 characters, not 129"),
    "a route that two services share": ("    route: {path: \"/*\"}", "    route: {path: \"/*\"}" + SECOND, "dev.yaml:10:68: services.web.route: the route of 'api' takes the same requests (any host /*)"),
    "a priority that two services share": ("    route: {path: \"/*\"}", "    route: {path: \"/*\", priority: 5}" + OTHER.replace("'/web'", "'/web', priority: 5"), "the route of 'api' has the same priority, 5"),
    "circular extends": ("target:", "extends: dev\ntarget:", "dev.yaml:1:10: extends: goes in a circle: dev -> dev"),
    "extends of nothing": ("target:", "extends: dve\ntarget:", "dev.yaml:1:10: extends: there is no 'dve'. Did you mean 'dev'? There are: dev."),
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as the working directory; nothing of the user's AWS or Pulumi settings."""
    (tmp_path / "envs").mkdir()
    _write(tmp_path, GOOD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_COLOR", "1")
    for name in [name for name in os.environ if name.startswith(("AWS_", "PULUMI_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path.parent / "none"))
    return tmp_path


@pytest.fixture
def refused(project: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Runs a command that has to be refused, in words and with nothing touched; returns what stderr said."""

    def run(*arguments: str, root: Path = project) -> str:
        before = _tree(root)
        code = main(arguments)
        captured = capfd.readouterr()
        assert code == 2, captured.err
        assert captured.out == ""
        assert captured.err.count("Error: ") == 1
        assert "Traceback" not in captured.err
        assert _tree(root) == before, "nothing was touched"
        return captured.err

    return run


def _write(root: Path, text: str, name: str = "dev") -> None:
    (root / "envs" / f"{name}.yaml").write_text(text)


def _tree(root: Path) -> dict[str, bytes]:
    """Every file but the logs: a refused run has one, too."""
    logs = root / ".ecs-stack" / "logs"
    return {str(file): file.read_bytes() for file in root.rglob("*") if file.is_file() and logs not in file.parents}


@pytest.mark.parametrize("case", FILES)
def test_a_wrong_file(project: Path, refused: Callable[..., str], case: str) -> None:
    old, new, expected = FILES[case]
    assert old in GOOD
    _write(project, GOOD.replace(old, new, 1))
    said = refused("up", "dev", "--yes")
    assert said.startswith("Error: The environment 'dev' has "), said
    assert expected in said, said


def test_a_circle_of_several_files(project: Path, refused: Callable[..., str]) -> None:
    for name, base in (("dev", "staging"), ("staging", "prod"), ("prod", "dev")):
        _write(project, f"extends: {base}\n", name)
    assert "envs/prod.yaml:1:10: extends: goes in a circle: dev -> staging -> prod -> dev" in refused("preview", "dev")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dve", ["There is no environment 'dve' (envs/dve.yaml).", "Did you mean 'dev'? There are: dev."]),
        ("d" * 33, ["can't be the name of an environment", "1 to 32 lower-case letters"]),
        ("../dev", ["can't be the name of an environment"]),
    ],
)
def test_an_unknown_environment(refused: Callable[..., str], name: str, words: list[str]) -> None:
    for verb in (["preview"], ["up", "--yes"], ["destroy", "--yes"], ["status"], ["logs"], ["outputs"]):
        said = refused(*verb, name)
        assert all(word in said for word in words), said


def test_a_missing_folder(project: Path, refused: Callable[..., str]) -> None:
    shutil.rmtree(project / "envs")
    (project / "Pulumi.yaml").write_text("name: x\nruntime: python\n")
    assert f"{project} has no envs/ folder: run in the folder of an ecs-stack project." in refused("preview", "dev")


def test_a_file_that_is_a_folder(project: Path, refused: Callable[..., str]) -> None:
    (project / "envs" / "dev.yaml").unlink()
    (project / "envs" / "dev.yaml").mkdir()
    assert "There is no environment 'dev'" in refused("preview", "dev")


@pytest.mark.parametrize("region", ["eu-wset-1"])
@pytest.mark.parametrize("verb", [["preview"], ["up", "--yes"]], ids=["preview", "up"])
@pytest.mark.engine
def test_a_region_that_does_not_exist(project: Path, refused: Callable[..., str], verb: list[str], region: str) -> None:
    _write(project, GOOD.replace("eu-west-1", region))
    said = refused(*verb, "dev")
    assert f"There is no AWS region '{region}'" in said
    assert "Did you mean 'eu-west-1'?" in said


# Credentials and accounts. STS is the one part of AWS that is asked, and stands in here.


class Sts:
    """Answers GetCallerIdentity, or raises."""

    def __init__(self, answer: str | Exception) -> None:
        self.answer = answer

    def get_caller_identity(self) -> dict[str, Any]:
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"Account": self.answer}


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "GetCallerIdentity")


CREDENTIALS: dict[str, tuple[Exception, str, str]] = {
    "expired": (_refusal("ExpiredToken"), "the credentials have expired", "aws sso login"),
    "expired at once": (_refusal("RequestExpired"), "the credentials have expired", "aws sso login"),
    "unknown key": (_refusal("InvalidClientTokenId"), "there is no such access key", "aws sts get-caller-identity"),
    "wrong secret": (_refusal("SignatureDoesNotMatch"), "the secret key doesn't belong", "AWS_SECRET_ACCESS_KEY"),
    "SSO": (exceptions.UnauthorizedSSOTokenError(), "the credentials can't be had", "aws sso login"),
    "half a key": (exceptions.PartialCredentialsError(provider="env", cred_var="X"), "incomplete", "AWS_PROFILE"),
}


@pytest.mark.engine
@pytest.mark.parametrize("verb", [["preview"], ["up", "--yes"]], ids=["preview", "up"])
@pytest.mark.parametrize("case", CREDENTIALS)
def test_credentials_that_aws_does_not_take(
    project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, case: str, verb: list[str]
) -> None:
    error, why, fix = CREDENTIALS[case]
    monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Sts(error))
    _write(project, AWS)
    said = refused(*verb, "dev")
    assert said.startswith("Error: AWS doesn't know who you are: ")
    assert why in said
    assert fix in said


@pytest.mark.engine
def test_no_credentials(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    _write(project, AWS)
    assert "AWS doesn't know who you are: there are no credentials" in refused("up", "dev", "--yes")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "The config profile (nobody) could not be found" in refused("up", "dev", "--yes")


@pytest.mark.engine
def test_the_wrong_account(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Sts("111111111111"))
    _write(project, AWS + 'account: "222222222222"\n')
    for verb in (["preview"], ["up", "--yes"]):
        said = refused(*verb, "dev")
        assert "These credentials are for account 111111111111, the environment is for 222222222222" in said


# A stack that exists. What the engine would answer stands in; the rest is real.


def _outputs(region: str = "eu-west-1", account: str = "333333333333", **more: Any) -> dict[str, Any]:
    found = StackOutputs(
        environment="dev",
        region=region,
        vpc_id="vpc-1",
        cluster_name="dev",
        cluster_arn=f"arn:aws:ecs:{region}:{account}:cluster/dev",
    )
    return {EXPORT: {**found.to_dict(), **more}}


@pytest.fixture
def stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[dict[str, Any]], None]]:
    """Lets there be a stack of ``dev`` with these outputs."""

    def exist(outputs: dict[str, Any]) -> None:
        monkeypatch.setattr(Backend, "has", lambda *_: True)
        monkeypatch.setattr(locate.Stack, "outputs", lambda _: outputs)
        monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Sts("111111111111"))

    return exist


@pytest.mark.engine
def test_a_stack_of_another_account(
    project: Path, refused: Callable[..., str], stack: Callable[[dict[str, Any]], None]
) -> None:
    stack(_outputs())
    _write(project, AWS)
    for verb in (["preview"], ["up", "--yes"], ["destroy", "--yes"]):
        said = refused(*verb, "dev")
        assert "These credentials are for account 111111111111, the environment is for 333333333333" in said
    _write(project, AWS + 'account: "111111111111"\n')
    said = refused("up", "dev", "--yes")
    assert "The stack of dev is in the account 333333333333, and its file says 111111111111" in said


@pytest.mark.engine
def test_a_file_called_as_an_ephemeral_environment_is(
    project: Path,
    refused: Callable[..., str],
    stack: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    facts = {"host": "test", "owner": "me", "created": "2026-05-01T10:00:00Z", "expires": "none", "spec": {}}
    outputs = _outputs(account="000000000000")
    stack({EXPORT: {**outputs[EXPORT], "ephemeral": facts}})
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    for verb in (["preview"], ["up", "--yes"]):
        said = refused(*verb, "dev")
        assert "There is an ephemeral environment called dev, and its file isn't for that" in said
        assert "`ecs-stack ephemeral down dev`" in said


@pytest.mark.engine
def test_a_file_called_as_an_ephemeral_environment_whose_first_up_was_killed(
    project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    group = {
        "urn": "urn::g",
        "type": "aws:cloudwatch/logGroup:LogGroup",
        "inputs": {"tags": {"ecs-stack:host": "test"}},
    }
    backend = Backend.local(project)
    file = project / ".ecs-stack/state" / backend.stacks_folder / "dev.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"version": 3, "checkpoint": {"latest": {"resources": [group]}}}))
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    monkeypatch.setattr(targets.LocalTarget, "wake", lambda _: None)
    for verb in (["preview"], ["up", "--yes"]):
        assert "There is an ephemeral environment called dev" in refused(*verb, "dev")


def test_a_name_without_a_file_may_be_an_ephemeral_environments(project: Path, refused: Callable[..., str]) -> None:
    _write(project, "host: dev\n", "preview")
    assert "Ephemeral ones have no file: `ecs-stack ephemeral up pr-7`." in refused("preview", "pr-7")


@pytest.mark.engine
@pytest.mark.parametrize(("text", "account"), [(AWS, "111111111111"), (GOOD, "000000000000")], ids=["aws", "local"])
def test_a_stack_of_another_region(
    project: Path,
    refused: Callable[..., str],
    stack: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
    text: str,
    account: str,
) -> None:
    stack(_outputs(account=account, region="us-east-1"))
    _write(project, text)
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    for verb in (["preview"], ["up", "--yes"]):
        said = refused(*verb, "dev")
        assert "The stack of dev is in the region us-east-1, and its file says eu-west-1" in said


@pytest.mark.engine
def test_state_of_a_newer_version(
    project: Path,
    refused: Callable[..., str],
    stack: Callable[[dict[str, Any]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack(_outputs(version=99))
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    for verb in (["preview"], ["up", "--yes"], ["destroy", "--yes"], ["status"], ["logs"], ["outputs"]):
        said = refused(*verb, "dev")
        assert "these outputs have version 99, this ecs-stack reads 1" in said
        assert "Use the version of ecs-stack that wrote them." in said


@pytest.mark.engine
def test_state_of_a_newer_engine(project: Path, refused: Callable[..., str]) -> None:
    Backend.local(project).prepare()
    (project / ".ecs-stack" / "work" / "dev").mkdir()
    stacks = project / ".ecs-stack" / "state" / ".pulumi" / "stacks" / "ecs-stack"
    stacks.mkdir(parents=True)
    (stacks.parents[1] / "meta.yaml").write_text("version: 1\n")
    (stacks / "dev.json").write_text(json.dumps({"version": 99, "checkpoint": {"latest": {}}}))
    Backend.local(project).work_dir("dev")
    said = refused("outputs", "dev")
    assert "The state of dev was written by a newer engine than this one" in said


def test_a_folder_of_a_newer_version(project: Path, refused: Callable[..., str]) -> None:
    home.prepare(project / ".ecs-stack")
    (project / ".ecs-stack" / "layout").write_text("2\n")
    said = refused("local", "start")
    assert f"A newer ecs-stack made {project}/.ecs-stack: its layout is 2, this version knows 1" in said


# The machine


def test_no_engine(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(project / "nothing"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(project.parent / "cache"))
    monkeypatch.setattr(engines, "vendor_answers", lambda: False)
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    for verb in (["preview"], ["up", "--yes"]):
        said = refused(*verb, "dev")
        assert f"No Pulumi engine {engines.VERSION} was found" in said
        assert f"Install Pulumi {engines.VERSION} or newer" in said


def test_docker_down(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere/docker.sock")
    said = refused("up", "dev", "--yes")
    assert "No Docker engine answers at unix:///nowhere/docker.sock (DOCKER_HOST)" in said


@pytest.mark.docker
def test_an_image_that_does_not_exist(project: Path, refused: Callable[..., str]) -> None:
    _write(project, GOOD.replace("acme/api:1", "localhost:1/acme/api:none"))
    assert "Docker has no image localhost:1/acme/api:none" in refused("up", "dev", "--yes")


@pytest.mark.parametrize("code", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_an_image_that_ecr_does_not_have(
    project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    asked: list[dict[str, Any]] = []

    class Aws(Sts):
        def describe_images(self, **wanted: Any) -> None:
            asked.append(wanted)
            raise _refusal(code)

    image = "111111111111.dkr.ecr.eu-central-1.amazonaws.com/acme/api:1"
    monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Aws("111111111111"))
    _write(project, AWS.replace("acme/api:1", image))
    assert f"Amazon ECR has no image {image}" in refused("up", "dev", "--yes")
    assert asked == [
        {"registryId": "111111111111", "repositoryName": "acme/api", "imageIds": [{"imageTag": "1"}]},
    ]


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    """A file system of its own at ``folder``: root isn't held up by modes, and a full disk is hard to come by."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)], check=True)
    try:
        yield
    finally:
        os.chdir("/")
        subprocess.run(["umount", str(folder)], check=True)


@contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    if os.geteuid() != 0:
        folder.chmod(0o555)
        try:
            yield
        finally:
            folder.chmod(0o755)
        return
    with _mounted(folder, "size=1m"):
        (folder / "envs").mkdir()
        _write(folder, GOOD)
        os.chdir(folder)
        subprocess.run(["mount", "-o", "remount,ro", str(folder)], check=True)
        yield


@pytest.mark.docker
def test_a_read_only_folder(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    with _read_only(project):
        for command in (["local", "start"], ["local", "env"]):
            said = refused(*command)
            assert f"{project}/.ecs-stack can't be written: " in said
            assert "Make the folder writable for this user" in said


@pytest.mark.engine
@pytest.mark.docker
def test_preview_and_up_in_a_read_only_folder(
    project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)
    with _read_only(project):
        for verb in (["preview"], ["up", "--yes"]):
            assert f"{project}/.ecs-stack can't be written: " in refused(*verb, "dev")


@pytest.mark.engine
@pytest.mark.docker
def test_a_full_disk(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets.LocalTarget, "check", lambda *_, **__: None)

    def use(free: int) -> None:
        monkeypatch.setattr(home.shutil, "disk_usage", lambda _: type("Usage", (), {"free": free}))

    use(home.ROOM - 1)
    for command in (["preview", "dev"], ["up", "dev", "--yes"], ["local", "start"], ["local", "env"]):
        said = refused(*command)
        assert f"The disk of {project}/.ecs-stack is full: 8.4 MB are free, and the state needs 8.4 MB" in said
        assert "Make room on the disk" in said


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a disk to fill")
def test_a_disk_without_a_byte_left(
    project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with _mounted(project, "size=64k"):
        (project / "envs").mkdir()
        _write(project, GOOD)
        os.chdir(project)
        with pytest.raises(OSError, match="No space left"):
            (project / "filler").write_bytes(b"x" * 1_000_000)
        said = refused("local", "start")
        assert f"{project}/.ecs-stack can't be written: No space left on device" in said


def test_a_disk_that_fills_up_during_a_run_is_a_failure_in_words(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device", "/x/state")

    monkeypatch.setattr(face.Environment, "preview", full)
    assert main(["preview", "dev"]) == 1
    said = capsys.readouterr().err
    assert said.startswith("Error: The disk is full: No space left on device (/x/state)")
    assert "Traceback" not in said


@pytest.mark.docker
def test_a_port_that_is_taken_is_no_error(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No port of the local target's is the user's choice, so another one does; tests/local/cloud has a restart's."""
    from ecs_stack.local import cloud
    from ecs_stack.local.persistence_paths import stable_port

    wanted = stable_port(str(project))
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", wanted))
        squatter.listen()
        try:
            assert main(["local", "start"]) == 0, capsys.readouterr().err
            running = cloud.running(project)
            assert running is not None
            assert not running.endpoint.endswith(f":{wanted}")
        finally:
            assert main(["local", "reset", "--yes"]) == 0
