"""Takes away ephemeral environments that have expired or whose pull request is closed, and what killed runs left.

>>> from ecs_stack import prune_ephemeral
>>> receipt = prune_ephemeral(Path("."), keep_open=["github:acme/shop"], dry_run=True)
>>> [(each.environment, each.why) for each in receipt.going]
[('pr-17', "its pull request isn't open")]
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ecs_stack import standing
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import PruneFailedError
from ecs_stack.progress import OnProgress, guarded
from ecs_stack.pruning import keep_open as requests
from ecs_stack.pruning.act import Pruner, absence
from ecs_stack.pruning.look import Look, look
from ecs_stack.pruning.results import Absence, Going, Outcome, PruneReceipt
from ecs_stack.rules import ephemeral as rules
from ecs_stack.rules.tags import ENVIRONMENT, PROJECT


def prune_ephemeral(
    root: Path,
    *,
    keep_open: Sequence[str] | None = None,
    dry_run: bool = False,
    wait: bool = False,
    on_progress: OnProgress | None = None,
    cancellation: Cancellation | None = None,
) -> PruneReceipt:
    """Takes away every ephemeral environment of the project in ``root`` that has expired or that a killed run left
    unfinished, and what carries the tags of one and no stack knows of; with ``dry_run`` it only says so.

    ``keep_open`` names what has an open pull request: environments, branches, numbers, or repositories whose forge is
    asked (``github:OWNER/REPOSITORY``, ``gitlab:GROUP/PROJECT``). Then those of other pull requests go, too. Protected
    ones stay, and everything that isn't an ephemeral environment. So does what another run is changing; ``wait`` waits
    for that run, and then looks whether it still has to go.

    Raises RefusedError, and touches nothing, if what there is can't be told: a file or a state can't be read, no
    account is reached, this machine's clock is wrong. Raises PruneFailedError, with the receipt, if something couldn't
    be deleted or a forge doesn't say what is open; all else is done. InterruptedRunError after ``cancellation``.
    """
    on_progress = guarded(on_progress)
    cancellation = cancellation or Cancellation()
    keep = None if keep_open is None else requests.read(keep_open, os.environ)
    found = look(root.resolve(), keep, on_progress, wait=wait)
    going, proof = tuple(case.result for case in found.cases), tuple[Absence, ...]()
    if not dry_run and going:
        done = Pruner(found, on_progress, cancellation).run()
        going, proof = done.going, absence(found, done)
    if not dry_run:
        standing.tidy(found.root)
    receipt = _receipt(found, going, proof, dry_run)
    failed = [f"{each.environment}: {each.problem}" for each in going if each.outcome is Outcome.FAILED]
    left = [f"{each.kind} {identity} is still there" for each in proof for identity in each.left]
    if problems := (*found.problems, *failed, *left):
        raise PruneFailedError(
            "not everything could be pruned",
            problems=problems,
            hint="What is left is found by the next prune.",
            receipt=replace(receipt, problems=problems),
        )
    return receipt


def _receipt(found: Look, going: tuple[Going, ...], proof: tuple[Absence, ...], dry_run: bool) -> PruneReceipt:
    sites = dict.fromkeys(found.sites.reached.values())
    return PruneReceipt(
        dry_run=dry_run,
        at=found.at.replace(microsecond=0),
        going=going,
        staying=tuple(found.staying),
        looked_in=tuple(site.looked_in for site in sites),
        tags={
            PROJECT: (found.project,),
            ENVIRONMENT: tuple(each.environment for each in going),
            rules.HOST_TAG: tuple(sorted({each.host for each in going if each.host})),
        },
        absence=proof,
        problems=tuple(found.problems),
        duration=time.monotonic() - found.started,
    )


__all__ = ["prune_ephemeral"]
