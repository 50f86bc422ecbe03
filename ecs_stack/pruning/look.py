"""What there is, and what of it goes: by the states, by tags on AWS, by the time, by which pull requests are open.

States are read first, so that only what none of them knows is asked for its tags. So an environment that another run is
making meanwhile can look like an orphan: its lock, and its state as it is by then, are looked at before it is one.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ecs_stack import recovery, spec, standing, states
from ecs_stack.automation import unlocking
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import was_ending
from ecs_stack.errors import EcsStackError, LockedError
from ecs_stack.operations.tagged import Known
from ecs_stack.progress import OnProgress
from ecs_stack.pruning import sites as places
from ecs_stack.pruning.judging import Verdict, judge
from ecs_stack.pruning.keep_open import KeepOpen, OpenRequests
from ecs_stack.pruning.results import Going, Ground, Reason, Staying
from ecs_stack.pruning.sites import Found, Site, Sites
from ecs_stack.results import Progress
from ecs_stack.rules import ephemeral as rules
from ecs_stack.rules.tags import ENVIRONMENT
from ecs_stack.standing import Standing
from ecs_stack.targets import LocalTarget

#: The kind that says nothing of whether an environment lives: revisions are kept for deployments that go back.
REVISIONS = "task definition"


@dataclass(frozen=True)
class Case:
    """What goes. ``found`` is its stack, None if only ``orphans`` do; ``home`` is where its stack is, or would be."""

    result: Going
    found: Standing | None
    home: Backend
    site: Site | None
    orphans: tuple[Found, ...] = ()


@dataclass
class Look:
    """All that was found. ``known`` is what the states have, by stack."""

    root: Path
    project: str
    at: datetime
    keep: OpenRequests | None
    sites: Sites
    backends: Sequence[Backend]
    wait: bool
    known: Mapping[str, frozenset[str]]
    cases: list[Case] = field(default_factory=list)
    staying: list[Staying] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    started: float = field(default_factory=time.monotonic)

    def verdict(self, found: Standing, site: Site | None) -> Verdict:
        """Whether a stack goes, as its state is now."""
        return judge(found, site.now if site else self.at, self.keep, ending=was_ending(found.backend, found.name))

    def busy(self, backend: Backend, name: str) -> str | None:
        """Why a stack can't be deleted now; None if it can, or if that is waited for."""
        try:
            unlocking.refuse_if_locked(backend, name, unless_abandoned=self.at)
        except LockedError as error:
            return None if self.wait else error.message
        return None


def look(root: Path, keep: KeepOpen | None, on_progress: OnProgress | None, *, wait: bool = False) -> Look:
    """See the module. With ``wait`` what another run is changing counts as what it is now.

    Raises RefusedError if nothing can be judged: a file is wrong, no account is reached, a clock is wrong, a state
    can't be read.
    """
    started = time.monotonic()
    if on_progress:
        on_progress(Progress(message="looking at what there is"))
    # A file that is wrong raises: its state would stay unread, and what it knows would look like orphans.
    described = {name: spec.load(root, name) for name in spec.names(root)}
    for each in described.values():
        states.wake(root, each)
    backends = standing.places(root)
    every = [pair for backend in backends for pair in standing.every(backend)]
    stacks = [found for found, _ in every]
    known: dict[str, frozenset[str]] = {}
    for found, resources in every:
        known[found.name] = known.get(found.name, frozenset()) | recovery.known(resources).ids
    homes = {found.name: found for found in stacks if found.host is None and found.resources}
    hosts = {
        name: (places.of_stack(homes[name]) if name in homes else None) or places.of_file(each)
        for name, each in described.items()
        if each.hosts_ephemeral
    }
    mine = [found for found in stacks if found.host is not None or _is_empty(found, described)]
    reached = places.reach(root, [*hosts.values(), *filter(None, map(places.of_stack, mine))])
    problems: list[str] = []
    result = Look(
        root=root,
        project=Backend.local(root).project,
        at=min((site.now for site in reached.reached.values()), default=datetime.now(UTC)),
        keep=_resolved(keep, problems),
        sites=reached,
        backends=backends,
        known=known,
        problems=problems,
        started=started,
        wait=wait,
    )
    orphans = _orphans(result)
    for found in mine:
        _stack(result, found, orphans.pop(found.name, []))
    for name, some in sorted(orphans.items()):
        _without_stack(result, name, some, homes, described)
    result.cases.sort(key=lambda case: case.result.environment)
    result.staying.sort(key=lambda each: each.environment)
    return result


def _is_empty(found: Standing, described: Mapping[str, spec.Environment]) -> bool:
    """Whether it is what the first up of an ephemeral environment leaves that was killed before it made anything."""
    return not found.resources and found.name not in described and rules.name_problem(found.name) is None


def _resolved(keep: KeepOpen | None, problems: list[str]) -> OpenRequests | None:
    try:
        return keep.resolve() if keep else None
    except EcsStackError as error:
        problems.append(f"which pull requests are open isn't known, so none counts as closed: {error.message}")
        return None


