"""The runs that change an ephemeral environment: up, extend, down.

An up previews nothing and asks nobody: what it makes is cheap, and nobody waits for it longer than need be.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ecs_stack import hosting, pricing, runs, spec, standing
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Stack, Update
from ecs_stack.cancellation import Cancellation
from ecs_stack.ephemeral_results import EphemeralReceipt, ExtendReceipt
from ecs_stack.errors import EcsStackError, NotFoundError, RefusedError, UpdateFailedError
from ecs_stack.locate import Found, Place, find_engine, read_outputs
from ecs_stack.operations import listener, rollout
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.listener import Listener
from ecs_stack.operations.verdict import raise_unless_reached
from ecs_stack.outputs import EXPORT, EphemeralOutputs, StackOutputs
from ecs_stack.progress import OnProgress, guarded
from ecs_stack.recovery import recover
from ecs_stack.results import ChangeSummary, DestroyReceipt, Progress
from ecs_stack.rules import ephemeral as rules
from ecs_stack.rules import routes
from ecs_stack.standing import Standing
from ecs_stack.targets import LocalTarget, Session

#: ELBv2's refusal of a priority that another rule took in the meantime (CreateRule).
_TAKEN = "PriorityInUse"
#: Each try chooses among 25,000 priorities, without those that were taken by then.
_TRIES = 10


@dataclass(frozen=True, kw_only=True)
class Order:
    """What an up is asked for. ``ttl`` None: as before for one that is pinned, the template's otherwise. ``owner`` is
    whose an environment that is new becomes, and every one with ``new_owner``. ``protect`` None: as before."""

    request: spec.Request
    ttl: str | None = None
    owner: str
    new_owner: bool = False
    protect: bool | None = None


def up(
    root: Path, order: Order, *, on_progress: OnProgress | None, wait: bool, cancellation: Cancellation
) -> EphemeralReceipt:
    """See ``Ephemeral.up``."""
    on_progress = guarded(on_progress)

    def run() -> EphemeralReceipt:
        with _in_its_verbs(order.request.name):
            return _up(root, order, on_progress, cancellation)

    return runs.patiently(f"the up of {order.request.name}", run, wait, on_progress, cancellation)


def extend(
    root: Path,
    name: str,
    ttl: str | None,
    protect: bool | None,
    *,
    on_progress: OnProgress | None,
    wait: bool,
    cancellation: Cancellation,
) -> ExtendReceipt:
    """See ``Ephemeral.extend``."""
    on_progress = guarded(on_progress)

    def run() -> ExtendReceipt:
        with _in_its_verbs(name):
            return _extend(root, name, ttl, protect, on_progress, cancellation)

    return runs.patiently(f"the extension of {name}", run, wait, on_progress, cancellation)


def down(
    root: Path, name: str, *, on_progress: OnProgress | None, wait: bool, cancellation: Cancellation
) -> DestroyReceipt:
    """See ``Ephemeral.down``."""
    on_progress = guarded(on_progress)

    def run() -> DestroyReceipt:
        with _in_its_verbs(name):
            return _down(root, name, on_progress, cancellation)

    return runs.patiently(f"the end of {name}", run, wait, on_progress, cancellation)


def _up(root: Path, order: Order, on_progress: OnProgress | None, cancellation: Cancellation) -> EphemeralReceipt:
    started = time.monotonic()
    described = spec.load_ephemeral(root, order.request)
    engine = find_engine(on_progress)
    host, outputs = _host(root, described.host, engine)
    described = described.borrowing(
        {name: (each.path, each.host) for name, each in outputs.services.items() if each.path is not None}
    )
    host.target.check(account=described.account, images=[each.image for each in described.services.values()])
    before = _standing(host, described, engine)
    Stack(host.backend, described.name, engine=engine, environment=os.environ).refuse_if_locked()
    with host.target.open() as session:
        stack = Stack(
            host.backend, described.name, engine=engine, environment=session.environment, cancellation=cancellation
        )
        runs.load_ahead(session)
        recover(stack, host.backend.project, session, on_progress)
        deployments: dict[str, str] = {}
        if before and before.outputs:
            with translated(described.name):
                deployments = rollout.deployments(before.outputs, ecs=session.client("ecs"))
        facts, update = _apply(stack, host, outputs, described, order, session, engine, on_progress)
        made = read_outputs(update.outputs)
        if made is None:
            raise EcsStackError(f"the stack of {described.name} has no output {EXPORT}")
        rollouts = runs.wait_for_rollouts(described.name, made, session, deployments, on_progress, cancellation)
        urls = host.target.urls(made)
    receipt = EphemeralReceipt(
        environment=described.name,
        changes=update.changes,
        summary=update.summary,
        rollouts=rollouts,
        urls=urls,
        duration=time.monotonic() - started,
        host=described.host,
        url=urls.get(routes.front(described.routes, rules.host_name(described.name, described.domain)) or ""),
        borrowed=tuple(described.borrowed),
        owner=facts.owner,
        created=datetime.fromisoformat(facts.created),
        expires=rules.moment(facts.expires),
        cost=pricing.daily(made),
        notes=_notes(described, outputs),
    )
    raise_unless_reached(receipt)
    return receipt


def _down(root: Path, name: str, on_progress: OnProgress | None, cancellation: Cancellation) -> DestroyReceipt:
    started = time.monotonic()
    engine = find_engine(on_progress)
    try:
        found = standing.locate(root, name, engine)
    except NotFoundError:
        standing.tidy(root)
        raise
    if found.region is not None:
        return runs.delete(name, found.found(root), engine, on_progress, None, cancellation)
    if name in spec.names(root):
        raise standing.ordinary(name)
    # A run was killed before it wrote down what it made, or after it deleted all of it.
    for target in hosting.reached(root):
        with target.open() as session:
            stack = Stack(
                found.backend, name, engine=engine, environment=session.environment, cancellation=cancellation
            )
            stack.refuse_if_locked()
            recover(stack, found.backend.project, session, on_progress)
            runs.deregister(name, found.backend.project, session)
    Stack(found.backend, name, engine=engine, environment=os.environ).forget()
    return DestroyReceipt(environment=name, changes=(), summary=ChangeSummary(), duration=time.monotonic() - started)


def _extend(
    root: Path,
    name: str,
    ttl: str | None,
    protect: bool | None,
    on_progress: OnProgress | None,
    cancellation: Cancellation,
) -> ExtendReceipt:
    """An up of what it was made from, whatever the files say by now, with another end: only tags and outputs differ."""
    started = time.monotonic()
    if ttl and (problem := rules.ttl_problem(ttl)):
        raise RefusedError(f"the time to live {problem}")
    engine = find_engine(on_progress)
    standing_ = standing.locate(root, name, engine)
    facts = standing_.facts
    _, outputs = _host(root, facts.host, engine)
    expires = rules.expiry(ttl or str(facts.spec["ttl"]), datetime.now(UTC))
    found = standing_.found(root)
    found.target.identify(account=found.account)
    with found.target.open() as session:
        stack = Stack(found.backend, name, engine=engine, environment=session.environment, cancellation=cancellation)
        stack.refuse_if_locked()
        runs.load_ahead(session)
        recover(stack, found.backend.project, session, on_progress)
        protected = facts.protect if protect is None else protect
        renewed = replace(facts, expires=rules.stamp(expires), protect=protected)
        update = stack.up(_program(renewed, outputs, found.backend.project), on_progress=on_progress)
    return ExtendReceipt(
        environment=name,
        expires=expires,
        changes=update.changes,
        summary=update.summary,
        duration=time.monotonic() - started,
    )


def _host(root: Path, name: str, engine: Engine) -> tuple[Found, StackOutputs]:
    """The environment that ephemeral ones stand on, and its outputs. Refuses one that isn't ready for it."""
    place = Place(root, name, spec.load(root, name))
    place.wake()
    host = place.find(engine)
    outputs = host.need_outputs(name)
    if outputs.load_balancer is None:
        raise RefusedError(
            f"the environment {name} has no load balancer, so nothing of an ephemeral environment would be reached",
            hint=f"Give a service of envs/{name}.yaml a route, then run `ecs-stack up {name}`.",
        )
    if not outputs.private_subnet_ids:
        raise RefusedError(
            f"an older ecs-stack applied {name}: its outputs don't have what an ephemeral environment needs",
            hint=f"Run `ecs-stack up {name}` once.",
        )
    if outputs.load_balancer.tasks_security_group_id is None:
        raise RefusedError(
            f"the environment {name} doesn't host ephemeral environments",
            hint=f"Write `hosts_ephemeral: true` into envs/{name}.yaml, then run `ecs-stack up {name}`.",
        )
    return host, outputs


