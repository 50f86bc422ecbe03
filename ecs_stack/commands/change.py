"""preview, up, destroy: what changes an environment, or would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ecs_stack.commands.options import Json, Name, Refresh, Root, Target, TargetName, Verbose, Wait, Yes, find_root
from ecs_stack.commands.recording import recorded

if TYPE_CHECKING:
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output
    from ecs_stack.results import Preview

#: What ``preview --exit-code`` ends with if an up would change something.
PENDING = 3


def preview(
    name: Name,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help=f"Exit with {PENDING} if there is something to change.")
    ] = False,
    refresh: Refresh = False,
    target: Target = None,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Show what an up would change. Touches nothing.

    With --refresh, also what was deleted or changed on AWS since the last run, by others than ecs-stack.
    """
    output, environment = _open(name, target, json, root)
    with recorded(output, environment.root, "preview", environment.name, verbose) as log, output.progress() as steps:
        found = environment.preview(on_progress=log.steps(steps), refresh=refresh)
        log.plan(found)
    output.preview(found)
    if exit_code and found.summary.pending:
        raise typer.Exit(PENDING)


def up(
    name: Name,
    yes: Yes = False,
    wait: Wait = False,
    refresh: Refresh = False,
    target: Target = None,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Make what the environment file says.

    Shows what changes, asks, applies it, and waits until every service runs the revision that was asked for. Exits
    with 4 if ECS rolled a service back.
    """
    output, environment = _open(name, target, json, root)
    if not yes:
        output.require_terminal(instead="--yes")
    with recorded(output, environment.root, "up", environment.name, verbose) as log, output.progress() as steps:

        def approve(plan: Preview) -> None:
            log.plan(plan)
            with steps.paused():
                output.plan(plan)
                if plan.summary.pending and not yes:
                    output.confirm(f"Apply this to {name}? [y/N]", answers=("y", "Y", "yes"))

        receipt = environment.up(on_progress=log.steps(steps), approve=approve, wait=wait, refresh=refresh)
        log.changes("changed", receipt.changes)
    output.up(receipt)


def destroy(
    name: Name,
    yes: Yes = False,
    wait: Wait = False,
    with_ephemeral: Annotated[
        bool, typer.Option("--with-ephemeral", help="Delete the ephemeral environments that stand on it, too.")
    ] = False,
    target: Target = None,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Delete everything of an environment, and its stack.

    Shows what goes, and asks for the environment's name. Refuses while ephemeral environments stand on it.
    """
    output, environment = _open(name, target, json, root)
    if not yes:
        environment.require_stack()
        output.require_terminal(instead="--yes")
    with recorded(output, environment.root, "destroy", environment.name, verbose) as log, output.progress() as steps:

        def approve(plan: Preview) -> None:
            log.plan(plan)
            with steps.paused():
                output.plan(plan)
                output.confirm(f"Type the environment's name to delete all of it ({name}):", answers=(name,))

        receipt = environment.destroy(
            on_progress=log.steps(steps),
            approve=None if yes else approve,
            wait=wait,
            with_ephemeral=with_ephemeral,
        )
        log.changes("changed", receipt.changes)
    output.destroy(receipt)


def unlock(
    name: Name,
    force: Annotated[
        bool,
        typer.Option("--force", help="Also remove locks of runs that this machine can't look for."),
    ] = False,
    target: Target = None,
    json: Json = False,
    root: Root = None,
) -> None:
    """Remove the locks that killed runs left on an environment.

    Checks that the process that took a lock is gone, and refuses while it lives.
    """
    output, environment = _open(name, target, json, root)
    output.unlock(environment.unlock(force=force))


def _open(name: str, target: TargetName | None, json: bool, root: Path | None) -> tuple[Output, Environment]:
    """Where a verb prints, and the environment that it is about."""
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output

    return Output(json=json), Environment.load(find_root(root), name, target=target)
