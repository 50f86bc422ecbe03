"""Which ephemeral environments there are, by their states: read without a start of the engine where that can be.

What a state says of a stack comes from its outputs and, as they are only there once an up got to its end, from the tags
of its resources.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ecs_stack import spec, states, targets
from ecs_stack.automation import state_file
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Stack, stacks
from ecs_stack.errors import NotFoundError, RefusedError
from ecs_stack.locate import Found, find_engine, read_outputs
from ecs_stack.outputs import StackOutputs
from ecs_stack.rules import ephemeral as rules

_STACK = "pulumi:pulumi:Stack"
_PROVIDER = "pulumi:providers:aws"
_RULE = "aws:lb/listenerRule:ListenerRule"
_TARGET_GROUP = "aws:lb/targetGroup:TargetGroup"
_SERVICE = "aws:ecs/service:Service"
#: States that are read at a time: from a bucket each takes some 50 ms.
_READERS = 16


@dataclass(frozen=True, kw_only=True)
class Standing:
    """A stack, as its state has it. ``host`` is None if nothing says that it is an ephemeral environment.

    ``expires`` is None if it never does, ``created`` if it isn't known. ``outputs`` are None before the first up that
    got to its end. ``priorities`` are those of the listener rules that are there, by service. ``services`` counts the
    ECS services among the ``resources``.
    """

    name: str
    backend: Backend
    host: str | None
    owner: str | None
    created: datetime | None
    expires: datetime | None
    outputs: StackOutputs | None
    region: str | None
    accounts: frozenset[str]
    priorities: Mapping[str, int]
    target_groups: int
    services: int
    resources: int
    protected: bool = False

    @property
    def facts(self) -> Any:
        """What it was made from (``outputs.EphemeralOutputs``). Raises NotFoundError before an up got to its end."""
        facts = self.outputs.ephemeral if self.outputs else None
        if facts is None:
            raise NotFoundError(
                f"the first up of {self.name} didn't finish, so what it is made from isn't known",
                hint=f"Run `ecs-stack ephemeral up {self.name}` again, or `ecs-stack ephemeral down {self.name}`.",
            )
        return facts

    def found(self, root: Path) -> Found:
        """Where it is, as runs take it. Raises NotFoundError without resources, RefusedError if nothing tells where."""
        if self.region is None:
            raise NotFoundError(
                f"the environment {self.name} has no resources",
                hint=f"`ecs-stack ephemeral up {self.name}` makes them.",
            )
        target = targets.of_accounts(self.accounts) or self._ground(root)
        return Found(
            self.backend, targets.make(target, root, self.region), self.outputs, targets.account_of(self.accounts)
        )

    def _ground(self, root: Path) -> str:
        """The target by the files of those that may be its host: of a down that was cut short nothing may be left that
        has an ARN."""
        found = {
            described.target
            for name, described in spec.load_all(root).items()
            if described.hosts_ephemeral and described.region == self.region and self.host in (None, name)
        }
        if len(found) > 1:
            raise RefusedError(
                f"what is left of {self.name} doesn't tell whether it is on {' or '.join(sorted(found))}",
                hint="Take `hosts_ephemeral` out of the file of the environment that isn't its host, and try again.",
            )
        return next(iter(found), targets.AwsTarget.name)


def find(backend: Backend, name: str, engine: Engine) -> Standing | None:
    """The stack called ``name``; None if there is none."""
    if not Stack(backend, name, engine=engine, environment=os.environ).exists():
        return None
    return of_resources(backend, name, resources_of(backend, name, engine))


def everywhere(root: Path) -> tuple[Standing, ...]:
    """Every ephemeral environment of the project, by name, wherever its environments' files say that state is kept."""
    return tuple(each for backend in places(root) for each in of(backend))


def locate(root: Path, name: str, engine: Engine) -> Standing:
    """The ephemeral environment called ``name``. Raises NotFoundError without one, RefusedError for another stack."""
    for backend in places(root):
        if (found := find(backend, name, engine)) is not None:
            refuse_ordinary(found)
            return found
    raise NotFoundError(
        f"there is no ephemeral environment {name}", hint="`ecs-stack ephemeral list` has those that there are."
    )


def refuse_ordinary(found: Standing) -> None:
    """Raises RefusedError for a stack that isn't an ephemeral environment's."""
    if found.host is None and found.resources:
        raise ordinary(found.name)


def ordinary(name: str) -> RefusedError:
    """The refusal of an environment that isn't ephemeral."""
    return RefusedError(
        f"the environment {name} isn't an ephemeral one, and its stack is left alone",
        hint=f"The verbs without `ephemeral` are for it: `ecs-stack status {name}`.",
    )


def of(backend: Backend, host: str | None = None) -> tuple[Standing, ...]:
    """The ephemeral environments that are kept in a place, those on ``host`` or all, by name."""
    return tuple(each for each, _ in every(backend) if each.host is not None and host in (None, each.host))


