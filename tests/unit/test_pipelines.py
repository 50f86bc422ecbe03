"""Which runs of which pipelines AWS trusts, and what an environment file may say of them."""

from __future__ import annotations

from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from ecs_stack import spec
from ecs_stack.errors import SpecError
from ecs_stack.rules import pipelines
from ecs_stack.rules.pipelines import Pipelines

GITHUB = Pipelines.github("acme/shop", branch="main", environment="prod")
GITLAB = Pipelines.gitlab("acme/team/shop", branch="main")
JENKINS = Pipelines.jenkins("https://jenkins.example.com/job/acme/job/shop/", branch="main")


def trusts(subjects: tuple[str, ...], issuer: str, subject: str) -> bool:
    """Whether IAM lets a token with this subject have the role."""
    document = pipelines.trust(issuer, subjects, region="eu-west-1", account="123456789012")
    key = f"{issuer.removeprefix('https://')}:sub"
    found = False
    for statement in document["Statement"]:
        condition: dict[str, Any] = statement["Condition"]
        assert condition["StringEquals"][key.replace(":sub", ":aud")] == "sts.amazonaws.com"
        found |= subject in condition["StringEquals"].get(key, [])
        found |= any(fnmatchcase(subject, each) for each in condition.get("StringLike", {}).get(key, []))
    return found


@pytest.mark.parametrize(
    ("of", "subject", "deploys", "previews"),
    [
        (GITHUB, "repo:acme/shop:environment:prod", True, False),
        (GITHUB, "repo:acme/shop:environment:production", False, False),
        (GITHUB, "repo:acme/shop:ref:refs/heads/main", False, True),
        (GITHUB, "repo:acme/shop:ref:refs/heads/other", False, False),
        (GITHUB, "repo:acme/shop:pull_request", False, True),
        (GITHUB, "repo:acme/shop-2:pull_request", False, False),
        (GITHUB, "repo:evil/shop:pull_request", False, False),
        (GITLAB, "project_path:acme/team/shop:ref_type:branch:ref:main", True, True),
        (GITLAB, "project_path:acme/team/shop:ref_type:branch:ref:feature/x", False, True),
        (GITLAB, "project_path:evil/shop:ref_type:branch:ref:main", False, False),
        (GITLAB, "project_path:acme/team/shop:ref_type:tag:ref:v1", False, False),
        (JENKINS, "https://jenkins.example.com/job/acme/job/shop/job/main/", True, True),
        (JENKINS, "https://jenkins.example.com/job/acme/job/shop/job/PR-42/", False, True),
        (JENKINS, "https://jenkins.example.com/job/acme/job/other/job/PR-42/", False, False),
    ],
)
def test_whom_aws_trusts(of: Pipelines, subject: str, deploys: bool, previews: bool) -> None:
    assert trusts(of.deploys, of.issuer, subject) is deploys
    assert trusts(of.previews, of.issuer, subject) is previews


def test_issuers() -> None:
    assert GITHUB.issuer == "https://token.actions.githubusercontent.com"
    assert GITLAB.issuer == "https://gitlab.com"
    own = Pipelines.gitlab("https://git.example.com/acme/shop", branch="main")
    assert (own.issuer, own.deploys) == (
        "https://git.example.com",
        ("project_path:acme/shop:ref_type:branch:ref:main",),
    )
    assert JENKINS.issuer == "https://jenkins.example.com/oidc"
    # Jenkins's folders escape a branch's slash twice.
    assert Pipelines.jenkins("https://j.example.com/job/a", branch="release/1").deploys == (
        "https://j.example.com/job/a/job/release%252F1/",
    )


def test_partitions() -> None:
    arn = pipelines.provider_arn("https://gitlab.com", region="cn-north-1", account="123456789012")
    assert arn == "arn:aws-cn:iam::123456789012:oidc-provider/gitlab.com"
    assert pipelines.role_arn("x", region="us-gov-west-1", account="1").startswith("arn:aws-us-gov:iam::1:role/x")


def load(root: Path, ci: str) -> spec.Environment:
    (root / "envs").mkdir(exist_ok=True)
    (root / "envs/dev.yaml").write_text(f"target: aws\nregion: eu-west-1\nci: {ci}\n")
    return spec.load(root, "dev")


@pytest.mark.parametrize(
    ("ci", "forge", "issuer"),
    [
        ("{github: acme/shop}", "github", GITHUB.issuer),
        ("{github: acme-123456/shop-456789}", "github", GITHUB.issuer),
        ("{gitlab: acme/team/shop}", "gitlab", GITLAB.issuer),
        ("{gitlab: https://git.example.com/acme/shop, branch: trunk}", "gitlab", "https://git.example.com"),
        ("{jenkins: https://jenkins.example.com/job/shop}", "jenkins", JENKINS.issuer),
    ],
)
def test_forges(tmp_path: Path, ci: str, forge: str, issuer: str) -> None:
    found = load(tmp_path, ci).ci
    assert found is not None
    assert found.forge == forge
    assert found.tokens("dev").issuer == issuer


@pytest.mark.parametrize(
    ("ci", "problem"),
    [
        ("{}", "needs exactly one of github, gitlab, jenkins"),
        ("{github: acme/shop, gitlab: acme/shop}", "needs exactly one of"),
        ("{github: shop}", "ci.github: must be a repository"),
        ("{github: 'acme/*'}", "ci.github: must be a repository"),
        ("{github: https://github.com/acme/shop}", "ci.github: must be a repository"),
        ("{gitlab: 'acme/*'}", "ci.gitlab: must be a project's path"),
        ("{gitlab: http://git.example.com/acme/shop}", "ci.gitlab: must be a project's path"),
        ("{jenkins: 'https://jenkins.example.com'}", "ci.jenkins: must be a multibranch job's address"),
        ("{jenkins: 'https://jenkins.example.com/job/*'}", "ci.jenkins: must be a multibranch job's address"),
        ("{jenkins: 'http://jenkins.example.com/job/a'}", "ci.jenkins: must be a multibranch job's address"),
        ("{github: acme/shop, branch: '*'}", "ci.branch: must be a branch"),
        ("{github: acme/shop, oidc_provider: old}", "ci.oidc_provider"),
    ],
)
def test_what_would_trust_too_many_or_nobody(tmp_path: Path, ci: str, problem: str) -> None:
    with pytest.raises(SpecError) as refused:
        load(tmp_path, ci)
    assert problem in "\n".join(refused.value.problems)