def _standing(host: Found, described: spec.Ephemeral, engine: Engine) -> Standing | None:
    """The stack as it is now. Refuses one that isn't ephemeral, and one on another host."""
    found = standing.find(host.backend, described.name, engine)
    if found is None:
        return None
    standing.refuse_ordinary(found)
    if found.host not in (None, described.host):
        raise RefusedError(
            f"the environment {described.name} stands on {found.host}, not on {described.host}",
            hint=f"Take it down first: `ecs-stack ephemeral down {described.name}`.",
        )
    return found


def _apply(
    stack: Stack,
    host: Found,
    outputs: StackOutputs,
    described: spec.Ephemeral,
    order: Order,
    session: Session,
    engine: Engine,
    on_progress: OnProgress | None,
) -> tuple[EphemeralOutputs, Update]:
    """One engine run; and another each time that somebody took a priority first, which only the load balancer knows."""

    def once() -> tuple[EphemeralOutputs, Update]:
        found = standing.find(host.backend, described.name, engine)
        made_from: list[EphemeralOutputs] = []

        def run() -> None:
            # Here, and not before: the engine starts meanwhile.
            priorities = _priorities(described, outputs, found, session.client("elbv2"))
            made_from.append(_facts(described, order, found, priorities))
            _program(made_from[0], outputs, host.backend.project)()

        update = stack.up(run, on_progress=on_progress)
        return made_from[0], update

    for last in (*[False] * (_TRIES - 1), True):
        try:
            return once()
        except UpdateFailedError as error:
            if last or not any(_TAKEN in problem for problem in error.problems):
                raise
            if on_progress:
                on_progress(Progress(message="another environment took a listener rule's priority: taking the next"))
    raise AssertionError("the last try returns or raises")


