"""The runs that change an environment, or say what they would change: preview, up, destroy.

A run that is cancelled ends at its next engine run or wait; what the engine has under way is finished first.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from ecs_stack import hosting, pricing, states
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Stack
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import EcsStackError, InterruptedRunError, LockedError
from ecs_stack.locate import Found, Place, find_engine, read_outputs
from ecs_stack.operations import rollout, task_definitions
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.verdict import raise_unless_reached
from ecs_stack.outputs import EXPORT, StackOutputs
from ecs_stack.progress import OnProgress, guarded
from ecs_stack.recovery import recover
from ecs_stack.results import ChangeKind, DestroyReceipt, DriftKind, Preview, Progress, Rollout, UpReceipt
from ecs_stack.rules.tags import ENVIRONMENT, PROJECT
from ecs_stack.targets import Session

Approve = Callable[[Preview], None]

_Receipt = TypeVar("_Receipt")

_SERVICE_TYPE = "aws:ecs/service:Service"
_CLUSTER_TYPE = "aws:ecs/cluster:Cluster"
#: Seconds between two looks at a lock that is waited for.
_LOCK_POLL = 2.0


def preview(place: Place, *, on_progress: OnProgress | None, refresh: bool, cancellation: Cancellation) -> Preview:
    """See ``Environment.preview``."""
    on_progress = guarded(on_progress)
    engine, target = find_engine(on_progress), place.target()
    target.identify(account=place.spec.account)
    place.wake()
    outputs = place.applied(engine, target)
    with target.open() as session:
        place.refuse_elsewhere(engine, session)
        stack = place.stack(engine, session.environment, cancellation)
        load_ahead(session)
        plan = stack.preview(_program(place), on_progress=on_progress, refresh=refresh)
    return pricing.planned(plan, place.spec, outputs)


def up(
    place: Place,
    *,
    on_progress: OnProgress | None,
    approve: Approve | None,
    wait: bool,
    refresh: bool,
    cancellation: Cancellation,
) -> UpReceipt:
    """See ``Environment.up``."""
    on_progress = guarded(on_progress)

    def run() -> UpReceipt:
        return _up(place, on_progress, approve, refresh, cancellation)

    return patiently(f"the up of {place.name}", run, wait, on_progress, cancellation)


def destroy(
    place: Place,
    *,
    on_progress: OnProgress | None,
    approve: Approve | None,
    wait: bool,
    with_ephemeral: bool,
    cancellation: Cancellation,
) -> DestroyReceipt:
    """See ``Environment.destroy``."""
    on_progress = guarded(on_progress)

    def run() -> DestroyReceipt:
        return _destroy(place, on_progress, approve, with_ephemeral, cancellation)

    return patiently(f"the destroy of {place.name}", run, wait, on_progress, cancellation)


def check(place: Place) -> None:
    """See ``Environment.check``."""
    described = place.spec
    place.target().check(
        account=described.account,
        images=[service.image for service in described.services.values()],
        zone=described.zone,
        certificate=described.load_balancer.existing_certificate,
    )


def _up(
    place: Place,
    on_progress: OnProgress | None,
    approve: Approve | None,
    refresh: bool,
    cancellation: Cancellation,
) -> UpReceipt:
    started = time.monotonic()
    check(place)
    engine, target = find_engine(on_progress), place.target()
    place.wake()
    place.stack(engine, os.environ).refuse_if_locked()
    outputs = place.applied(engine, target)
    with target.open() as session:
        place.refuse_elsewhere(engine, session)
        stack = place.stack(engine, session.environment, cancellation)
        refresh = refresh or stack.was_cut_short()
        load_ahead(session)
        plan = stack.preview(_program(place), on_progress=on_progress, refresh=refresh)
        hosting.refuse_loss(plan, states.backend_of(place.root, place.spec), outputs)
        if approve:
            approve(pricing.planned(plan, place.spec, outputs))
        recover(stack, place.project, session, on_progress)
        if any(each.type == _CLUSTER_TYPE and each.kind is DriftKind.DELETED for each in plan.drift):
            outputs = None  # nothing runs any more
        changes, summary, before = plan.changes, plan.summary, {}
        if outputs:
            with translated(place.name):
                before = rollout.deployments(outputs, ecs=session.client("ecs"))
        if outputs is None or plan.summary.pending or plan.outputs_changed or plan.drift:
            if outputs:
                _settle(place.name, outputs, _changing(plan, outputs), session.client("ecs"), on_progress, cancellation)
            update = stack.up(_program(place), on_progress=on_progress, plan=plan, refresh=refresh)
            changes, summary, outputs = update.changes, update.summary, read_outputs(update.outputs)
        if outputs is None:
            raise EcsStackError(f"the stack of {place.name} has no output {EXPORT}")
        rollouts = wait_for_rollouts(place.name, outputs, session, before, on_progress, cancellation)
        urls = target.urls(outputs)
    receipt = UpReceipt(
        environment=place.name,
        changes=changes,
        summary=summary,
        rollouts=rollouts,
        urls=urls,
        duration=time.monotonic() - started,
    )
    raise_unless_reached(receipt)
    return receipt


def _destroy(
    place: Place,
    on_progress: OnProgress | None,
    approve: Approve | None,
    with_ephemeral: bool,
    cancellation: Cancellation,
) -> DestroyReceipt:
    # The stand-ins' requests come in several threads at once.
    from ecs_stack import program

    program.load_sdk()
    engine = find_engine(on_progress)
    place.wake()
    found = place.find(engine)
    guests = hosting.guests(found.backend, place.name)
    if not guests:
        return delete(place.name, found, engine, on_progress, approve, cancellation)
    if not with_ephemeral:
        hosting.refuse_destroy(guests, place.name)
    if on_progress:
        on_progress(Progress(message=f"these go first: {', '.join(guest.name for guest in guests)}"))

    def approved(plan: Preview) -> None:
        if approve:
            approve(plan)
        for guest in guests:
            delete(guest.name, guest.found(place.root), engine, on_progress, None, cancellation)

    return delete(place.name, found, engine, on_progress, approved, cancellation)


def delete(
    name: str,
    found: Found,
    engine: Engine,
    on_progress: OnProgress | None,
    approve: Approve | None,
    cancellation: Cancellation,
) -> DestroyReceipt:
    """Deletes everything of a stack, and the stack."""
    started = time.monotonic()
    # With another account's credentials every resource would seem to be gone already.
    found.target.identify(account=found.account)
    with found.target.open() as session:
        stack = Stack(found.backend, name, engine=engine, environment=session.environment, cancellation=cancellation)
        stack.refuse_if_locked()
        plan = None
        if approve:
            plan = stack.preview_destroy(on_progress=on_progress)
            approve(plan)
        recover(stack, found.backend.project, session, on_progress)

        update = stack.destroy(
            on_progress=on_progress, plan=plan, last=lambda: deregister(name, found.backend.project, session)
        )
    return DestroyReceipt(
        environment=name,
        changes=update.changes,
        summary=update.summary,
        duration=time.monotonic() - started,
    )


def deregister(name: str, project: str, session: Session) -> None:
    """Revisions outlive the stack: a deployment may go back to any of them (docs/adr/0005)."""
    with translated(name, changed=True):
        tags = {PROJECT: project, ENVIRONMENT: name}
        task_definitions.deregister(f"{name}-", tags, ecs=session.client("ecs"))


def _program(place: Place) -> Callable[[], None]:
    def run() -> None:
        from ecs_stack import program

        program.program(place.spec, place.project)()

    return run


def load_ahead(session: Session) -> None:
    """Begins to load what a run needs once the engine calls back, while that starts: each takes half a second."""

    def load() -> None:
        from ecs_stack import program

        program.load_sdk()
        session.load()

    threading.Thread(target=load, daemon=True).start()


def _settle(
    name: str,
    outputs: StackOutputs,
    services: set[str],
    ecs: Any,
    on_progress: OnProgress | None,
    cancellation: Cancellation,
) -> None:
    with (
        _interrupted(f"the up of {name} was interrupted before it changed anything: a deployment was in flight"),
        translated(name),
    ):
        rollout.settle(outputs, services, ecs=ecs, on_progress=on_progress, sleep=cancellation.sleep)


def wait_for_rollouts(
    name: str,
    outputs: StackOutputs,
    session: Session,
    before: dict[str, str],
    on_progress: OnProgress | None,
    cancellation: Cancellation,
) -> tuple[Rollout, ...]:
    """How each service's deployment ended; see ``rollout.wait``."""
    with (
        _interrupted(
            f"the up of {name} was interrupted while the services were deployed: every change is made, "
            "and ECS goes on deploying",
            hint=f"`ecs-stack status {name}` says how far it is.",
        ),
        translated(name, changed=True),
    ):
        return rollout.wait(
            outputs,
            ecs=session.client("ecs"),
            cloudwatch_logs=session.client("logs"),
            before=before,
            on_progress=on_progress,
            sleep=cancellation.sleep,
        )


