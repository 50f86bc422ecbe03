"""The accounts and regions that a project's ephemeral environments may be in, and what these credentials reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from ecs_stack import spec, targets
from ecs_stack.errors import RefusedError
from ecs_stack.operations import clock, orphans
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.tagged import ClientFactory, Known, Orphan, Scope
from ecs_stack.pruning.results import LookedIn
from ecs_stack.rules import ephemeral as rules
from ecs_stack.rules.tags import ENVIRONMENT, PROJECT
from ecs_stack.standing import Standing
from ecs_stack.targets import Target

#: Target, region, account.
Key = tuple[str, str, str | None]
#: A kind of resource, and one of that kind.
Found = tuple[str, Orphan]


@dataclass(frozen=True)
class Site:
    """A region of an account that answers. ``now`` is the time there, as far as this machine's agrees."""

    target: Target
    account: str | None
    now: datetime
    client: ClientFactory = field(repr=False)

    @property
    def looked_in(self) -> LookedIn:
        """For receipts."""
        return LookedIn(target=self.target.name, region=self.target.region, account=self.account)

    def find(self, project: str, known: Known, names: Iterable[str] | None = None) -> list[Found]:
        """What ephemeral environments of the project have here that isn't ``known``; of all, or of those called so."""
        marks = frozenset({ENVIRONMENT, rules.HOST_TAG})
        scope = Scope(None, {PROJECT: project}, known, self.client, marks)
        with translated(project):
            found = orphans.find(scope, orphans.EPHEMERAL)
        wanted = None if names is None else set(names)
        return [each for each in found if wanted is None or each[1].tags[ENVIRONMENT] in wanted]


@dataclass(frozen=True)
class Sites:
    """``reached`` are those that answer, ``refused`` says why the others don't."""

    reached: Mapping[Key, Site]
    refused: Mapping[Key, RefusedError]

    def of(self, key: Key | None) -> Site | None:
        """The site of an environment; None if it isn't known, or isn't reached."""
        return self.reached.get(key) if key else None


def of_file(described: spec.Environment) -> Key:
    """Where a file says that its environment is."""
    return described.target, described.region, described.account


def of_stack(found: Standing) -> Key | None:
    """Where a stack's resources are; None if its state has none that tells."""
    target = targets.of_accounts(found.accounts)
    if found.region is None or target is None:
        return None
    return target, found.region, targets.account_of(found.accounts)


def reach(root: Path, keys: Iterable[Key]) -> Sites:
    """Connects to each of them. Raises RefusedError if none answers, or a clock is wrong."""
    wanted = _merged(keys)
    reached: dict[Key, Site] = {}
    refused: dict[Key, RefusedError] = {}
    for actual in dict.fromkeys(wanted.values()):
        name, region, account = actual
        target = targets.make(name, root, region)
        try:
            target.wake()
            target.identify(account=account)
        except RefusedError as error:
            refused[actual] = error
            continue
        client = target.connect()
        with translated(region):
            now = clock.agreed(client("sts"))
        reached[actual] = Site(target, account, now, client)
    if refused and not reached:
        raise next(iter(refused.values()))
    return Sites(
        {key: reached[actual] for key, actual in wanted.items() if actual in reached},
        {key: refused[actual] for key, actual in wanted.items() if actual in refused},
    )


def _merged(keys: Iterable[Key]) -> dict[Key, Key]:
    """A file that names no account means the one in which the others of its region are."""
    listed = sorted(set(keys), key=str)
    numbered = {(name, region): account for name, region, account in listed if account}
    local = targets.LocalTarget.name
    return {
        key: (key[0], key[1], None if key[0] == local else key[2] or numbered.get((key[0], key[1]))) for key in listed
    }
