"""The public face: load an environment, preview, up, destroy, status, logs, outputs. Composes what is below.

Library code: it prints nothing, ends nothing, keeps no global state, and may be called from several threads. Every
method returns a result of ``ecs_stack.results`` or raises an error of ``ecs_stack.errors``.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from ecs_stack import program as programs
from ecs_stack import spec, targets
from ecs_stack.automation import engine as engines
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.stacks import Stack, StackSummary, stacks
from ecs_stack.errors import (
    EcsStackError,
    InterruptedRunError,
    LockedError,
    NotFoundError,
    RefusedError,
    SpecError,
)
from ecs_stack.operations import logs, rollout, task_definitions
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.status import service_statuses
from ecs_stack.operations.verdict import raise_unless_reached
from ecs_stack.outputs import EXPORT, ServiceOutputs, StackOutputs
from ecs_stack.recovery import recover
from ecs_stack.results import (
    ChangeKind,
    DestroyReceipt,
    DriftKind,
    EnvironmentStatus,
    EnvironmentSummary,
    LogLine,
    Preview,
    Progress,
    Rollout,
    UnlockReceipt,
    UpReceipt,
)
from ecs_stack.rules.tags import ENVIRONMENT, PROJECT
from ecs_stack.targets import Target

OnProgress = Callable[[Progress], None]
Approve = Callable[[Preview], None]

_Receipt = TypeVar("_Receipt")

_SERVICE_TYPE = "aws:ecs/service:Service"
_CLUSTER_TYPE = "aws:ecs/cluster:Cluster"
#: Seconds between two looks at a lock that is waited for.
_LOCK_POLL = 2.0


class Environment:
    """One environment of the project in ``root``: the file ``envs/NAME.yaml``, a stack, or both.

    Made by ``load``. A stack belongs to the target it was made on; with another target everything is refused.
    """

    def __init__(self, root: Path, name: str, described: spec.Environment | SpecError) -> None:
        self.root = root
        self.name = name
        self._described = described

    @classmethod
    def load(cls, root: Path, name: str, *, target: str | None = None) -> Environment:
        """The environment called ``name``; ``target`` (``aws`` or ``local``) overrides the file's.

        Raises SpecError if the file is missing or wrong, unless there is a stack: then what needs only the stack
        (status, logs, outputs, destroy) goes on working, and preview and up raise it.
        """
        root = root.resolve()
        try:
            described = spec.load(root, name)
            return cls(root, name, described.model_copy(update={"target": target}) if target else described)
        except SpecError as error:
            if not any(backend.has(name) for backend in _backends(root, None)):
                raise
            return cls(root, name, error)

    @property
    def spec(self) -> spec.Environment:
        """What the file says. Raises SpecError if it is missing or wrong."""
        if isinstance(self._described, SpecError):
            raise self._described
        return self._described

    def check(self) -> None:
        """Refuses what can't work: the wrong account, no Docker engine, an image that doesn't exist.

        ``up`` does this first. Raises DockerError or RefusedError.
        """
        images = [service.image for service in self.spec.services.values()]
        self._declared_target().check(account=self.spec.account, images=images)

    def preview(self, *, on_progress: OnProgress | None = None, refresh: bool = False) -> Preview:
        """What an up would change; touches nothing.

        ``refresh`` also looks for what was deleted or changed behind the stack's back.
        """
        programs.load_sdk()
        engine, target = _engine(on_progress), self._declared_target()
        target.identify(account=self.spec.account)
        self._applied(engine, target)
        with target.open() as session:
            return self._stack(engine, session.environment).preview(
                self._program(), on_progress=on_progress, refresh=refresh
            )

    def up(
        self,
        *,
        on_progress: OnProgress | None = None,
        approve: Approve | None = None,
        wait: bool = False,
        refresh: bool = False,
    ) -> UpReceipt:
        """Makes what the file says, and waits until each service runs the revision that was asked for.

        ``approve`` is called with the preview before anything is touched, and raises to refuse it. While another run
        changes the environment, this waits for its end with ``wait`` (and then looks anew at what changes), and raises
        LockedError without. ``refresh`` also puts right what was deleted or changed behind the stack's back, as is
        always done after a run that was killed. Raises RolledBackError or DeploymentFailedError, with the receipt, if a
        service doesn't reach its revision.
        """
        return _patiently(lambda: self._up(on_progress, approve, refresh), wait, on_progress)

    def _up(self, on_progress: OnProgress | None, approve: Approve | None, refresh: bool) -> UpReceipt:
        started = time.monotonic()
        self.check()
        programs.load_sdk()
        engine, target = _engine(on_progress), self._declared_target()
        self._stack(engine, os.environ).refuse_if_locked()
        outputs = self._applied(engine, target)
        with target.open() as session:
            stack = self._stack(engine, session.environment)
            refresh = refresh or stack.was_killed()
            plan = stack.preview(self._program(), on_progress=on_progress, refresh=refresh)
            if approve:
                approve(plan)
            recover(stack, self._project, session, on_progress)
            if any(each.type == _CLUSTER_TYPE and each.kind is DriftKind.DELETED for each in plan.drift):
                outputs = None  # nothing runs any more
            ecs = session.client("ecs")
            changes, summary, before = plan.changes, plan.summary, {}
            if outputs:
                with translated(self.name):
                    before = rollout.deployments(outputs, ecs=ecs)
            if outputs is None or plan.summary.pending or plan.outputs_changed or plan.drift:
                if outputs:
                    with translated(self.name):
                        rollout.settle(outputs, _changing(plan, outputs), ecs=ecs, on_progress=on_progress)
                update = stack.up(self._program(), on_progress=on_progress, total=len(plan.changes), refresh=refresh)
                changes, summary, outputs = update.changes, update.summary, _outputs(update.outputs)
            if outputs is None:
                raise EcsStackError(f"the stack of {self.name} has no output {EXPORT}")
            rollouts = self._wait(outputs, ecs, session.client("logs"), before, on_progress)
            urls = target.urls(outputs)
        receipt = UpReceipt(
            environment=self.name,
            changes=changes,
            summary=summary,
            rollouts=rollouts,
            urls=urls,
            duration=time.monotonic() - started,
        )
        raise_unless_reached(receipt)
        return receipt

    def destroy(
        self, *, on_progress: OnProgress | None = None, approve: Approve | None = None, wait: bool = False
    ) -> DestroyReceipt:
        """Deletes everything and the stack. Raises NotFoundError without a stack.

        ``approve`` is called with what would be deleted, and raises to refuse it. ``wait`` is as for ``up``.
        """
        return _patiently(lambda: self._destroy(on_progress, approve), wait, on_progress)

    def unlock(self, *, force: bool = False) -> UnlockReceipt:
        """Removes the locks of runs that were killed. Raises LockedError while a holder lives.

        ``force`` also removes locks of runs on other machines, where nobody can look from here.
        """
        described = None if isinstance(self._described, SpecError) else self._described
        engine = _engine(None)
        backends = _backends(self.root, described.target if described else None)
        held = [Stack(backend, self.name, engine=engine, environment=os.environ) for backend in backends]
        removed = [holder for stack in held for holder in stack.unlock(force=force).removed]
        return UnlockReceipt(environment=self.name, removed=tuple(removed))

    def _destroy(self, on_progress: OnProgress | None, approve: Approve | None) -> DestroyReceipt:
        started = time.monotonic()
        programs.load_sdk()
        engine = _engine(on_progress)
        found = self._find(engine)
        # With another account's credentials every resource would seem to be gone already.
        found.target.identify(account=found.account)
        with found.target.open() as session:
            stack = Stack(found.backend, self.name, engine=engine, environment=session.environment)
            stack.refuse_if_locked()
            total = None
            if approve:
                plan = stack.preview_destroy(on_progress=on_progress)
                total = len(plan.changes)
                approve(plan)
            recover(stack, found.backend.project, session, on_progress)

            def last() -> None:
                with translated(self.name, changed=True):
                    self._deregister(found.backend.project, session.client("ecs"))

            update = stack.destroy(on_progress=on_progress, total=total, last=last)
        return DestroyReceipt(
            environment=self.name,
            changes=update.changes,
            summary=update.summary,
            duration=time.monotonic() - started,
        )

    def outputs(self) -> StackOutputs:
        """What the stack exports. Raises NotFoundError without a stack, or after an up that didn't finish."""
        return self._find(_engine(None)).need_outputs(self.name)

    def status(self) -> EnvironmentStatus:
        """How the services run now."""
        found = self._find(_engine(None))
        outputs, client = found.need_outputs(self.name), found.target.connect()
        with translated(self.name):
            services = service_statuses(
                outputs, ecs=client("ecs"), elbv2=client("elbv2"), urls=found.target.urls(outputs)
            )
        return EnvironmentStatus(
            environment=self.name, target=found.target.name, cluster=outputs.cluster_name, services=services
        )

    def logs(
        self,
        services: Sequence[str] = (),
        *,
        since: datetime | None = None,
        tail: int | None = None,
        follow: bool = False,
        until: Callable[[], bool] = lambda: False,
    ) -> Iterator[LogLine]:
        """The services' output (all of them by default), the oldest line first.

        Either the last ``tail`` lines, or those from ``since`` on (an aware datetime); then, with ``follow``, new
        ones until ``until`` says so. Raises NotFoundError for a service that isn't there.
        """
        found = self._find(_engine(None))
        outputs = found.need_outputs(self.name)
        chosen = [_service(outputs, name) for name in services] or list(outputs.services.values())
        with translated(self.name):
            client = found.target.connect()("logs")
        return self._lines(logs.read(client, chosen, since=since, tail=tail, follow=follow, until=until))

    def _lines(self, lines: Iterator[LogLine]) -> Iterator[LogLine]:
        with translated(self.name):
            yield from lines

    def _deregister(self, project: str, ecs: Any) -> None:
        """Revisions outlive the stack: a deployment may go back to any of them (docs/adr/0005)."""
        tags = {PROJECT: project, ENVIRONMENT: self.name}
        task_definitions.deregister(f"{self.name}-", tags, ecs=ecs)

    def _program(self) -> Callable[[], None]:
        return programs.program(self.spec, self._project)

    @property
    def _project(self) -> str:
        return Backend.local(self.root).project

    def _declared_target(self) -> Target:
        return targets.make(self.spec.target, self.root, self.spec.region)

    def _stack(self, engine: engines.Engine, environment: Any) -> Stack:
        (backend,) = _backends(self.root, self.spec.target)
        return Stack(backend, self.name, engine=engine, environment=environment)

    def _applied(self, engine: engines.Engine, target: Target) -> StackOutputs | None:
        """The outputs of the stack as it is now; None before the first up. Refuses a stack of another target."""
        stack = self._stack(engine, os.environ)
        if not stack.exists():
            return None
        outputs = _outputs(stack.outputs())
        accounts = {outputs.account} if outputs else stack.accounts()
        self._refuse_other(targets.of_accounts(accounts) or target.name, target.name)
        if outputs and outputs.region != target.region:
            self._refuse_moved("region", outputs.region, target.region)
        account = targets.account_of(accounts)
        if target.name == targets.AwsTarget.name and account and account != self.spec.account:
            if self.spec.account:
                self._refuse_moved("account", account, self.spec.account)
            target.identify(account=account)
        return outputs

    def _find(self, engine: engines.Engine) -> _Found:
        """The stack, and the target it lives on: its outputs tell, or the file where it has none yet."""
        described = None if isinstance(self._described, SpecError) else self._described
        for backend in _backends(self.root, described.target if described else None):
            stack = Stack(backend, self.name, engine=engine, environment=os.environ)
            if not stack.exists():
                continue
            outputs = _outputs(stack.outputs())
            accounts = {outputs.account} if outputs else stack.accounts()
            if outputs:
                target = targets.of_stack(outputs, self.root)
            else:
                # An up that failed: its resources tell, and the file where it got to none.
                actual = targets.of_accounts(accounts) or self.spec.target
                target = targets.make(actual, self.root, self.spec.region)
            if described:
                self._refuse_other(target.name, described.target)
            return _Found(backend, target, outputs, targets.account_of(accounts))
        raise NotFoundError(
            f"there is no stack for {self.name}: it was never applied, or it was destroyed",
            hint=f"`ecs-stack up {self.name}` makes it.",
        )

    def _refuse_other(self, actual: str, wanted: str) -> None:
        if actual != wanted:
            raise RefusedError(
                f"the stack of {self.name} was made on the target {actual}, not on {wanted}",
                hint=f"Destroy it there first: `ecs-stack destroy {self.name} --target {actual}`.",
            )

    def _refuse_moved(self, what: str, actual: str, wanted: str) -> None:
        raise RefusedError(
            f"the stack of {self.name} is in the {what} {actual}, and its file says {wanted}",
            hint=f"Put {what} {actual} back into the file; or `ecs-stack destroy {self.name}`, and `up` makes it anew.",
        )

    def _wait(
        self,
        outputs: StackOutputs,
        ecs: Any,
        cloudwatch_logs: Any,
        before: dict[str, str],
        on_progress: OnProgress | None,
    ) -> tuple[Rollout, ...]:
        try:
            with translated(self.name, changed=True):
                return rollout.wait(
                    outputs, ecs=ecs, cloudwatch_logs=cloudwatch_logs, before=before, on_progress=on_progress
                )
        except KeyboardInterrupt as error:
            raise InterruptedRunError(
                f"the up of {self.name} was interrupted while the services were deployed: every change is made, "
                "and ECS goes on deploying",
                hint=f"`ecs-stack status {self.name}` says how far it is.",
            ) from error


