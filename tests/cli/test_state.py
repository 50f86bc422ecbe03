"""Where state is kept, through ``main``: what a file may say, what comes first, and what can't be read is refused."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from ecs_stack import bootstrap, spec, states, targets
from ecs_stack.automation.backend import Backend
from ecs_stack.commands.main import main

AWS = """\
target: aws
region: eu-west-1
account: "111111111111"
"""
LOCAL = "target: local\nregion: eu-west-1\n"
BUCKET = "state: {backend: s3://acme-state, secrets: awskms://alias/acme}\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project as the working directory; nothing of the user's AWS or Pulumi settings."""
    (tmp_path / "envs").mkdir()
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
    """Runs a command that has to be refused; returns what stderr said."""

    def run(*arguments: str) -> str:
        code = main(arguments)
        captured = capfd.readouterr()
        assert (code, captured.out) == (2, ""), captured.err
        assert captured.err.count("Error: ") == 1
        assert "Traceback" not in captured.err
        return captured.err

    return run


def write(root: Path, text: str) -> None:
    (root / "envs" / "dev.yaml").write_text(text)


def backend(root: Path, text: str) -> Backend:
    write(root, text)
    return states.backend_of(root, spec.load(root, "dev"))


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("backend: acme-state", "state.backend: must be s3://BUCKET, file:///FOLDER or https://api.pulumi.com"),
        ("backend: s3://Acme", "state.backend: a bucket's name has 3 to 63 lower-case letters"),
        ("backend: s3://acme?profile=x", "state.backend: takes ?region=REGION and nothing else"),
        ("backend: file://shared", "state.backend: needs a whole path: file:///FOLDER"),
        ("backend: 7", "state.backend: must be text"),
        ("secrets: alias/acme", "state.secrets: must be passphrase, awskms://alias/NAME"),
        ("secrets: awskms://alias/aws/s3", "state.secrets: must be passphrase, awskms://alias/NAME"),
        ("secrets: awskms://alias/acme?endpoint=x", "state.secrets: takes ?region=REGION and nothing else"),
        ("bucket: acme-state", "state.bucket: is not a field"),
    ],
)
def test_a_wrong_field(project: Path, refused: Callable[..., str], field: str, expected: str) -> None:
    write(project, f"{LOCAL}state:\n  {field}\n")
    said = refused("preview", "dev")
    assert "envs/dev.yaml:4:" in said
    assert expected in said


def test_what_the_engine_is_given(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = backend(project, AWS + BUCKET)
    assert found.url == "s3://acme-state?region=eu-west-1"
    assert found.secrets == "awskms://alias/acme?region=eu-west-1"
    assert found.place == "s3://acme-state"
    elsewhere = backend(project, AWS + "state: {backend: 's3://acme-state/all?region=us-east-1'}\n")
    assert (elsewhere.url, elsewhere.secrets) == ("s3://acme-state/all?region=us-east-1", None)
    shared = backend(project, LOCAL + f"state: {{backend: 'file://{project}/shared'}}\n")
    assert shared.has("dev") is False
    cloud = backend(project, AWS + "state: {backend: https://api.pulumi.com}\n")
    assert (cloud.store, cloud.has("dev"), cloud.is_empty()) == (None, None, False)


def test_the_variable_comes_before_the_file_and_the_file_before_the_project(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "Pulumi.yaml").write_text("name: shop\nruntime: python\nbackend: {url: 's3://of-the-project'}\n")
    assert backend(project, AWS).url == "s3://of-the-project"
    assert backend(project, AWS + BUCKET).url == "s3://acme-state?region=eu-west-1"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "https://api.pulumi.com")
    assert backend(project, AWS + BUCKET).url == "https://api.pulumi.com"
    assert backend(project, AWS + BUCKET).secrets == "awskms://alias/acme?region=eu-west-1"
    # A local environment never goes where somebody keeps the state of real ones, unless its file says so.
    assert backend(project, LOCAL).is_folder
    assert backend(project, LOCAL + BUCKET).url == "s3://acme-state?region=eu-west-1&use_path_style=true"


def test_the_state_is_for_the_target_of_the_file(project: Path) -> None:
    from ecs_stack import Environment

    write(project, AWS + BUCKET)
    assert Environment.load(project, "dev", target="aws").spec.state.backend == "s3://acme-state"
    assert Environment.load(project, "dev", target="local").spec.state.backend is None


class Sts:
    """The credentials' account is the environment's."""

    def get_caller_identity(self) -> dict[str, str]:
        return {"Account": "111111111111"}


