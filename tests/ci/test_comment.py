"""One comment on a pull request: made once, changed from then on, on every forge; nobody else's is touched."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from ecs_stack.ci import forges
from ecs_stack.ci import http as http_module
from ecs_stack.ci.comment import post
from ecs_stack.errors import EcsStackError, RefusedError
from ecs_stack.pruning import keep_open
from tests.ci.forge import TOKEN, Forge, served

MARK = "<!-- ecs-stack shop pr-42 -->"
VARIANTS = ("github", "github-user", "gitlab", "jenkins-github", "jenkins-gitlab")


@pytest.fixture
def forge() -> Iterator[Forge]:
    with served(Forge()) as running:
        yield running


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    (tmp_path / "event.json").write_text(json.dumps({"action": "opened", "pull_request": {"number": 42}}))
    return tmp_path


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_module, "_PAUSES", (0.0, 0.0))


def variables(variant: str, forge: Forge, root: Path) -> dict[str, str]:
    """A run's variables; sets whom its token belongs to."""
    forge.me = None if variant in ("github", "jenkins-github") else "shop-ci"
    return {
        "github": lambda: forge.github(event=str(root / "event.json")),
        "github-user": lambda: forge.github(event=str(root / "event.json")),
        "gitlab": forge.gitlab,
        "jenkins-github": lambda: forge.jenkins("pull/42"),
        "jenkins-gitlab": lambda: forge.jenkins("-/merge_requests/42"),
    }[variant]()


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_first_run_makes_it_and_others_change_it(variant: str, forge: Forge, root: Path) -> None:
    run = forges.of_run(variables(variant, forge, root))
    first = post(run, root, "pr-42", "one\n")
    assert first.created
    assert first.url.startswith(("https://github.com/acme/shop/pull/42#", "https://gitlab.com/acme/shop/-/merge_"))
    second = post(run, root, "pr-42", "two\n")
    assert (second.created, second.url) == (False, first.url)
    assert forge.ours == [f"{MARK}\ntwo\n"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_is_found_on_a_later_page(variant: str, forge: Forge, root: Path) -> None:
    given = variables(variant, forge, root)
    for number in range(5):
        forge.add("somebody", f"remark {number}")
    forge.add(forge.author, f"{MARK}\nearlier\n")
    forge.add("somebody", "the last word")
    assert not post(forges.of_run(given), root, "pr-42", "now\n").created
    assert forge.ours == [f"{MARK}\nnow\n"]
    assert sum("page=2" in each for each in forge.requests) == 1


@pytest.mark.parametrize("variant", VARIANTS)
def test_somebody_elses_comment_with_the_mark_stays(variant: str, forge: Forge, root: Path) -> None:
    given = variables(variant, forge, root)
    quoted = forge.add("somebody", f"{MARK}\nI say so\n")
    assert post(forges.of_run(given), root, "pr-42", "ours\n").created
    assert forge.comments[quoted] == ("somebody", f"{MARK}\nI say so\n")
    assert forge.ours == [f"{MARK}\nours\n"]


@pytest.mark.parametrize("variant", VARIANTS)
def test_our_other_comments_stay(variant: str, forge: Forge, root: Path) -> None:
    given = variables(variant, forge, root)
    others = ["Coverage: 81 %", "<!-- ecs-stack other pr-42 -->\nanother project's", f"It said:\n> {MARK}\n> old"]
    for body in others:
        forge.add(forge.author, body)
    assert post(forges.of_run(given), root, "pr-42", "ours\n").created
    assert forge.ours == [*others, f"{MARK}\nours\n"]


def test_a_forge_that_stumbles_is_asked_again(forge: Forge, root: Path) -> None:
    given = variables("github", forge, root)
    forge.failures = [502, 503]
    assert post(forges.of_run(given), root, "pr-42", "x\n").created


def test_nothing_is_posted_twice(forge: Forge, root: Path) -> None:
    """After an error nobody knows whether the comment is there."""
    run = forges.of_run(variables("github-user", forge, root))
    assert list(run.forge.comments(42)) == []
    forge.failures = [502]
    with pytest.raises(EcsStackError, match="answers 502 to POST"):
        run.forge.create(42, "x")
    assert sum(each.startswith("POST") for each in forge.requests) == 1


def test_a_refusal_is_told_in_the_forges_words(forge: Forge, root: Path) -> None:
    given = {**variables("gitlab", forge, root), "GITLAB_TOKEN": "another"}
    with pytest.raises(EcsStackError, match="answers 401 to GET /api/v4/user: Bad credentials") as refused:
        post(forges.of_run(given), root, "pr-42", "x\n")
    assert "token" in str(refused.value.hint)
    assert "another" not in f"{refused.value.message} {refused.value.hint}"


def test_the_token_goes_to_no_other_host(forge: Forge, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = forges.of_run(variables("github", forge, root))
    for number in range(5):
        forge.add("somebody", f"remark {number}")
    port, forge.port = forge.port, 1
    with pytest.raises(EcsStackError, match="another host"):
        list(run.forge.comments(42))
    forge.port = port


@pytest.mark.parametrize("variant", ["github", "gitlab"])
def test_what_is_open(variant: str, forge: Forge, root: Path) -> None:
    forge.open = [21, 1, 2, 3, 5, 8, 13]
    found = forges.of_run(variables(variant, forge, root)).open_previews()
    prefix = "pr" if variant == "github" else "mr"
    assert found.names == tuple(f"{prefix}-{number}" for number in (1, 2, 3, 5, 8, 13, 21))


@pytest.mark.parametrize("repository", ["github:acme/shop", "gitlab:acme/shop"])
def test_a_repository_is_asked_by_its_name_outside_of_pipelines(repository: str, forge: Forge) -> None:
    forge.open = [1, 2, 3, 5]
    at = f"http://127.0.0.1:{forge.port}"
    where = {"GITHUB_API_URL": at, "CI_API_V4_URL": f"{at}/api/v4", "GITHUB_TOKEN": TOKEN, "GITLAB_TOKEN": TOKEN}
    found = keep_open.read([repository, "9"], where).resolve()
    assert found.numbers == {1, 2, 3, 5, 9}
    assert found.names == {"branch-1", "branch-2", "branch-3", "branch-5"}
    assert found.has("pr-4", None) is False
    assert found.has("login", "feature/login") is False
    assert found.has("login", "branch-5") is True
    forge.failures = [200]  # a document that isn't one of the forge's
    with pytest.raises(EcsStackError, match="something else than a list"):
        keep_open.read([repository], where).resolve()


def test_a_list_that_breaks_off_is_no_list(forge: Forge, root: Path) -> None:
    """What a prune keeps: half of it would be worse than none."""
    forge.open = list(range(7))
    run = forges.of_run(variables("github", forge, root))
    forge.failures = [500, 500, 500]
    with pytest.raises(EcsStackError, match="answers 500"):
        run.open_previews()


@pytest.mark.parametrize(
    ("remote", "api"),
    [
        ("https://github.com/acme/shop.git", "https://api.github.com/repos/acme/shop"),
        ("git@github.com:acme/shop.git", "https://api.github.com/repos/acme/shop"),
        ("https://github.example.com/acme/shop", "https://github.example.com/api/v3/repos/acme/shop"),
        (
            "ssh://git@gitlab.example.com/acme/team/shop.git",
            "https://gitlab.example.com/api/v4/projects/acme%2Fteam%2Fshop",
        ),
    ],
)
def test_jenkins_knows_the_forge_by_the_repository(remote: str, api: str) -> None:
    run = forges.of_run({"JENKINS_URL": "x", "FORGE_TOKEN": "t", "GIT_URL": remote})
    assert run.number is None
    assert run.forge._api._base == api  # type: ignore[attr-defined]


def test_outside_of_a_pull_request(forge: Forge, root: Path) -> None:
    with pytest.raises(RefusedError, match="doesn't run in a pipeline"):
        forges.of_run({})
    with pytest.raises(RefusedError, match="GITHUB_TOKEN is missing"):
        forges.of_run({"GITHUB_ACTIONS": "true"})
    (root / "event.json").write_text(json.dumps({"schedule": "17 3 * * *"}))
    with pytest.raises(RefusedError, match="doesn't run for a pull request"):
        post(forges.of_run(variables("github", forge, root)), root, "pr-42", "x")