def _orphans(look: Look) -> dict[str, list[tuple[Site, Found]]]:
    """What has the tags of an ephemeral environment and is in no state, by environment."""
    ids = Known(frozenset().union(*look.known.values()))
    orphans: dict[str, list[tuple[Site, Found]]] = {}
    for site in dict.fromkeys(look.sites.reached.values()):
        for each in site.find(look.project, ids):
            orphans.setdefault(each[1].tags[ENVIRONMENT], []).append((site, each))
    return orphans


def _stack(look: Look, found: Standing, orphans: list[tuple[Site, Found]]) -> None:
    key = places.of_stack(found)
    site = look.sites.of(key)
    refused = look.sites.refused.get(key) if key else None
    if refused:
        _stays(look, found, Reason.ELSEWHERE, refused.message)
        return
    verdict = look.verdict(found, site)
    # Of one whose stack stays, a deployment may go back to a revision that the state doesn't have.
    own = [each for _, each in orphans if verdict.ground or each[0] != REVISIONS]
    if verdict.ground is None:
        _stays(look, found, verdict.reason or Reason.ALIVE, verdict.why)
        if verdict.reason is Reason.PROTECTED or not own:
            return
    if busy := look.busy(found.backend, found.name):
        if verdict.ground:
            _stays(look, found, Reason.BUSY, busy)
        return
    if own:
        now_known = known_now(found.backend, found.name)
        own = [each for each in own if each[1].identity not in now_known]
    why, ground = verdict.why, verdict.ground
    if ground is None:
        if not own:
            return
        ground, why = Ground.ORPHANED, "its state doesn't know of them, for a run was cut short"
    going = Going(
        environment=found.name,
        ground=ground,
        why=why,
        host=found.host,
        owner=found.owner,
        expires=found.expires,
        resources=found.resources if verdict.ground else 0,
        orphans=tuple(f"{kind} {orphan.identity}" for kind, orphan in own),
    )
    at = site or (orphans[0][0] if orphans else None)
    look.cases.append(Case(going, found, found.backend, at, tuple(own)))


def _without_stack(
    look: Look,
    name: str,
    some: list[tuple[Site, Found]],
    homes: Mapping[str, Standing],
    described: Mapping[str, spec.Environment],
) -> None:
    """Resources with our tags and no stack. They go at once if their stack would be where every user of the account
    looks for it: beside their host's, and not in somebody's folder. Otherwise only what has expired does."""
    tags = [orphan.tags for _, (_, orphan) in some]
    host, site = tags[0].get(rules.HOST_TAG), some[0][0]
    expires, pinned = _end(tags)
    home = homes.get(host or "")
    by_tag = f"{len(some)} resources have its tags, and no stack does"
    stays: tuple[Reason, str] | None = None
    if name in described or name in look.known:
        stays = Reason.UNSURE, f"{by_tag}; the environment of that name isn't an ephemeral one"
    elif any(rules.PROTECT_TAG in each for each in tags):
        stays = Reason.PROTECTED, f"it is protected; {by_tag}"
    elif not (expires and expires <= site.now) and not (home and _is_shared(home, site)):
        until = "it is pinned" if pinned else f"until it expires, {rules.stamp(expires)}" if expires else "undated"
        stays = Reason.UNSURE, f"{by_tag}: it may be in a state that isn't seen from here ({until})"
    backend = home.backend if home else look.backends[0] if look.backends else Backend.local(look.root)
    if stays is None and (busy := look.busy(backend, name)):
        stays = Reason.BUSY, busy
    if stays:
        look.staying.append(Staying(environment=name, host=host, reason=stays[0], why=stays[1]))
        return
    going = Going(
        environment=name,
        ground=Ground.ORPHANED,
        why=by_tag,
        host=host,
        owner=next((each[rules.OWNER_TAG] for each in tags if rules.OWNER_TAG in each), None),
        expires=expires,
        resources=0,
        orphans=tuple(f"{kind} {orphan.identity}" for _, (kind, orphan) in some),
    )
    look.cases.append(Case(going, None, backend, site, tuple(each for _, each in some)))


def _is_shared(home: Standing, site: Site) -> bool:
    """Whether the host is at this site, and its state where no user of the site has another."""
    if site is None or places.of_stack(home) is None:
        return False
    name, region, account = places.of_stack(home) or ("", "", None)
    if (name, region) != (site.target.name, site.target.region) or account != (site.account or account):
        return False
    return name == LocalTarget.name or not home.backend.url.startswith("file:")


def _end(tags: Sequence[Mapping[str, str]]) -> tuple[datetime | None, bool]:
    """When what has these tags expires, and whether it is pinned. A tag that can't be read pins, too."""
    moments: list[datetime] = []
    for each in tags:
        try:
            moment = rules.moment(each[rules.EXPIRES_TAG]) if rules.EXPIRES_TAG in each else datetime.min
        except ValueError:
            moment = None
        if moment is None:
            return None, True
        if moment is not datetime.min:
            moments.append(moment)
    return max(moments, default=None), False


def _stays(look: Look, found: Standing, reason: Reason, why: str) -> None:
    look.staying.append(Staying(environment=found.name, host=found.host, reason=reason, why=why))


def known_now(backend: Backend, name: str) -> frozenset[str]:
    """What the stack's state has now; nothing without a stack."""
    return frozenset() if backend.has(name) is False else recovery.known(standing.resources_of(backend, name)).ids
