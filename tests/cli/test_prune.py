"""What a prune of an AWS account would take away, by states in a folder and in a bucket, and by tags; moto is AWS."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ecs_stack import targets
from ecs_stack.cancellation import Cancellation
from ecs_stack.commands.main import main
from ecs_stack.errors import InterruptedRunError, RefusedError, SpecError
from ecs_stack.operations import clock, orphans
from ecs_stack.pruning.prune import prune_ephemeral
from ecs_stack.pruning.results import Ground, PruneReceipt, Reason
from ecs_stack.results import Progress
from ecs_stack.rules import ephemeral as rules

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PAST, FUTURE = "2026-11-24T11:59:59Z", "2026-11-24T12:00:01Z"
ACCOUNT = "123456789012"  # moto's
REGION = "eu-west-1"
AGREED = clock.agreed
DEV = f"""target: aws
region: {REGION}
account: "{ACCOUNT}"
hosts_ephemeral: true
services:
  api: {{image: "nginx:1", cpu: 256, memory: 512, port: 80, route: {{path: "/*"}}}}
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "PULUMI_BACKEND_URL"):
        monkeypatch.delenv(name, raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setattr(clock, "agreed", lambda sts: NOW)
    # One kind stands for all: moto takes a second to begin with EC2, and the other kinds are looked for in e2e.
    monkeypatch.setattr(orphans, "EPHEMERAL", tuple(each for each in orphans.EPHEMERAL if each[0] == "log group"))
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "envs").mkdir()
    write(tmp_path)
    with mock_aws():
        yield tmp_path


def write(root: Path, more: str = "") -> None:
    (root / "envs" / "dev.yaml").write_text(DEV + more)


