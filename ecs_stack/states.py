"""Where an environment's state is kept, by its file and by what the user configured, and how it is reached there.

On aws: PULUMI_BACKEND_URL, the file's `state.backend`, Pulumi.yaml's `backend.url`, or the project's folder, in that
order.
On local: the file's, or the project's folder; what is configured for real accounts isn't meant.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ecs_stack import spec, targets
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Stack, StackSummary, stacks
from ecs_stack.automation.store import Store
from ecs_stack.errors import RefusedError
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.describe import cluster_of
from ecs_stack.operations.state_bucket import BucketStore
from ecs_stack.rules import state as rules
from ecs_stack.targets import Session, Target


@dataclass(frozen=True)
class _Reach:
    """State, or the key for it, on a target's AWS. ``bucket`` is None where the engine alone can read the state."""

    target: Target
    bucket: rules.Bucket | None
    environment: str
    account: str | None

    def variables(self, base: Mapping[str, str]) -> Mapping[str, str]:
        """See automation.backend.Reach."""
        return self.target.variables(base)

    def store(self) -> Store | None:
        """See automation.backend.Reach."""
        if self.bucket is None:
            return None
        at = targets.make(self.target.name, self.target.root, self.bucket.region)
        with translated(self.environment):
            s3 = at.connect()("s3")
        return BucketStore(s3, self.bucket, self.environment, self.account)


def backend_of(root: Path, described: spec.Environment) -> Backend:
    """The state of the environment that a file describes."""
    declared, region = described.state, described.region
    local = described.target == targets.LocalTarget.name
    url = rules.engine_backend(declared.backend, region, emulated=local) if declared.backend else None
    secrets = rules.engine_secrets(declared.secrets, region)
    if local:
        backend = Backend.local(root)
        backend = replace(backend, url=url) if url else backend
    else:
        backend = Backend.configured(root, os.environ, url)
    bucket = rules.bucket(backend.url, region)
    reach = None
    if bucket or (secrets or "").startswith("awskms://"):
        account = None if local else described.account
        reach = _Reach(targets.make(described.target, root, region), bucket, described.name, account)
    return replace(backend, secrets=secrets, reach=reach)


def backends(root: Path, described: spec.Environment | None) -> list[Backend]:
    """Every place where a stack may be; without a file that describes it, those that need none, and those of the
    environments that host ephemeral ones."""
    if described is not None:
        return [backend_of(root, described)]
    found = {each.url: each for each in (Backend.local(root), Backend.configured(root, os.environ))}
    for each in spec.load_all(root).values():
        if each.hosts_ephemeral:
            backend = backend_of(root, each)
            found.setdefault(backend.url, backend)
    return list(found.values())


def wake(root: Path, described: spec.Environment) -> None:
    """Starts what the state is reached through: the local cloud, if that has the bucket or the key."""
    reach = backend_of(root, described).reach
    if isinstance(reach, _Reach):
        reach.target.wake()


def refuse_elsewhere(root: Path, name: str, backend: Backend, session: Session) -> None:
    """Refuses to make a stack whose environment has one already, in another place: all of it would be made twice."""
    hint = (
        "Put `state` (or PULUMI_BACKEND_URL) back to where the stack is; or move it with plain pulumi: `pulumi stack "
        "export` there, `pulumi stack init` and `pulumi stack import` here (docs/state.md has the steps)."
    )
    here = Backend.local(root)
    if here != backend and here.has(name):
        raise RefusedError(
            f"the stack of {name} is in {here.place}, and its state belongs in {backend.place}", hint=hint
        )
    with translated(name):
        cluster = cluster_of(backend.project, name, ecs=session.clusters())
    if cluster:
        raise RefusedError(
            f"there is no stack of {name} in {backend.place}, and yet its cluster is there ({cluster}): "
            "its state is kept somewhere else",
            hint=hint,
        )


def refuse_encrypted_otherwise(name: str, stack: Stack, backend: Backend) -> None:
    """Refuses a stack whose secrets are encrypted with something else than its file names; nothing named: with any."""
    if backend.secrets is None:
        return
    found = stack.encryption()
    if found and found.provider != backend.secrets:
        raise RefusedError(
            f"the secrets in the state of {name} are encrypted with {found.provider}, and its file says "
            f"{backend.secrets}",
            hint=f"Put {found.provider} back into the file, or change it in the state, with plain pulumi: "
            f"`pulumi stack change-secrets-provider '{backend.secrets}' --stack {name}`.",
        )


@dataclass(frozen=True)
class Listed:
    """A stack as the place lists it where it belongs, and why there is none to be seen, if that is wrong."""

    stack: StackSummary | None
    problem: str | None


def listed(
    root: Path, declared: Mapping[str, spec.Environment | None], engine: Callable[[], Engine]
) -> dict[str, Listed]:
    """The stacks in every place that a file names, and every environment in ``declared`` (None: its file is wrong).

    A place that can't be looked at is the problem of the environments that are kept there, and of no other.
    """
    homes = {name: backend_of(root, described) for name, described in declared.items() if described}
    places = {backend.url: backend for backend in (*backends(root, None), *homes.values())}
    found: dict[str, dict[str, StackSummary]] = {}
    problems: dict[str, str] = {}
    for url, backend in places.items():
        try:
            known = () if backend.is_empty() else stacks(backend, engine=engine(), environment=os.environ)
        except RefusedError as error:
            if url not in {home.url for home in homes.values()}:
                raise
            problems[url] = error.message
        else:
            found[url] = {stack.name: stack for stack in known}
    names = {*declared, *(name for known in found.values() for name in known)}
    return {name: _listed(name, homes.get(name), places, found, problems) for name in names}


def _listed(
    name: str,
    home: Backend | None,
    places: Mapping[str, Backend],
    found: Mapping[str, Mapping[str, StackSummary]],
    problems: Mapping[str, str],
) -> Listed:
    holding = {url: known[name] for url, known in found.items() if name in known}
    if home is None or home.url in holding:
        return Listed(holding.get(home.url) if home else next(iter(holding.values()), None), None)
    problem = problems.get(home.url)
    if problem is None and holding:
        problem = f"its stack is in {places[next(iter(holding))].place}, and its state belongs in {home.place}"
    return Listed(None, problem)
