"""Who a pipeline is to AWS: the issuer of its OpenID Connect token, and the subjects its runs have.

AWS hands a role's short-lived keys to whoever shows a token that the role's trust policy describes, so a pipeline needs
no keys of its own. All three forges are asked for tokens with the same audience.
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_providers_create_oidc.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import urlsplit

from ecs_stack.rules import arns, names
from ecs_stack.rules.policies import document

#: What AWS's own tools ask for; an identity provider in IAM lists it as a client.
AUDIENCE = "sts.amazonaws.com"
_GITLAB = "https://gitlab.com"

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.@-]*/[\w.@-]+", re.ASCII)
_PROJECT = re.compile(r"[\w.-]+(?:/[\w.-]+)+", re.ASCII)
_HOST = re.compile(r"[a-z0-9.-]+(?::\d+)?", re.ASCII)
_JOB = re.compile(r"(?:/job/[\w.%+-]+)+/?", re.ASCII)
_BRANCH = re.compile(r"[\w./-]+", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Pipelines:
    """The subjects of a forge's tokens: of runs that deploy an environment, and of those for pull requests.

    A ``*`` stands for any text.
    """

    issuer: str
    deploys: tuple[str, ...]
    previews: tuple[str, ...]
    """Runs for pull requests, and those that prune previews at night."""

    @classmethod
    def github(cls, repository: str, *, branch: str, environment: str) -> Self:
        """A job that names a GitHub environment has that in its subject, and not the branch.

        https://docs.github.com/en/actions/reference/security/oidc
        """
        prefix = f"repo:{repository}"
        return cls(
            issuer="https://token.actions.githubusercontent.com",
            deploys=(f"{prefix}:environment:{environment}",),
            previews=(f"{prefix}:pull_request", f"{prefix}:ref:refs/heads/{branch}"),
        )

    @classmethod
    def gitlab(cls, project: str, *, branch: str) -> Self:
        """A merge request's pipeline runs for its source branch.

        https://docs.gitlab.com/ci/cloud_services/
        """
        issuer, path = _gitlab_parts(project)
        prefix = f"project_path:{path}:ref_type:branch:ref"
        return cls(issuer=issuer, deploys=(f"{prefix}:{branch}",), previews=(f"{prefix}:*",))

    @classmethod
    def jenkins(cls, job: str, *, branch: str) -> Self:
        """The subject is the address of the branch's job in the multibranch job ``job``.

        https://plugins.jenkins.io/oidc-provider/
        """
        at = urlsplit(job)
        jobs = f"{job.rstrip('/')}/job"
        deploys = f"{jobs}/{branch.replace('/', '%252F')}/"
        return cls(issuer=f"{at.scheme}://{at.netloc}/oidc", deploys=(deploys,), previews=(f"{jobs}/PR-*/", deploys))


def provider_arn(issuer: str, *, region: str, account: str) -> str:
    """The ARN of the identity provider in IAM: an account has one for each issuer."""
    return f"arn:{arns.partition(region)}:iam::{account}:oidc-provider/{_without_scheme(issuer)}"


def trust(issuer: str, subjects: tuple[str, ...], *, region: str, account: str) -> dict[str, Any]:
    """Who may take a role: runs with one of the ``subjects``, and with a token that was made for AWS.

    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create_for-idp_oidc.html
    """
    key = _without_scheme(issuer)
    exact = sorted(subject for subject in subjects if "*" not in subject)
    wild = sorted(set(subjects) - set(exact))
    # Conditions of one statement must all hold, so exact and wild subjects stand in statements of their own.
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Federated": provider_arn(issuer, region=region, account=account)},
                "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": condition,
            }
            for condition in (
                {"StringEquals": {f"{key}:aud": AUDIENCE, f"{key}:sub": exact}} if exact else None,
                {"StringEquals": {f"{key}:aud": AUDIENCE}, "StringLike": {f"{key}:sub": wild}} if wild else None,
            )
            if condition
        ]
    )


def role_name(project: str, environment: str, what: str) -> str:
    """The name of the role that pipelines take to ``what`` ("deploy" or "preview"): known before it is made."""
    return names.cut(f"{project}-{environment}-{what}", names.ROLE)


def role_arn(name: str, *, region: str, account: str) -> str:
    """The ARN of a role without a path."""
    return f"arn:{arns.partition(region)}:iam::{account}:role/{name}"


def github_problem(repository: str) -> str | None:
    """What is wrong with a GitHub repository; None if nothing is."""
    if _REPOSITORY.fullmatch(repository):
        return None
    return f"must be a repository on github.com as its tokens name it, such as acme/shop, not '{repository}'"


def gitlab_problem(project: str) -> str | None:
    """What is wrong with a GitLab project; None if nothing is."""
    issuer, path = _gitlab_parts(project)
    if _HOST.fullmatch(_without_scheme(issuer)) and _PROJECT.fullmatch(path):
        return None
    return f"must be a project's path, such as acme/shop, or its https address, not '{project}'"


def jenkins_problem(job: str) -> str | None:
    """What is wrong with the address of a Jenkins job; None if nothing is."""
    at = urlsplit(job)
    if at.scheme == "https" and _HOST.fullmatch(at.netloc) and _JOB.fullmatch(at.path) and not at.query:
        return None
    return f"must be a multibranch job's address, such as https://jenkins.example.com/job/shop, not '{job}'"


def branch_problem(branch: str) -> str | None:
    """What is wrong with a branch; None if nothing is. Wildcards would let any branch deploy."""
    return None if _BRANCH.fullmatch(branch) else f"must be a branch, such as main, not '{branch}'"


def _gitlab_parts(project: str) -> tuple[str, str]:
    """Issuer and path of a project; both of gitlab.com if it is no address."""
    if not project.startswith("https://"):
        return _GITLAB, project
    host, _, path = _without_scheme(project).partition("/")
    return f"https://{host}", path.rstrip("/")


def _without_scheme(address: str) -> str:
    return address.removeprefix("https://")
