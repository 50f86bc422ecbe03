"""ephemeral: environments that stand on another one for a while, one per pull request."""

from __future__ import annotations

from typing import Annotated

import typer

from ecs_stack.commands import completion
from ecs_stack.commands.options import Json, Root, Verbose, Wait, find_root
from ecs_stack.commands.recording import recorded
from ecs_stack.errors import NotFoundError, RefusedError

app = typer.Typer(
    help="Ephemeral environments: one per pull request, on the network, cluster and load balancer of another.",
    no_args_is_help=True,
)

Name = Annotated[
    str, typer.Argument(metavar="NAME", help="The ephemeral environment.", autocompletion=completion.ephemeral)
]
Ttl = Annotated[
    str | None, typer.Option(metavar="TIME", help="How long it lives from now on: 90m, 72h, 7d; none: until it goes.")
]

Protect = Annotated[
    bool | None, typer.Option("--protect/--no-protect", help="Whether a prune leaves it alone; by default as before.")
]


@app.command()
def up(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="[NAME]", help="Such as pr-42; made of --branch without it.", autocompletion=completion.ephemeral
        ),
    ] = None,
    image: Annotated[
        list[str] | None, typer.Option(metavar="SERVICE=REFERENCE", help="Make this service, with this image.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="FIELD=VALUE", help="Such as services.api.environment.LOG_LEVEL=debug."),
    ] = None,
    host: Annotated[
        str | None,
        typer.Option(
            metavar="ENV",
            help="The environment that it stands on; by default the template's.",
            autocompletion=completion.environments,
        ),
    ] = None,
    ttl: Ttl = None,
    branch: Annotated[str | None, typer.Option(help="The template's {branch}.")] = None,
    sha: Annotated[str | None, typer.Option(help="The template's {sha}: the commit.")] = None,
    owner: Annotated[str | None, typer.Option(help="Whose it is; by default who pushed, or who is signed in.")] = None,
    protect: Protect = None,
    wait: Wait = False,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Make an ephemeral environment, or change it in place, and print where it answers.

    It is what envs/preview.yaml and this command say: what an earlier command said is forgotten. Only the services that
    one of them names are made; requests for the others go to the host's. Asks nothing. Its time to live starts anew.
    """
    from ecs_stack.ephemeral import Ephemeral
    from ecs_stack.render.output import Output

    output, folder = Output(json=json), find_root(root)
    if name is not None:
        environment = Ephemeral(folder, name)
    elif branch is not None:
        environment = Ephemeral.of_branch(folder, branch)
    else:
        raise RefusedError("it needs a name", hint="Name it, or have a name made of --branch.")
    with recorded(output, folder, "ephemeral-up", environment.name, verbose) as log, output.progress() as steps:
        receipt = environment.up(
            images=_images(image or ()),
            settings=set_ or (),
            host=host,
            ttl=ttl,
            branch=branch,
            sha=sha,
            owner=owner,
            protect=protect,
            on_progress=log.steps(steps),
            wait=wait,
        )
        log.changes("changed", receipt.changes)
    output.ephemeral_up(receipt)


@app.command()
def extend(
    name: Name,
    ttl: Ttl = None,
    protect: Protect = None,
    wait: Wait = False,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Let an ephemeral environment live on: for --ttl from now on, or as long as its last up said.

    Changes nothing else of it, whatever the files say by now.
    """
    from ecs_stack.ephemeral import Ephemeral
    from ecs_stack.render.output import Output

    output, folder = Output(json=json), find_root(root)
    with recorded(output, folder, "ephemeral-extend", name, verbose) as log, output.progress() as steps:
        receipt = Ephemeral(folder, name).extend(ttl, protect=protect, on_progress=log.steps(steps), wait=wait)
        log.changes("changed", receipt.changes)
    output.ephemeral_extend(receipt)


@app.command()
def down(
    name: Name,
    missing_ok: Annotated[bool, typer.Option("--missing-ok", help="That there is none is no failure.")] = False,
    wait: Wait = False,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Delete an ephemeral environment. Asks nothing, and touches no other kind."""
    from ecs_stack.ephemeral import Ephemeral
    from ecs_stack.render.output import Output
    from ecs_stack.results import ChangeSummary, DestroyReceipt

    output, folder = Output(json=json), find_root(root)
    with recorded(output, folder, "ephemeral-down", name, verbose) as log, output.progress() as steps:
        try:
            receipt = Ephemeral(folder, name).down(on_progress=log.steps(steps), wait=wait)
        except NotFoundError:
            if not missing_ok:
                raise
            receipt = DestroyReceipt(environment=name, changes=(), summary=ChangeSummary(), duration=0.0)
        log.changes("changed", receipt.changes)
    output.destroy(receipt)


@app.command()
def prune(
    keep_open: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LIST",
            help="What has an open pull request: names, branches or numbers, with commas between (none: not one); "
            "@FILE and - (stdin) read such a list; github:OWNER/REPOSITORY and gitlab:GROUP/PROJECT ask there.",
        ),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Take it away, and don't only say what would go.")] = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait for what another run is changing; otherwise that stays.")
    ] = False,
    verbose: Verbose = False,
    json: Json = False,
    root: Root = None,
) -> None:
    """Take away what has expired, and what killed runs left: unfinished, empty, or known to no stack.

    With --keep-open also what was made for a pull request that isn't open any more. Without --yes it only says what
    would go and why. Protected environments stay, and so does everything that isn't an ephemeral environment of this
    project. Exits with 1 if something couldn't be deleted, or a forge didn't say what is open; all else is done then.
    """
    from ecs_stack.commands.lists import items
    from ecs_stack.pruning.prune import prune_ephemeral
    from ecs_stack.render.output import Output

    output, folder = Output(json=json), find_root(root)
    keep = None if keep_open is None else items("--keep-open", keep_open)
    with recorded(output, folder, "ephemeral-prune", "all", verbose) as log, output.progress() as steps:
        receipt = prune_ephemeral(folder, keep_open=keep, dry_run=not yes, wait=wait, on_progress=log.steps(steps))
        for each in receipt.going:
            log.write(f"{each.environment}: {each.ground} ({each.why}): {each.outcome}")
    output.prune(receipt)


@app.command("list")
def list_(json: Json = False, root: Root = None) -> None:
    """List the ephemeral environments: whose they are, when they expire, where they answer, how they are."""
    from ecs_stack.ephemeral_list import list_ephemeral
    from ecs_stack.render.output import Output

    Output(json=json).ephemeral_list(list_ephemeral(find_root(root)))


def _images(given: list[str] | tuple[str, ...]) -> dict[str, str]:
    images: dict[str, str] = {}
    for each in given:
        service, equals, reference = each.partition("=")
        if not (equals and service and reference):
            raise RefusedError(f"--image {each} must be SERVICE=REFERENCE, such as api=ghcr.io/acme/api:1.4.2")
        if service in images:
            raise RefusedError(f"--image names {service} twice")
        images[service] = reference
    return images
