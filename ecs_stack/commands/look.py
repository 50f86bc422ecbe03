"""status, logs, list, cost, outputs, schema, version: how things are. They change nothing."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from ecs_stack.commands import completion
from ecs_stack.commands.options import Json, Name, Root, Target, find_root, moment


def status(name: Name, target: Target = None, json: Json = False, root: Root = None) -> None:
    """Show how an environment's services run.

    Counts, revisions, deployments, the last events, and why tasks stopped.
    """
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output

    output = Output(json=json)
    output.status(Environment.load(find_root(root), name, target=target).status())


def logs(
    name: Name,
    services: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SERVICE]...", help="Which services; by default all.", autocompletion=completion.services
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")] = False,
    since: Annotated[
        str | None, typer.Option(help="From when on: 10m, 2h, 1d, or a time such as 2026-05-01T10:00 (UTC).")
    ] = None,
    tail: Annotated[
        int | None, typer.Option(min=0, help="The last lines only; 100 unless --since says from when on.")
    ] = None,
    target: Target = None,
    json: Json = False,
    root: Root = None,
) -> None:
    """Print what the containers of an environment wrote, the oldest line first.

    With --json each line is a JSON document.
    """
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output

    environment = Environment.load(find_root(root), name, target=target)
    start = moment(since, datetime.now(UTC)) if since else None
    lines = environment.logs(services or (), since=start, tail=tail, follow=follow)
    Output(json=json).logs(lines, several=len(services or ()) != 1)


def list_(json: Json = False, root: Root = None) -> None:
    """List the environments: files in envs/, and stacks."""
    from ecs_stack.environment import list_environments
    from ecs_stack.render.output import Output

    Output(json=json).environments(list_environments(find_root(root)))


def cost(name: Name, target: Target = None, json: Json = False, root: Root = None) -> None:
    """Show what an environment costs on AWS, by the list prices of its region that come with ecs-stack.

    Counts what its file describes, or what its stack has if there is no file. It says what it leaves out.
    """
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output

    output = Output(json=json)
    output.cost(Environment.load(find_root(root), name, target=target).cost())


def outputs(name: Name, target: Target = None, json: Json = False, root: Root = None) -> None:
    """Print what an environment's stack exports."""
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output

    Output(json=json).outputs(Environment.load(find_root(root), name, target=target).outputs())


def version(json: Json = False) -> None:
    """Print the versions of ecs-stack and of what it runs on."""
    from ecs_stack.checkout import versions
    from ecs_stack.render.output import Output

    found = versions()
    text = "\n".join(f"{name} {number or 'not found'}" for name, number in found.items())
    Output(json=json).facts(found, text)


def schema(
    template: Annotated[
        bool, typer.Option("--template", help="That of envs/preview.yaml, the template of ephemeral environments.")
    ] = False,
    json: Json = False,
) -> None:
    """Print the JSON Schema of environment files, for editors. It is JSON with and without --json."""
    from json import dumps

    from ecs_stack import spec
    from ecs_stack.render.output import Output

    found = spec.template_schema() if template else spec.json_schema()
    Output(json=json).facts(found, dumps(found, indent=2, ensure_ascii=False))