@dataclass(frozen=True)
class _Found:
    """A stack that exists. ``outputs`` is None after an up that failed before the end, ``account`` if that got to
    no resource that tells."""

    backend: Backend
    target: Target
    outputs: StackOutputs | None
    account: str | None

    def need_outputs(self, name: str) -> StackOutputs:
        if self.outputs is None:
            raise NotFoundError(
                f"the last up of {name} didn't finish, so there is nothing to look at yet",
                hint=f"Run `ecs-stack up {name}` again, or `ecs-stack destroy {name}`.",
            )
        return self.outputs


def list_environments(root: Path) -> tuple[EnvironmentSummary, ...]:
    """Every environment file and every stack of the project, by name."""
    root = root.resolve()
    declared: dict[str, spec.Environment | None] = dict.fromkeys(spec.names(root))
    for name in declared:
        with suppress(SpecError):  # `validate` says what is wrong with it
            declared[name] = spec.load(root, name)
    found: dict[str, StackSummary] = {}
    for backend in _backends(root, None):
        if not backend.is_empty():
            listed = stacks(backend, engine=_engine(None), environment=os.environ)
            found = {**{stack.name: stack for stack in listed}, **found}
    return tuple(
        EnvironmentSummary(
            name=name,
            target=described.target if (described := declared.get(name)) else None,
            valid=bool(described) if name in declared else None,
            resources=found[name].resources if name in found else None,
            updated_at=found[name].updated_at if name in found else None,
        )
        for name in sorted({*declared, *found})
    )