def stack(root: Path, name: str, tags: Mapping[str, str] = {}, *, shared: bool = False, account: str = ACCOUNT) -> None:
    """A state with a service and what tells region and account; ``tags`` make it ephemeral."""
    arn = f"arn:aws:ecs:{REGION}:{account}:service/dev/{name}"
    urn = f"urn:pulumi:{name}::shop::"
    resources = [
        {"urn": f"{urn}pulumi:pulumi:Stack::shop-{name}", "type": "pulumi:pulumi:Stack"},
        {"urn": f"{urn}p::aws", "type": "pulumi:providers:aws", "inputs": {"region": REGION}},
        {
            "urn": f"{urn}s::{name}-api",
            "type": "aws:ecs/service:Service",
            "id": arn,
            "inputs": {"tags": dict(tags)},
            "outputs": {"arn": arn},
        },
    ]
    text = json.dumps({"version": 3, "checkpoint": {"latest": {"resources": resources}}})
    key = f".pulumi/stacks/shop/{name}.json"
    if shared:
        boto3.client("s3", region_name=REGION).put_object(Bucket="states", Key=key, Body=text.encode())
        return
    file = root / ".ecs-stack/state" / key
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def bucket(root: Path) -> None:
    boto3.client("s3", region_name=REGION).create_bucket(
        Bucket="states", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    write(root, "state: {backend: s3://states}\n")


def tags(name: str, expires: str = FUTURE, **more: str) -> dict[str, str]:
    return {
        "ecs-stack:project": "shop",
        "ecs-stack:environment": name,
        "ecs-stack:host": "dev",
        "ecs-stack:owner": "ann",
        "ecs-stack:expires": expires,
        **{f"ecs-stack:{key}": value for key, value in more.items()},
    }


def log_group(name: str, carried: Mapping[str, str]) -> None:
    boto3.client("logs", region_name=REGION).create_log_group(logGroupName=name, tags=dict(carried))


def log_groups() -> set[str]:
    found = boto3.client("logs", region_name=REGION).describe_log_groups()["logGroups"]
    return {each["logGroupName"] for each in found}


def goes(receipt: PruneReceipt) -> dict[str, Ground]:
    return {each.environment: each.ground for each in receipt.going}


def stays(receipt: PruneReceipt) -> dict[str, Reason]:
    return {each.environment: each.reason for each in receipt.staying}


def test_what_no_state_knows_goes_at_once_where_everybody_keeps_theirs(root: Path) -> None:
    bucket(root)
    stack(root, "dev", shared=True)
    log_group("/ecs/pr-1/api", tags("pr-1"))
    assert goes(prune_ephemeral(root, dry_run=True)) == {"pr-1": Ground.ORPHANED}


@pytest.mark.parametrize("expires", [FUTURE, "never", "tomorrow"])
def test_what_may_be_in_somebody_elses_folder_stays_until_it_expires(root: Path, expires: str) -> None:
    stack(root, "dev")
    log_group("/ecs/pr-1/api", tags("pr-1", expires))
    log_group("/ecs/pr-2/api", tags("pr-2", PAST))
    receipt = prune_ephemeral(root, dry_run=True)
    assert goes(receipt) == {"pr-2": Ground.ORPHANED}
    assert stays(receipt) == {"pr-1": Reason.UNSURE}


def test_what_stands_on_a_host_that_isnt_seen_stays_until_it_expires(root: Path) -> None:
    bucket(root)
    log_group("/ecs/pr-1/api", tags("pr-1"))
    assert stays(prune_ephemeral(root, dry_run=True)) == {"pr-1": Reason.UNSURE}
    stack(root, "dev", shared=True, account="999999999999")
    with pytest.raises(RefusedError, match=f"these credentials are for account {ACCOUNT}"):
        prune_ephemeral(root)
    assert log_groups() == {"/ecs/pr-1/api"}


def test_the_latest_end_of_what_belongs_together_holds(root: Path) -> None:
    stack(root, "dev")
    log_group("/ecs/pr-1/api", tags("pr-1", PAST))
    log_group("/ecs/pr-1/web", tags("pr-1", FUTURE))
    assert stays(prune_ephemeral(root, dry_run=True)) == {"pr-1": Reason.UNSURE}


def test_a_protected_one_stays_even_if_only_its_tags_say_so(root: Path) -> None:
    bucket(root)
    stack(root, "dev", shared=True)
    log_group("/ecs/pr-1/api", tags("pr-1", PAST, protect="true"))
    log_group("/ecs/pr-1/web", tags("pr-1", PAST))
    stack(root, "pr-2", tags("pr-2", PAST, protect="true"), shared=True)
    receipt = prune_ephemeral(root, dry_run=True)
    assert stays(receipt) == {"pr-1": Reason.PROTECTED, "pr-2": Reason.PROTECTED}
    assert goes(receipt) == {}


def test_nothing_of_others_is_looked_at(root: Path) -> None:
    bucket(root)
    stack(root, "dev", shared=True)
    ordinary = tags("staging", PAST)
    del ordinary["ecs-stack:host"]
    log_group("/ecs/staging/api", ordinary)
    log_group("/ecs/pr-1/api", tags("pr-1", PAST) | {"ecs-stack:project": "other"})
    log_group("/ecs/pr-2/api", {})
    log_group("/ecs/dev/api", tags("dev", PAST))
    receipt = prune_ephemeral(root)
    assert goes(receipt) == {}
    assert stays(receipt) == {"dev": Reason.UNSURE}
    assert log_groups() == {"/ecs/staging/api", "/ecs/pr-1/api", "/ecs/pr-2/api", "/ecs/dev/api"}


def test_a_stack_that_isnt_ephemeral_stays_whatever_is_open(root: Path) -> None:
    stack(root, "dev")
    stack(root, "pr-1")
    assert goes(prune_ephemeral(root, keep_open=[], dry_run=True)) == {}


def test_stacks_are_judged_by_their_tags_where_no_up_got_to_its_end(root: Path) -> None:
    stack(root, "dev")
    for name, expires in (("pr-1", PAST), ("pr-2", FUTURE), ("pr-3", "never"), ("demo", "never")):
        stack(root, name, tags(name, expires))
    receipt = prune_ephemeral(root, keep_open=["2"], dry_run=True)
    assert goes(receipt) == {"pr-1": Ground.EXPIRED, "pr-3": Ground.CLOSED}
    assert stays(receipt) == {"pr-2": Reason.OPEN, "demo": Reason.PINNED}


@pytest.mark.engine
def test_orphans_are_deleted_and_their_absence_is_told(root: Path) -> None:
    bucket(root)
    stack(root, "dev", shared=True)
    log_group("/ecs/pr-1/api", tags("pr-1"))
    log_group("/ecs/pr-1/theirs", {})
    receipt = prune_ephemeral(root)
    assert [(each.environment, each.outcome) for each in receipt.going] == [("pr-1", "gone")]
    assert log_groups() == {"/ecs/pr-1/theirs"}
    assert {each.kind: each.deleted for each in receipt.absence if each.deleted} == {"log group": 1}
    assert not any(each.left for each in receipt.absence)
    left = boto3.client("s3", region_name=REGION).list_objects_v2(Bucket="states")["Contents"]
    assert [each["Key"] for each in left] == [".pulumi/stacks/shop/dev.json"], "no lock is left"


def test_another_accounts_environments_stay_and_the_others_are_judged(root: Path) -> None:
    stack(root, "dev")
    stack(root, "pr-1", tags("pr-1", PAST))
    stack(root, "pr-2", tags("pr-2", PAST), account="999999999999")
    receipt = prune_ephemeral(root, dry_run=True)
    assert goes(receipt) == {"pr-1": Ground.EXPIRED}
    assert stays(receipt) == {"pr-2": Reason.ELSEWHERE}


def test_a_lock_of_another_machine_that_is_older_than_a_day_keeps_nothing(root: Path) -> None:
    stack(root, "dev")
    folder = root / ".ecs-stack/state/.pulumi/locks/organization/shop"
    for name, hours in (("pr-1", 23), ("pr-2", 25), ("pr-3", 25)):
        stack(root, name, tags(name, FUTURE if name == "pr-3" else PAST))
        since = (NOW - timedelta(hours=hours)).isoformat()
        held = {"pid": 1, "username": "ci", "hostname": "runner-7", "timestamp": since}
        (folder / name).mkdir(parents=True)
        (folder / name / "held.json").write_text(json.dumps(held))
    log_group("/ecs/pr-2/api", tags("pr-2", PAST))
    receipt = prune_ephemeral(root, dry_run=True)
    assert (goes(receipt), stays(receipt)) == (
        {"pr-2": Ground.EXPIRED},
        {"pr-1": Reason.BUSY, "pr-3": Reason.ALIVE},
    )
    assert len(list(folder.glob("*/held.json"))) == 3, "a look removes none"


@pytest.mark.engine
def test_a_lock_of_a_machine_that_is_gone_keeps_one_until_it_is_removed(
    root: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bucket(root)
    stack(root, "dev", shared=True)
    stack(root, "pr-1", tags("pr-1", PAST), shared=True)
    held = {"pid": 1, "username": "ci", "hostname": "runner-7", "timestamp": "2026-11-24T09:00:00Z"}
    boto3.client("s3", region_name=REGION).put_object(
        Bucket="states", Key=".pulumi/locks/organization/shop/pr-1/held.json", Body=json.dumps(held).encode()
    )
    receipt = prune_ephemeral(root)
    assert (goes(receipt), stays(receipt)) == ({}, {"pr-1": Reason.BUSY})
    assert "ci@runner-7" in receipt.staying[0].why
    assert goes(prune_ephemeral(root, dry_run=True, wait=True)) == {"pr-1": Ground.EXPIRED}
    assert main(["unlock", "pr-1", "--force", "--root", str(root)]) == 0, capfd.readouterr().err
    assert goes(prune_ephemeral(root, dry_run=True)) == {"pr-1": Ground.EXPIRED}


def test_without_a_look_at_every_state_nothing_is_judged(root: Path) -> None:
    stack(root, "dev")
    log_group("/ecs/pr-1/api", tags("pr-1", PAST))
    (root / "envs" / "staging.yaml").write_text("target: awz\n")
    with pytest.raises(SpecError):
        prune_ephemeral(root)
    assert log_groups() == {"/ecs/pr-1/api"}


@pytest.mark.parametrize("days", [-40, 40])
def test_a_clock_that_jumps_takes_nothing_away(root: Path, monkeypatch: pytest.MonkeyPatch, days: int) -> None:
    """The machine's own: AWS's says something else."""
    stack(root, "dev")
    stack(root, "pr-1", tags("pr-1", rules.stamp(datetime.now(UTC) + timedelta(days=3))))
    log_group("/ecs/pr-2/api", tags("pr-2", rules.stamp(datetime.now(UTC) + timedelta(days=3))))

    class Jumped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime.now(tz) + timedelta(days=days)

    class Sts:
        def get_caller_identity(self) -> dict[str, Any]:
            headers = {"date": format_datetime(datetime.now(UTC), usegmt=True)}
            return {"Account": ACCOUNT, "ResponseMetadata": {"HTTPHeaders": headers}}

    made = targets.AwsTarget._client
    monkeypatch.setattr(clock, "agreed", AGREED)
    monkeypatch.setattr(
        targets.AwsTarget,
        "_client",
        lambda self, service, region: Sts() if service == "sts" else made(self, service, region),
    )
    assert goes(prune_ephemeral(root, dry_run=True)) == {}
    monkeypatch.setattr(clock, "datetime", Jumped)
    with pytest.raises(RefusedError, match="what has expired can't be told"):
        prune_ephemeral(root)
    assert log_groups() == {"/ecs/pr-2/api"}
    assert (root / ".ecs-stack/state/.pulumi/stacks/shop/pr-1.json").exists()


@pytest.mark.engine
def test_one_that_is_cancelled_deletes_nothing_more(root: Path) -> None:
    stack(root, "dev")
    steps: list[Progress] = []
    cancellation = Cancellation()

    def step(progress: Progress) -> None:
        steps.append(progress)
        cancellation.cancel()
        raise ValueError("the caller's own mistake")

    log_group("/ecs/pr-1/api", tags("pr-1", PAST))
    with pytest.raises(InterruptedRunError, match="the prune was interrupted; nothing was gone until then") as stopped:
        prune_ephemeral(root, on_progress=step, cancellation=cancellation)
    assert "The next prune goes on" in str(stopped.value.hint)
    assert len(steps) == 1
    assert log_groups() == {"/ecs/pr-1/api"}
    assert [each.environment for each in prune_ephemeral(root).going] == ["pr-1"]
    assert log_groups() == set()


@pytest.mark.engine
def test_the_command_only_looks_without_yes(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    stack(root, "dev")
    log_group("/ecs/pr-1/api", tags("pr-1", PAST))
    assert main(["ephemeral", "prune", "--root", str(root)]) == 0
    said = capfd.readouterr().out
    assert "would go" in said
    assert "Nothing was touched: `--yes` prunes." in said
    assert log_groups() == {"/ecs/pr-1/api"}
    assert main(["ephemeral", "prune", "--keep-open", "", "--yes", "--root", str(root)]) == 2
    assert "has nothing in it" in capfd.readouterr().err
    assert main(["ephemeral", "prune", "--yes", "--json", "--root", str(root)]) == 0
    (gone,) = json.loads(capfd.readouterr().out)["going"]
    assert (gone["environment"], gone["outcome"], gone["expires"]) == ("pr-1", "gone", "2026-11-24T11:59:59+00:00")
    assert log_groups() == set()
