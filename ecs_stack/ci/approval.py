"""Whether somebody is asked before a protected environment is deployed, which no file of a repository decides."""

from __future__ import annotations

from ecs_stack.ci.forges import GitHub, Run
from ecs_stack.errors import RefusedError


def require(run: Run, name: str) -> None:
    """Raises RefusedError unless GitHub had to ask somebody before this run's job of the environment ``name``.

    On GitLab a manual job asks, on Jenkins a stage: there the pipeline's own file says so.
    """
    if isinstance(run.forge, GitHub) and not run.forge.asks_for_approval(name):
        raise RefusedError(
            f"the environment {name} is protected, and GitHub deploys it without asking anybody",
            hint=f"In the repository's settings, under Environments, give {name} required reviewers.",
        )