def _backends(root: Path, target: str | None) -> list[Backend]:
    """Where a stack of the target is kept. The local target's never leave the project's folder."""
    local, configured = Backend.local(root), Backend.configured(root, os.environ)
    if target is None:
        return [local] if configured == local else [local, configured]
    return [local if target == targets.LocalTarget.name else configured]


def _patiently(run: Callable[[], _Receipt], wait: bool, on_progress: OnProgress | None) -> _Receipt:
    """Runs, with ``wait`` as often as it takes until no other run holds the lock."""
    while True:
        try:
            return run()
        except LockedError as error:
            if not wait:
                raise
            if on_progress:
                on_progress(Progress(message=f"waiting: {error.message}"))
            time.sleep(_LOCK_POLL)


def _engine(on_progress: OnProgress | None) -> engines.Engine:
    def say(line: str) -> None:
        if on_progress:
            on_progress(Progress(message=line))

    return engines.ensure(say)


def _outputs(exported: Any) -> StackOutputs | None:
    if EXPORT not in exported:
        return None
    try:
        return StackOutputs.from_dict(exported[EXPORT])
    except (ValueError, TypeError, KeyError) as error:
        raise RefusedError(
            f"the stack's outputs can't be read: {error}",
            hint="Use the version of ecs-stack that wrote them.",
        ) from error


def _service(outputs: StackOutputs, name: str) -> ServiceOutputs:
    if name not in outputs.services:
        known = ", ".join(sorted(outputs.services)) or "none"
        raise NotFoundError(f"there is no service {name} in {outputs.environment}", hint=f"There are: {known}.")
    return outputs.services[name]


def _changing(plan: Preview, outputs: StackOutputs) -> set[str]:
    """The services whose ECS service the plan updates; names of resources may be cut, so in doubt all."""
    changes = {c.name for c in plan.changes if c.type == _SERVICE_TYPE and c.kind is not ChangeKind.SAME}
    known = {f"{outputs.environment}-{name}": name for name in outputs.services}
    return {known[name] for name in changes} if changes <= known.keys() else set(outputs.services)
