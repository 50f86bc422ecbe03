"""The pipelines that change an environment, as an environment file describes them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import model_validator

from ecs_stack.rules import pipelines
from ecs_stack.spec.base import Model, refuse, rule

_FORGES = ("github", "gitlab", "jenkins")


GitHub = Annotated[str, rule(pipelines.github_problem)]
GitLab = Annotated[str, rule(pipelines.gitlab_problem)]
Jenkins = Annotated[str, rule(pipelines.jenkins_problem)]
Branch = Annotated[str, rule(pipelines.branch_problem)]


class Ci(Model):
    """Roles for the pipelines of one repository, which need no keys: AWS trusts the forge's tokens.

    An `up` by somebody with the rights to make roles makes them. `ecs-stack ci` writes pipelines that take them.
    """

    github: GitHub | None = None
    """The repository as the subject of its tokens names it: acme/shop. One made since June 18, 2026 has its numbers
    in there, as its settings show (Actions, OIDC): acme-123456/shop-456789."""
    gitlab: GitLab | None = None
    """The project's path on gitlab.com, acme/shop, or its address on another GitLab."""
    jenkins: Jenkins | None = None
    """The multibranch job's address; Jenkins needs the plugin oidc-provider, and an address that AWS reaches."""
    branch: Branch = "main"
    """The branch whose pipelines deploy the environment, and prune its previews."""
    oidc_provider: Literal["new", "existing"] = "new"
    """An account has one identity provider for each forge: existing, where another environment has made it."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        given = [name for name in _FORGES if getattr(self, name)]
        if len(given) != 1:
            refuse(self, [((), f"needs exactly one of {', '.join(_FORGES)}")])
        return self

    @property
    def forge(self) -> str:
        """github, gitlab or jenkins."""
        return next(name for name in _FORGES if getattr(self, name))

    def tokens(self, environment: str) -> pipelines.Pipelines:
        """The tokens of the pipelines that change ``environment``."""
        if self.github:
            return pipelines.Pipelines.github(self.github, branch=self.branch, environment=environment)
        if self.gitlab:
            return pipelines.Pipelines.gitlab(self.gitlab, branch=self.branch)
        return pipelines.Pipelines.jenkins(str(self.jenkins), branch=self.branch)