@contextmanager
def _interrupted(message: str, hint: str | None = None) -> Iterator[None]:
    """A wait: what Ctrl-C or a cancellation in it means."""
    try:
        yield
    except (KeyboardInterrupt, InterruptedRunError) as error:
        raise InterruptedRunError(message, hint=hint) from error


def patiently(
    what: str,
    run: Callable[[], _Receipt],
    wait: bool,
    on_progress: OnProgress | None,
    cancellation: Cancellation,
) -> _Receipt:
    """Runs, with ``wait`` as often as it takes until no other run holds the lock."""
    while True:
        try:
            return run()
        except LockedError as error:
            if not wait:
                raise
            if on_progress:
                on_progress(Progress(message=f"waiting: {error.message}"))
            with _interrupted(f"{what} was interrupted while it waited for another run's end: nothing was touched"):
                cancellation.sleep(_LOCK_POLL)


def _changing(plan: Preview, outputs: StackOutputs) -> set[str]:
    """The services whose ECS service the plan updates; names of resources may be cut, so in doubt all."""
    changes = {c.name for c in plan.changes if c.type == _SERVICE_TYPE and c.kind is not ChangeKind.SAME}
    known = {f"{outputs.environment}-{name}": name for name in outputs.services}
    return {known[name] for name in changes} if changes <= known.keys() else set(outputs.services)