def every(backend: Backend) -> tuple[tuple[Standing, Sequence[Mapping[str, Any]]], ...]:
    """Every stack that is kept in a place, ephemeral or not, with the resources in its state, by name."""
    if backend.store is None:
        engine = find_engine()
        names = [each.name for each in stacks(backend, engine=engine, environment=os.environ)]
    else:
        engine, names = None, backend.stacks()

    def read(name: str) -> tuple[Standing, Sequence[Mapping[str, Any]]]:
        resources = resources_of(backend, name, engine)
        return of_resources(backend, name, resources), resources

    with ThreadPoolExecutor(_READERS) as readers:
        return tuple(readers.map(read, names))


def places(root: Path) -> list[Backend]:
    """Every place where the states of the project's environments are kept, and where there are any.

    One that can't be read raises RefusedError, unless it is of environments only that host none: what may change a
    host and its ephemeral environments often has no right to see production's state.
    """
    found = {backend.url: backend for backend in states.backends(root, None)}
    needed = set(found)
    for described in spec.load_all(root).values():
        backend = states.backend_of(root, described)
        found[backend.url] = backend
        if described.hosts_ephemeral:
            needed.add(backend.url)
    return [backend for backend in found.values() if not _is_empty(backend, needed=backend.url in needed)]


def _is_empty(backend: Backend, *, needed: bool) -> bool:
    try:
        return backend.is_empty()
    except RefusedError:
        if needed:
            raise
        return True


def tidy(root: Path) -> None:
    """Removes what runs leave of an ephemeral environment that are killed right after its stack was removed: copies of
    its state, and its work folder."""
    for backend in places(root):
        for name in backend.copies():
            if backend.has(name) or name in spec.names(root):
                continue
            state = state_file.copy(backend, name)
            if state is None:
                continue
            found = of_resources(backend, name, state.get("resources") or ())
            if found.host is not None or not found.resources:
                backend.forget(name)


def resources_of(backend: Backend, name: str, engine: Engine | None = None) -> Sequence[Mapping[str, Any]]:
    """The resources in the state of a stack that is there; without a start of the engine where that can be."""
    state = state_file.deployment(backend, name)
    if state is None:
        return Stack(backend, name, engine=engine or find_engine(), environment=os.environ).resources()
    return state.get("resources") or ()


def of_resources(backend: Backend, name: str, resources: Sequence[Mapping[str, Any]]) -> Standing:
    """What the resources of a state say of their stack."""
    exported: Mapping[str, Any] = next((_outputs(each) for each in resources if each["type"] == _STACK), {})
    outputs = read_outputs(exported)
    facts = outputs.ephemeral if outputs else None
    tags = [_inputs(each).get("tags") or {} for each in resources]
    return Standing(
        name=name,
        backend=backend,
        host=facts.host if facts else _first(tags, rules.HOST_TAG),
        owner=facts.owner if facts else _first(tags, rules.OWNER_TAG),
        created=rules.moment(facts.created) if facts else _oldest(resources),
        expires=_latest([*(each[rules.EXPIRES_TAG] for each in tags if rules.EXPIRES_TAG in each), *_expiry(facts)]),
        outputs=outputs,
        region=next((_inputs(each).get("region") for each in resources if each["type"] == _PROVIDER), None),
        accounts=frozenset(filter(None, map(_account, resources))),
        priorities={
            _called(each).removeprefix(f"{name}-"): int(_inputs(each)["priority"])
            for each in resources
            if each["type"] == _RULE and not each.get("delete")
        },
        target_groups=sum(each["type"] == _TARGET_GROUP for each in resources),
        services=sum(each["type"] == _SERVICE for each in resources),
        protected=(facts is not None and facts.protect) or _first(tags, rules.PROTECT_TAG) is not None,
        resources=sum(each["type"].startswith("aws:") for each in resources),
    )


def _expiry(facts: Any) -> list[str]:
    return [facts.expires] if facts else []


def _latest(stamps: Iterable[str]) -> datetime | None:
    """An up that was cut short has renewed some: the latest holds. None if it never expires, or nothing says when."""
    moments = [rules.moment(each) for each in stamps]
    return None if None in moments else max((each for each in moments if each), default=None)


def _first(tags: Iterable[Mapping[str, str]], key: str) -> str | None:
    return next((each[key] for each in tags if key in each), None)


def _oldest(resources: Iterable[Mapping[str, Any]]) -> datetime | None:
    return min((datetime.fromisoformat(each["created"]) for each in resources if each.get("created")), default=None)


def _account(resource: Mapping[str, Any]) -> str:
    parts = str(_outputs(resource).get("arn") or "").split(":")
    return parts[4] if len(parts) > 5 else ""


def _called(resource: Mapping[str, Any]) -> str:
    """The logical name."""
    return str(resource["urn"]).rsplit("::", 1)[-1]


def _inputs(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = resource.get("inputs") or {}
    return found


def _outputs(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = resource.get("outputs") or {}
    return found
