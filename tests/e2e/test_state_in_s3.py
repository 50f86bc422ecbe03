"""An environment whose state is in S3 and whose secrets provider is in KMS: every verb works as on the folder."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import CHECKOUT, Project, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]
BUCKET, ALIAS = "acme-state", "alias/acme-state"
STATE = f"state:\n  backend: s3://{BUCKET}\n  secrets: awskms://{ALIAS}\n"
LOCKS = ".pulumi/locks/organization/ecs-stack"
TEMPLATE = (CHECKOUT / "envs" / "preview.yaml").read_text()
GONE = 2**22 + 1  # more than Linux gives out


@pytest.fixture(scope="module")
def project(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    """In a git repository, with nothing made yet."""
    project = make_project({"dev": DEV.replace("count: 2", "count: 1") + STATE, "preview": TEMPLATE})
    project.add_program()
    (project.root / ".gitignore").write_text(".ecs-stack/\n__pycache__/\n")
    project.shell("git init -q . && git add -A && git -c user.name=a -c user.email=a@example.com commit -qm all")
    return project


def keys(project: Project) -> list[str]:
    found = project.client("s3").list_objects_v2(Bucket=BUCKET).get("Contents", ())
    return [each["Key"] for each in found]


def lock(project: Project, host: str, pid: int, environment: str = "dev") -> None:
    """What the engine puts there while it runs."""
    held = {"pid": pid, "username": "ann", "hostname": host, "timestamp": "2026-05-01T10:00:00Z"}
    key = f"{LOCKS}/{environment}/{host}-{pid}.json"
    project.client("s3").put_object(Bucket=BUCKET, Key=key, Body=json.dumps(held).encode())


def check_out_anew(project: Project) -> None:
    """Leaves nothing of what the last run wrote down, but the local cloud."""
    home = project.root / ".ecs-stack"
    for name in ("stacks", "work", "state"):
        shutil.rmtree(home / name, ignore_errors=True)
    for name in ("passphrase", "layout"):
        (home / name).unlink(missing_ok=True)


def test_without_the_bucket_it_says_how_to_make_it(project: Project) -> None:
    for verb in (["preview"], ["up", "--yes"]):
        said = project.run(*verb, "dev", code=2).err
        assert f"There is no bucket {BUCKET}, where the state of dev is kept" in said
        assert "`ecs-stack bootstrap dev` makes it" in said


def test_bootstrap_makes_the_bucket_and_its_key_once(project: Project) -> None:
    first = project.run("bootstrap", "dev", "--json").json
    assert (first["bucket"], first["region"], first["account"]) == (BUCKET, "eu-west-1", "000000000000")
    assert first["declared"] is True
    assert "made" in outcomes(first).values()
    s3, kms = project.client("s3"), project.client("kms")
    assert kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"] == first["key"]
    assert kms.get_key_rotation_status(KeyId=ALIAS)["KeyRotationEnabled"]
    (rule,) = s3.get_bucket_encryption(Bucket=BUCKET)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["KMSMasterKeyID"] == first["key"]
    assert rule["BucketKeyEnabled"] is True
    assert s3.get_bucket_versioning(Bucket=BUCKET)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert policy["Statement"][0]["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}

    again = project.run("bootstrap", "dev", "--json").json
    assert set(outcomes(again).values()) == {"kept"}
    assert again["key"] == first["key"]
    s3.delete_public_access_block(Bucket=BUCKET)
    righted = project.run("bootstrap", "dev", "--json").json
    assert {what for what, done in outcomes(righted).items() if done == "made"} == {"public access"}
    assert "has it in `state` already" in project.run("bootstrap", "dev").out


def outcomes(receipt: dict[str, Any]) -> dict[str, str]:
    return {step["what"]: step["outcome"] for step in receipt["steps"]}


def test_up_and_the_rest(project: Project) -> None:
    planned = project.run("preview", "dev", "--json").json["summary"]["create"]
    assert not any("/stacks/" in key for key in keys(project)), "a preview touches nothing"
    made = project.run("up", "dev", "--yes", "--json").json
    assert made["summary"]["create"] == planned
    assert get(made["urls"]["api"])[0] == 200
    (listed,) = project.run("list", "--json").json
    assert (listed["name"], listed["problem"]) == ("dev", None)
    assert listed["resources"] > planned
    assert project.run("outputs", "dev", "--json").json["cluster_name"] == "dev"
    assert project.run("status", "dev", "--json").json["services"][0]["running"] == 1
    project.run("logs", "dev")

    assert ".pulumi/stacks/ecs-stack/dev.json" in keys(project)
    state = project.client("s3").get_object(Bucket=BUCKET, Key=".pulumi/stacks/ecs-stack/dev.json")["Body"].read()
    settings = (project.root / ".ecs-stack/stacks/Pulumi.dev.yaml").read_text()
    assert f"awskms://{ALIAS}?region=eu-west-1" in settings
    address = project.client("s3").meta.endpoint_url.removeprefix("http://")
    assert address not in state.decode() + settings, "the local cloud may come back on another port"
    assert not [file for file in (project.root / ".ecs-stack/state").rglob("*") if file.is_file()]
    assert project.shell("git status --porcelain").out == ""


def test_a_lock(project: Project) -> None:
    lock(project, "build-7", 4711)
    for verb in ("up", "destroy"):
        said = project.run(verb, "dev", "--yes", code=2).err
        assert "locked by ann@build-7 (pid 4711) since 2026-05-01 10:00:00 UTC" in said
    assert "can't be told from this machine" in project.run("unlock", "dev", code=2).err
    assert project.run("unlock", "dev", "--force", "--json").json["removed"][0]["host"] == "build-7"
    assert not any(key.startswith(LOCKS) for key in keys(project))


def test_another_checkout_goes_on(project: Project) -> None:
    """And finds the lock of an engine that was killed on this machine."""
    check_out_anew(project)
    lock(project, socket.gethostname(), GONE)
    assert project.run("preview", "dev", "--exit-code").code == 0
    project.edit("dev", "GREETING: hello", "GREETING: again")
    url = project.run("up", "dev", "--yes", "--json").json["urls"]["api"]
    assert get(url)[1]["greeting"] == "again"
    assert not any(key.startswith(LOCKS) for key in keys(project))
    assert "awskms" in (project.root / ".ecs-stack/stacks/Pulumi.dev.yaml").read_text()
    project.shell('eval "$(ecs-stack local env dev)"; pulumi preview --stack dev --expect-no-changes')


def test_a_pull_requests_jobs_find_its_environment_there(project: Project) -> None:
    """Each job starts with a checkout of its own: of one that ran before only the bucket knows."""

    def job(*arguments: str) -> Any:
        check_out_anew(project)
        return project.run("ephemeral", *arguments, "--json").json

    file = ".pulumi/stacks/ecs-stack/pr-7.json"
    opened = job("up", "pr-7", "--image", "api=ecs-stack-demo:1")
    assert get(opened["url"])[1]["greeting"] == "hello from pr-7"
    assert file in keys(project)
    state = project.client("s3").get_object(Bucket=BUCKET, Key=file)["Body"].read().decode()
    assert f"awskms://{ALIAS}?region=eu-west-1" in state
    pushed = job("up", "pr-7", "--image", "api=ecs-stack-demo:2")
    assert (pushed["url"], get(pushed["url"])[1]["version"]) == (opened["url"], "2")
    (listed,) = job("list")
    assert (listed["name"], listed["health"]) == ("pr-7", "ready")
    lock(project, "build-7", 4711, "pr-7")
    assert "locked by ann@build-7" in project.run("ephemeral", "down", "pr-7", code=2).err
    # It is half a year old: that run is gone.
    assert [each["environment"] for each in job("prune", "--keep-open", "none")["going"]] == ["pr-7"]
    (gone,) = job("prune", "--keep-open", "none", "--yes")["going"]
    assert (gone["environment"], gone["outcome"]) == ("pr-7", "gone")
    assert not [key for key in keys(project) if "pr-7" in key]
    assert job("list") == []
    assert get(project.run("status", "dev", "--json").json["services"][0]["url"])[0] == 200


def test_a_state_that_is_elsewhere_is_not_made_anew(project: Project) -> None:
    file = project.root / "envs/dev.yaml"
    text = file.read_text()
    try:
        file.write_text(text.replace(STATE, ""))
        for verb in (["preview"], ["up", "--yes"]):
            said = project.run(*verb, "dev", code=2).err
            assert "There is no stack of dev in .ecs-stack/state, and yet its cluster is there" in said
        file.write_text(text.replace(f"awskms://{ALIAS}", "passphrase"))
        said = project.run("up", "dev", "--yes", code=2).err
        assert f"encrypted with awskms://{ALIAS}?region=eu-west-1, and its file says passphrase" in said
    finally:
        file.write_text(text)


def test_destroy_takes_the_stack_out_of_the_bucket(project: Project) -> None:
    project.run("local", "stop")
    assert "The local cloud isn't running" in project.run("status", "dev", code=2).err
    (listed,) = project.run("list", "--json").json
    assert (listed["resources"], listed["problem"]) == (None, "the local cloud isn't running")
    project.run("destroy", "dev", "--yes")
    assert ".pulumi/stacks/ecs-stack/dev.json" not in keys(project)
    assert "There is no stack for dev" in project.run("status", "dev", code=2).err
    assert project.docker_objects()["containers"] == []
    done = subprocess.run(
        ["git", "status", "--porcelain"], cwd=project.root, capture_output=True, text=True, check=True
    )
    assert done.stdout == " M envs/dev.yaml\n"
