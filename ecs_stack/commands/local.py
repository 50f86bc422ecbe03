"""local: the background process that stands for AWS on this machine."""

from __future__ import annotations

import shlex
from typing import Annotated

import typer

from ecs_stack.commands.completion import environments
from ecs_stack.commands.options import Json, Root, Yes, find_root

app = typer.Typer(
    help="The local cloud: AWS's APIs, containers and load balancers on this machine.", no_args_is_help=True
)

OptionalName = Annotated[
    str | None, typer.Argument(metavar="[ENV]", help="The environment.", autocompletion=environments)
]


@app.command()
def start(json: Json = False, root: Root = None) -> None:
    """Start the local cloud, or find it running. Its tasks come back."""
    from ecs_stack.local import cloud
    from ecs_stack.render.output import Output

    found = cloud.start(find_root(root))
    docker = f"containers on {found.docker_host}" if found.docker_host else "no Docker: tasks are recorded, not run"
    facts = {"endpoint": found.endpoint, "pid": found.pid, "docker_host": found.docker_host}
    Output(json=json).facts(facts, f"The local cloud runs at {found.endpoint} (pid {found.pid}), {docker}")


@app.command()
def stop(json: Json = False, root: Root = None) -> None:
    """Stop the local cloud and its containers. Its state stays."""
    from ecs_stack.local import cloud
    from ecs_stack.render.output import Output

    stopped = cloud.stop(find_root(root))
    text = "The local cloud is stopped; its state stays." if stopped else "The local cloud wasn't running."
    Output(json=json).facts({"stopped": stopped}, text)


@app.command()
def status(json: Json = False, root: Root = None) -> None:
    """Show the local cloud's processes, ports, containers and versions."""
    from ecs_stack.local import cloud
    from ecs_stack.render.output import Output

    Output(json=json).local_status(cloud.status(find_root(root)))


@app.command()
def reset(yes: Yes = False, json: Json = False, root: Root = None) -> None:
    """Remove the local cloud with all it made, and the stacks that lived in it."""
    from ecs_stack.checkout import reset_local
    from ecs_stack.render.output import Output

    output = Output(json=json)
    folder = find_root(root)
    if not yes:
        output.require_terminal(instead="--yes")
        output.confirm(f"Remove the local cloud of {folder} and all its environments? [y/N]", answers=("y", "Y", "yes"))
    output.reset(reset_local(folder))


@app.command()
def env(name: OptionalName = None, json: Json = False, root: Root = None) -> None:
    """Print what a shell needs to use the local cloud with plain pulumi, aws and others.

    With ENV, plain pulumi works on the state of that environment, else on the one in the project's folder. Starts the
    local cloud if it doesn't run. Use it as: eval "$(ecs-stack local env)"
    """
    from ecs_stack.checkout import shell_environment
    from ecs_stack.render.output import Output

    found = shell_environment(find_root(root), name)
    lines = [f"unset {name}" for name in found.unset]
    lines += [f"export {name}={shlex.quote(value)}" for name, value in found.variables.items()]
    Output(json=json).facts({"unset": list(found.unset), "export": dict(found.variables)}, "\n".join(lines))