def _priorities(
    described: spec.Ephemeral, outputs: StackOutputs, found: Standing | None, elbv2: Any
) -> Mapping[str, int]:
    kept = {name: at for name, at in (found.priorities if found else {}).items() if name in described.listener_rules}
    missing = described.listener_rules.keys() - kept.keys()
    if not missing or outputs.load_balancer is None:
        return kept
    balancer = outputs.load_balancer
    with translated(described.host):
        there = listener.look(elbv2, load_balancer_arn=balancer.arn, listener_arn=balancer.listener_arn)
    _refuse_taken(described, missing, there)
    groups = sum(service.route is not None for service in described.services.values())
    there.refuse_full(
        described.host,
        described.name,
        rules=len(missing),
        target_groups=max(groups - (found.target_groups if found else 0), 0),
    )
    return routes.ephemeral_priorities(described.listener_rules, kept=kept, taken=there.rules, seed=described.name)


def _refuse_taken(described: spec.Ephemeral, names: set[str], there: Listener) -> None:
    for name in sorted(names):
        route = described.routes[name]
        rule = there.places.get(((route.host or "").lower(), route.path))
        if rule:
            raise RefusedError(
                f"{route} is taken on the load balancer of {described.host}, by a rule that isn't in the state of "
                f"{described.name}: {rule}",
                hint="`ecs-stack ephemeral prune` removes what no stack knows of; otherwise take another name.",
            )


def _notes(described: spec.Ephemeral, outputs: StackOutputs) -> tuple[str, ...]:
    """What is left to do until it is reached: on AWS its names have to be in the DNS."""
    if described.target == LocalTarget.name or outputs.load_balancer is None:
        return ()
    unknown = sorted({route.host for route in described.routes.values() if route.host and not _resolves(route.host)})
    if not unknown:
        return ()
    missing = f"{', '.join(unknown)}: not in the DNS yet."
    if zone := outputs.load_balancer.zone:
        return (f"{missing} The record is in the hosted zone {zone}: if it stays so, the domain isn't delegated to it",)
    record = f"*.{described.domain} CNAME {outputs.load_balancer.dns_name}"
    return (f"{missing} One record serves all ephemeral environments: {record}",)


def _resolves(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except OSError:
        return False


def _program(facts: EphemeralOutputs, host: StackOutputs, project: str) -> Callable[[], None]:
    def run() -> None:
        from ecs_stack import ephemeral_program, program  # loaded while the engine starts

        program.load_sdk()
        ephemeral_program.build(facts, host, project)

    return run


@contextmanager
def _in_its_verbs(name: str) -> Iterator[None]:
    """What comes from below knows of environments only: what to do now is said with the verbs of ephemeral ones."""
    try:
        yield
    except EcsStackError as error:
        for verb, own in (("up", "up"), ("destroy", "down")):
            if error.hint:
                error.hint = error.hint.replace(f"ecs-stack {verb} {name}", f"ecs-stack ephemeral {own} {name}")
        raise


def _facts(
    described: spec.Ephemeral, order: Order, found: Standing | None, priorities: Mapping[str, int]
) -> EphemeralOutputs:
    now = datetime.now(UTC)
    before = found.outputs.ephemeral if found and found.outputs else None
    pinned = before is not None and before.expires == rules.NEVER
    ttl = order.ttl or (rules.NO_TTL if pinned else described.ttl)
    kept = before is not None and not order.new_owner
    return EphemeralOutputs(
        host=described.host,
        owner=before.owner if before and kept else order.owner,
        created=before.created if before else rules.stamp(now),
        expires=rules.stamp(rules.expiry(ttl, now)),
        spec=described.model_dump(mode="json", exclude_defaults=True) | {"ttl": ttl if order.ttl else described.ttl},
        priorities=priorities,
        branch=order.request.branch,
        sha=order.request.sha,
        protect=(before is not None and before.protect) if order.protect is None else order.protect,
    )
