"""init, doctor, validate: the first hour with a project."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ecs_stack.commands.completion import environments
from ecs_stack.commands.options import Json, Root, find_root
from ecs_stack.errors import RefusedError

#: What ``doctor`` ends with if a check failed.
UNWELL = 1

OptionalName = Annotated[
    str | None,
    typer.Argument(metavar="[ENV]", help="The environment; by default all of envs/.", autocompletion=environments),
]


def init(
    folder: Annotated[
        Path, typer.Argument(metavar="[FOLDER]", help="Where to; by default here. Made if need be.", file_okay=False)
    ] = Path(),
    name: Annotated[str | None, typer.Option(help="The project's name; by default the folder's.")] = None,
    json: Json = False,
) -> None:
    """Write a project that works at once: environments, a demo service, the program for plain pulumi.

    Overwrites nothing.
    """
    from ecs_stack import project
    from ecs_stack.render.output import Output

    Output(json=json).init(project.init(folder, name))


def doctor(
    name: OptionalName = None,
    report: Annotated[
        bool,
        typer.Option(
            "--report",
            help="Also pack what a bug report needs into one file: versions, these checks, logs; no secrets.",
        ),
    ] = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Check what is needed, and say how to fix what is missing.

    Engine, folder, disk, and what the environments need: Docker, images and ports for the local target; plugins, clock,
    credentials and account for AWS. Exits with 1 if a check fails. Missing credentials only fail if ENV is named.
    """
    from ecs_stack.doctor import examine
    from ecs_stack.render.output import Output

    try:
        project: Path | None = find_root(root)
    except RefusedError:
        if name is not None or report:
            raise
        project = None
    found = examine(project, name)
    if report and project:
        from ecs_stack.report import pack

        found = replace(found, archive=pack(project, found.checks))
    Output(json=json).doctor(found)
    if not found.ok:
        raise typer.Exit(UNWELL)


def validate(name: OptionalName = None, json: Json = False, root: Root = None) -> None:
    """Check environment files, without an engine and without AWS.

    Exits with 2 if one is wrong, and names each problem with its file, line and column.
    """
    from ecs_stack import project
    from ecs_stack.render.output import Output

    Output(json=json).valid(project.validate(find_root(root), name))
