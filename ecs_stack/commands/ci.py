"""ci: the pipelines of a checkout, and what their steps call."""

from __future__ import annotations

import json as json_module
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ecs_stack.commands.options import Json, Root, find_root
from ecs_stack.errors import RefusedError

if TYPE_CHECKING:
    from ecs_stack.ci_results import CiReceipt

#: What ``--check`` ends with if a file isn't what would be written today.
PENDING = 3

app = typer.Typer(
    help="Pipelines: a preview for each pull request, deployments of what is merged.",
    no_args_is_help=True,
)

Check = Annotated[
    bool, typer.Option("--check", help=f"Write nothing; exit with {PENDING} if a file would be written, and show how.")
]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that say something else.")]


@app.command()
def github(check: Check = False, force: Force = False, json: Json = False, root: Root = None) -> None:
    """Write the workflows for GitHub Actions: preview, prune and deploy in .github/workflows/.

    They are for the environments whose file has `ci: {github: OWNER/REPOSITORY}`. Protected ones wait for the approval
    that the settings of the GitHub environment of that name ask for.
    """
    from ecs_stack.ci import files
    from ecs_stack.render.output import Output

    receipt = files.write(find_root(root), "github", check=check, force=force)
    Output(json=json).ci(receipt)
    _end(receipt)


@app.command()
def gitlab(check: Check = False, force: Force = False, json: Json = False, root: Root = None) -> None:
    """Write ci/ecs-stack.gitlab-ci.yml for GitLab, and a .gitlab-ci.yml that includes it if there is none.

    It is for the environments whose file has `ci: {gitlab: GROUP/PROJECT}`.
    """
    from ecs_stack.ci import files
    from ecs_stack.render.output import Output

    receipt = files.write(find_root(root), "gitlab", check=check, force=force)
    Output(json=json).ci(receipt)
    _end(receipt)


@app.command()
def jenkins(check: Check = False, force: Force = False, json: Json = False, root: Root = None) -> None:
    """Write a Jenkinsfile for a multibranch job.

    It is for the environments whose file has `ci: {jenkins: ADDRESS-OF-THE-JOB}`.
    """
    from ecs_stack.ci import files
    from ecs_stack.render.output import Output

    receipt = files.write(find_root(root), "jenkins", check=check, force=force)
    Output(json=json).ci(receipt)
    _end(receipt)


@app.command()
def comment(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The ephemeral environment.")],
    source: Annotated[
        Path,
        typer.Option(
            "--from",
            metavar="FILE",
            help="What `ephemeral up --json` or `ephemeral down --json` printed; empty or missing: it never ran.",
            dir_okay=False,
        ),
    ],
    json: Json = False,
    root: Root = None,
) -> None:
    """Say on the pull request what became of its preview: where it answers, what changed, what it costs.

    There is one comment, which later runs change. It runs in a pipeline of GitHub (with GITHUB_TOKEN), GitLab
    (GITLAB_TOKEN) or Jenkins (FORGE_TOKEN), whose variables say which pull request it is.
    """
    from ecs_stack.ci import comment as comments
    from ecs_stack.ci import forges
    from ecs_stack.render.comment import markdown
    from ecs_stack.render.output import Output

    folder = find_root(root)
    run = forges.of_run(os.environ)
    text = markdown(name, _document(source), log=run.url)
    Output(json=json).commented(comments.post(run, folder, name, text))


@app.command("open")
def open_(json: Json = False) -> None:
    """Print the names that previews of open pull requests have, with commas between: what a prune keeps.

    It runs in a pipeline, as `ci comment` does.
    """
    from ecs_stack.ci import forges
    from ecs_stack.render.output import Output

    Output(json=json).open_previews(forges.of_run(os.environ).open_previews())


@app.command()
def approval(
    name: Annotated[str, typer.Argument(metavar="ENV", help="The protected environment.")], json: Json = False
) -> None:
    """Refuse to go on if nobody is asked before a protected environment is deployed: the forge's settings say so.

    A workflow runs it first. It needs GITHUB_TOKEN with the permission actions: read.
    """
    from ecs_stack.ci import approval as approvals
    from ecs_stack.ci import forges
    from ecs_stack.render.output import Output

    approvals.require(forges.of_run(os.environ), name)
    Output(json=json).facts({"environment": name, "approval": True}, f"{name} is deployed after an approval only")


def _end(receipt: CiReceipt) -> None:
    if not receipt.current:
        raise typer.Exit(PENDING)


def _document(source: Path) -> Mapping[str, Any] | None:
    try:
        text = source.read_text("utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"the file {source} can't be read: {error}") from error
    if not text.strip():
        return None
    try:
        document = json_module.loads(text)
    except ValueError as error:
        raise RefusedError(f"the file {source} isn't JSON: {error}", hint="Its command needs --json.") from error
    if not isinstance(document, dict):
        raise RefusedError(f"the file {source} holds no JSON object")
    return document
