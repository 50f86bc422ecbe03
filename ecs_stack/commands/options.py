"""The arguments and options that several commands share, and how their values are read."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ecs_stack.commands import completion
from ecs_stack.errors import RefusedError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class TargetName(StrEnum):
    """Where an environment runs."""

    aws = "aws"
    local = "local"


Name = Annotated[
    str, typer.Argument(metavar="ENV", help="The environment: envs/ENV.yaml.", autocompletion=completion.environments)
]
Target = Annotated[
    TargetName | None,
    typer.Option(help="Run on this target, whatever the environment file says. A stack stays where it was made."),
]
Verbose = Annotated[
    bool, typer.Option("--verbose", "-v", help="Show what goes into the run's log, in .ecs-stack/logs/, as it happens.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Don't ask.")]
Refresh = Annotated[
    bool, typer.Option("--refresh", help="First look how every resource is now, and put right what others changed.")
]
Wait = Annotated[bool, typer.Option("--wait", help="Wait while another run changes the environment.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Root = Annotated[
    Path | None,
    typer.Option(
        help="The project's folder. By default the nearest one upwards that has Pulumi.yaml or envs/.",
        file_okay=False,
        exists=True,
    ),
]


def find_root(given: Path | None) -> Path:
    """The project's folder. Raises RefusedError outside of one."""
    if given is not None:
        return given.resolve()
    here = Path.cwd()
    for folder in (here, *here.parents):
        if (folder / "Pulumi.yaml").is_file() or (folder / "envs").is_dir():
            return folder
    raise RefusedError(
        f"{here} isn't in an ecs-stack project: no folder upwards has Pulumi.yaml or envs/",
        hint="Go to the project's folder, or name it with --root.",
    )


def moment(text: str, now: datetime) -> datetime:
    """``10m``, ``2h``, ``1d`` before ``now``, or a time such as ``2026-05-01T10:00`` (UTC without an offset)."""
    if found := re.fullmatch(r"(\d+)([smhd])", text):
        return now - timedelta(**{_UNITS[found[2]]: int(found[1])})
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(
            f"'{text}' is neither a time span such as 10m, 2h or 1d nor a time such as 2026-05-01T10:00"
        ) from error
    return at if at.tzinfo else at.replace(tzinfo=UTC)
