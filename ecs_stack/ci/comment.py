"""One comment for a preview on its pull request: the first run makes it, every other one changes it."""

from __future__ import annotations

from pathlib import Path

from ecs_stack.automation.backend import Backend
from ecs_stack.ci.forges import Run
from ecs_stack.ci_results import CommentReceipt
from ecs_stack.errors import RefusedError


def post(run: Run, root: Path, name: str, text: str) -> CommentReceipt:
    """Puts ``text`` (Markdown) on the pull request of the pipeline's ``run``, for a preview of the project in ``root``.

    The comment is found again by a mark that readers don't see, among those by the same account: nobody else's is
    touched. Raises RefusedError for a run that has no pull request, EcsStackError if the forge refuses.
    """
    if run.number is None:
        raise RefusedError(
            "this pipeline doesn't run for a pull request, so there is nothing to comment on",
            hint="In a workflow of GitHub's, `on: pull_request` starts it.",
        )
    # Two projects in one repository may call their previews alike.
    mark = f"<!-- ecs-stack {Backend.local(root).project} {name} -->"
    body = f"{mark}\n{text}"
    for comment in run.forge.comments(run.number):
        if comment.ours and comment.body.startswith(mark):
            url = run.forge.update(run.number, comment, body)
            return CommentReceipt(environment=name, forge=run.forge.name, url=url, created=False)
    url = run.forge.create(run.number, body)
    return CommentReceipt(environment=name, forge=run.forge.name, url=url, created=True)