class S3:
    """Refuses every request."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def get_paginator(self, _: str) -> S3:
        return self

    def paginate(self, **_: str) -> Any:
        raise self.error


def answer(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "ListObjectsV2")


VERBS = [["preview", "dev"], ["up", "dev", "--yes"], ["destroy", "dev", "--yes"], ["status", "dev"], ["outputs", "dev"]]


@pytest.mark.engine
@pytest.mark.parametrize("verb", [*VERBS, ["logs", "dev"], ["unlock", "dev"]], ids=" ".join)
@pytest.mark.parametrize(
    ("error", "message", "hint"),
    [
        (answer("ExpiredToken"), "AWS doesn't know who you are: the credentials have expired", "aws sso login"),
        (answer("InvalidAccessKeyId"), "AWS doesn't know who you are: there is no such access key", "AWS_PROFILE"),
        (answer("NoSuchBucket"), "There is no bucket acme-state, where the state of dev is kept", "bootstrap dev"),
        (answer("AccessDenied"), "These credentials may not use the bucket acme-state", "s3:PutObject"),
        (answer("SlowDown"), "can't be read from the bucket acme-state: SlowDown: no", "`state`"),
        (exceptions.EndpointConnectionError(endpoint_url="https://s3"), "S3 isn't reached", "network"),
    ],
    ids=["expired", "unknown key", "no bucket", "denied", "else", "unreachable"],
)
def test_a_bucket_that_can_not_be_read(
    project: Path,
    refused: Callable[..., str],
    monkeypatch: pytest.MonkeyPatch,
    verb: list[str],
    error: Exception,
    message: str,
    hint: str,
) -> None:
    clients = {"sts": Sts(), "s3": S3(error)}
    monkeypatch.setattr(targets.AwsTarget, "_client", lambda _, service, __: clients[service])
    monkeypatch.setattr(targets.AwsTarget, "check", lambda *_, **__: None)
    write(project, AWS + BUCKET)
    said = refused(*verb)
    assert message in said
    assert hint in said


@pytest.mark.engine
def test_a_bucket_without_credentials(project: Path, refused: Callable[..., str]) -> None:
    write(project, AWS + BUCKET)
    for verb in VERBS:
        assert "AWS doesn't know who you are: there are no credentials" in refused(*verb)


@pytest.mark.engine
def test_pulumi_cloud_without_a_token(
    project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PULUMI_HOME", str(project / "home"))  # where a sign-in would be
    write(project, AWS + "state: {backend: https://api.pulumi.com}\n")
    for verb in (["status", "dev"], ["destroy", "dev", "--yes"]):
        said = refused(*verb)
        assert "Pulumi Cloud, where the state of dev is kept, doesn't know who you are" in said
        assert "PULUMI_ACCESS_TOKEN" in said


@pytest.mark.engine
def test_a_shared_folder_that_is_not_there(project: Path, refused: Callable[..., str]) -> None:
    write(project, f"{LOCAL}state: {{backend: 'file://{project}/shared'}}\n")
    assert "There is no stack for dev" in refused("status", "dev")


def test_one_place_that_can_not_be_read_is_not_the_others_problem(
    project: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(project, AWS + BUCKET)
    (project / "envs" / "mine.yaml").write_text(LOCAL)
    assert main(["list"]) == 0
    said = capfd.readouterr().out
    assert "dev: AWS doesn't know who you are: there are no credentials" in said
    assert "mine" in said


def test_bootstrap_is_for_buckets(project: Path, refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Sts())
    write(project, AWS + "state: {backend: https://api.pulumi.com}\n")
    assert "there is no bucket to make for it" in refused("bootstrap", "dev")
    write(project, AWS + "state: {secrets: awskms://1234abcd-12ab-34cd-56ef-1234567890ab}\n")
    assert "which names no alias" in refused("bootstrap", "dev")
    write(project, AWS.replace("1111", "2222") + BUCKET)
    assert "These credentials are for account 111111111111" in refused("bootstrap", "dev")


def test_a_bootstrap_that_is_interrupted_says_how_to_go_on(
    project: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(targets.AwsTarget, "_client", lambda *_: Sts())
    monkeypatch.setattr(bootstrap, "make_key", interrupted)
    write(project, AWS)
    assert main(["bootstrap", "dev"]) == 130
    said = capfd.readouterr().err
    assert said.startswith("Error: The bootstrap of dev was interrupted")
    assert "`ecs-stack bootstrap dev` again" in said


def test_doctor_looks_at_the_state(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write(project, AWS + BUCKET)
    assert main(["doctor", "dev", "--json"]) == 1
    checks = {check["name"]: check for check in json.loads(capfd.readouterr().out)["checks"]}
    assert checks["state of dev"]["state"] == "fail"
    assert "there are no credentials" in checks["state of dev"]["detail"]
    write(project, f"{LOCAL}state: {{backend: 'file://{project}/shared'}}\n")
    main(["doctor", "dev", "--json"])
    checks = {check["name"]: check for check in json.loads(capfd.readouterr().out)["checks"]}
    assert checks["state of dev"]["detail"] == f"file://{project}/shared, no stack yet"
