"""What a prune judges by: what is open, what has expired, whose clock is right. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from ecs_stack.automation.backend import Backend
from ecs_stack.commands.lists import items
from ecs_stack.errors import RefusedError
from ecs_stack.operations import clock
from ecs_stack.outputs import EphemeralOutputs, StackOutputs
from ecs_stack.pruning.judging import judge
from ecs_stack.pruning.keep_open import OpenRequests, read
from ecs_stack.pruning.results import Ground, Reason
from ecs_stack.rules import ephemeral as rules
from ecs_stack.standing import Standing

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def opened(*said: str) -> OpenRequests:
    return read(said, {}).resolve()


def test_an_environment_is_kept_by_its_name_its_number_or_its_branch() -> None:
    assert opened("pr-42").has("pr-42", None)
    assert opened("42").has("pr-42", None)
    assert opened("#42").has("mr-42", None)
    assert opened("pr-42").has("mr-42", None)
    assert opened("42").has("preview-42", None)
    assert opened("feature/login").has("pr-42", "feature/login")
    assert opened("feature/Übung #7").has(rules.name_of_branch("feature/Übung #7"), None)


def test_another_number_keeps_nothing() -> None:
    for said in ("4", "2", "142", "421", "pr-4", "feature-x"):
        assert opened(said).has("pr-42", None) is False, said


def test_nothing_is_closed_that_has_no_pull_request_or_of_which_the_list_cant_tell() -> None:
    assert opened().has("annas-demo", None) is None
    assert opened("pr-1").has("annas-demo", None) is None
    # What pipelines name by numbers says nothing of what somebody made by hand for a branch.
    assert opened("pr-1", "2").has("login", "feature/login") is None
    assert opened("feature/search").has("login", "feature/login") is False
    assert opened("feature/search").has("annas-demo", None) is None


def test_an_empty_list_closes_all_that_are_named_by_a_number() -> None:
    assert opened().has("pr-42", None) is False
    assert opened().has("mr-7", "feature/x") is False


@pytest.mark.parametrize("said", ["github:acme", "gitlab:", "bitbucket:acme/shop", "github:acme/shop?x=1", ":"])
def test_what_is_no_repository_is_refused(said: str) -> None:
    with pytest.raises(RefusedError, match="must be github:OWNER/REPOSITORY or gitlab:GROUP/PROJECT"):
        read([said], {"GITHUB_TOKEN": "x", "GITLAB_TOKEN": "x"})


@pytest.mark.parametrize(("said", "token"), [("github:acme/shop", "GITHUB_TOKEN"), ("gitlab:a/b/c", "GITLAB_TOKEN")])
def test_a_forge_is_asked_with_a_token_only(said: str, token: str) -> None:
    with pytest.raises(RefusedError, match=f"{token} is missing"):
        read([said], {})
    assert len(read([said], {token: "x"}).forges) == 1


def test_lists_are_read_from_the_command_line_from_files_and_from_stdin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "open.txt").write_text("pr-1,pr-2\n pr-3\n")
    monkeypatch.setattr("sys.stdin", (tmp_path / "open.txt").open())
    assert items("--keep-open", [f"@{tmp_path / 'open.txt'}", "4, 5"]) == ["pr-1", "pr-2", "pr-3", "4", "5"]
    assert items("--keep-open", ["-"]) == ["pr-1", "pr-2", "pr-3"]
    assert items("--keep-open", ["none\n"]) == []


def test_an_empty_text_is_no_empty_list(tmp_path: Path) -> None:
    (tmp_path / "open.txt").write_text("\n")
    for given in ("", " ,", f"@{tmp_path / 'open.txt'}"):
        with pytest.raises(RefusedError, match="has nothing in it") as refused:
            items("--keep-open", ["pr-1", given])
        assert "none" in str(refused.value.hint)
    with pytest.raises(RefusedError, match="can't be read"):
        items("--keep-open", [f"@{tmp_path / 'missing.txt'}"])


def standing(tmp_path: Path, **more: Any) -> Standing:
    facts = EphemeralOutputs(
        host="dev", owner="ann", created="x", expires="x", spec={}, branch=more.pop("branch", None)
    )
    arn = "arn:aws:ecs:eu-west-1:123456789012:cluster/dev"
    outputs = StackOutputs(
        environment="pr-42", region="eu-west-1", vpc_id="v", cluster_name="dev", cluster_arn=arn, ephemeral=facts
    )
    made = Standing(
        name="pr-42",
        backend=Backend.local(tmp_path),
        host="dev",
        owner="ann",
        created=NOW,
        expires=NOW + timedelta(hours=1),
        outputs=outputs,
        region="eu-west-1",
        accounts=frozenset({"123456789012"}),
        priorities={},
        target_groups=1,
        services=1,
        resources=11,
    )
    return replace(made, **more)


@pytest.mark.parametrize(
    ("facts", "keep", "expected"),
    [
        ({}, None, Reason.ALIVE),
        ({"expires": NOW}, None, Ground.EXPIRED),
        ({"expires": NOW + timedelta(seconds=1)}, None, Reason.ALIVE),
        ({"expires": NOW}, "pr-42", Ground.EXPIRED),
        ({}, "pr-42", Reason.OPEN),
        ({}, "pr-1", Ground.CLOSED),
        ({"expires": None}, None, Reason.PINNED),
        ({"expires": None}, "pr-1", Ground.CLOSED),
        ({"expires": None, "name": "demo"}, "pr-1", Reason.PINNED),
        ({"name": "demo"}, "pr-1", Reason.ALIVE),
        ({"services": 0}, "pr-42", Ground.CUT_SHORT),
        ({"services": 0, "expires": None}, None, Ground.CUT_SHORT),
        ({"outputs": None}, None, Reason.ALIVE),
        ({"services": 0, "resources": 0}, None, Ground.EMPTY),
        ({"protected": True, "expires": NOW}, "pr-1", Reason.PROTECTED),
        ({"protected": True, "services": 0}, None, Reason.PROTECTED),
    ],
)
def test_the_verdict(tmp_path: Path, facts: dict[str, Any], keep: str | None, expected: Ground | Reason) -> None:
    verdict = judge(standing(tmp_path, **facts), NOW, opened(keep) if keep else None, ending=False)
    assert expected in (verdict.ground, verdict.reason)
    assert (verdict.ground is None) != (verdict.reason is None)
    assert verdict.why


def test_an_end_that_was_cut_short_is_finished_but_for_a_protected_one(tmp_path: Path) -> None:
    found = standing(tmp_path)
    assert judge(found, NOW, opened("pr-42"), ending=True).ground is Ground.CUT_SHORT
    assert judge(replace(found, protected=True), NOW, None, ending=True).reason is Reason.PROTECTED


class Sts:
    """STS whose clock is ``off`` this machine's."""

    def __init__(self, off: timedelta = timedelta(), header: str | None = None) -> None:
        self.off, self.header = off, header

    def get_caller_identity(self) -> dict[str, Any]:
        date = self.header or format_datetime(datetime.now(UTC) + self.off, usegmt=True)
        return {"Account": "1", "ResponseMetadata": {"HTTPHeaders": {"date": date}}}


@pytest.mark.parametrize("days", [-3650, -1, 1, 3650])
def test_a_clock_that_jumped_judges_nothing(days: int) -> None:
    with pytest.raises(RefusedError, match=r"this machine's clock says .*, and AWS.s .*: what has expired"):
        clock.agreed(Sts(timedelta(days=days)))


@pytest.mark.parametrize("minutes", [-4, 4])
def test_the_earlier_of_two_times_holds(minutes: int) -> None:
    before = datetime.now(UTC)
    found = clock.agreed(Sts(timedelta(minutes=minutes)))
    assert found <= datetime.now(UTC)
    assert abs(found - (before + min(timedelta(minutes=minutes), timedelta()))) < timedelta(seconds=30)


@pytest.mark.parametrize(
    "header",
    ["yesterday", "Tue, 24 Nov 2026 13:46:25 GMT, Tue, 24 Nov 2026 13:46:26 GMT", "24 Nov 2026 13:46:25 -0000"],
)
def test_an_answer_that_doesnt_tell_the_time_judges_nothing(header: str) -> None:
    with pytest.raises(RefusedError, match="doesn't tell the time"):
        clock.agreed(Sts(header=header))
