"""What a shell completes: the names of environments and services. Never an error: it would land on the command line."""

from __future__ import annotations

from pathlib import Path

import typer

from ecs_stack.errors import EcsStackError


def environments(ctx: typer.Context, incomplete: str) -> list[str]:
    """The environments of the project that the command would work on."""
    from ecs_stack import spec

    root = _root(ctx)
    return [] if root is None else [name for name in spec.names(root) if name.startswith(incomplete)]


def ephemeral(ctx: typer.Context, incomplete: str) -> list[str]:
    """The ephemeral environments of the project."""
    from ecs_stack import standing

    root = _root(ctx)
    try:
        found = standing.everywhere(root) if root else ()
    except EcsStackError:
        return []
    return sorted(each.name for each in found if each.name.startswith(incomplete))


def services(ctx: typer.Context, incomplete: str) -> list[str]:
    """The services of the environment that is named already, without those that are."""
    from ecs_stack import spec

    root, name = _root(ctx), ctx.params.get("name")
    if root is None or not name:
        return []
    try:
        known = spec.load(root, name).services
    except EcsStackError:
        return []
    named = ctx.params.get("services") or ()
    return sorted(each for each in known if each.startswith(incomplete) and each not in named)


def _root(ctx: typer.Context) -> Path | None:
    from ecs_stack.commands.options import find_root

    given = ctx.params.get("root")
    try:
        return find_root(Path(given) if given else None)
    except EcsStackError:
        return None
