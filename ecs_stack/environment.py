"""The public face: load an environment, preview, up, destroy, status, logs, outputs. Composes what is below.

Library code: it prints nothing, ends nothing, keeps no global state, and may be called from several threads. Every
method blocks until it is done, and returns a result of ``ecs_stack.results`` or raises an error of
``ecs_stack.errors``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

from ecs_stack import pricing, runs, spec, states
from ecs_stack.bootstrap import bootstrap
from ecs_stack.cancellation import Cancellation
from ecs_stack.costs import Cost
from ecs_stack.errors import NotFoundError, SpecError
from ecs_stack.locate import Place, find_engine
from ecs_stack.operations import logs
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.status import service_statuses
from ecs_stack.outputs import ServiceOutputs, StackOutputs
from ecs_stack.progress import OnProgress
from ecs_stack.results import (
    BootstrapReceipt,
    DestroyReceipt,
    EnvironmentStatus,
    EnvironmentSummary,
    LogLine,
    Preview,
    UnlockReceipt,
    UpReceipt,
)
from ecs_stack.runs import Approve


class Environment:
    """One environment of the project in ``root``: the file ``envs/NAME.yaml``, a stack, or both.

    Made by ``load``. A stack belongs to the target it was made on; with another target everything is refused.

    Runs of several environments, in one project or in many, may go on at the same time, each in a thread of its own.
    ``on_progress`` is called in threads of the run's own too, one call at a time. If it raises, it isn't called any
    more, the run goes on, and the logger ``ecs_stack`` gets the exception. ``approve`` is called by the caller's thread
    and what it raises ends the run and comes out of it. ``cancellation`` stops a run, which then raises
    InterruptedRunError.

    What every method may raise: SpecError (the file), RefusedError (target or account aren't as the file says),
    EngineError and LocalCloudError (what it needs can't be started), EcsStackError (AWS refused a request).
    """

    def __init__(self, place: Place) -> None:
        self.root = place.root
        self.name = place.name
        self._place = place

    @classmethod
    def load(cls, root: Path, name: str, *, target: str | None = None) -> Environment:
        """The environment called ``name``; ``target`` (``aws`` or ``local``) overrides the file's.

        Raises SpecError if the file is missing or wrong, unless there is a stack: then what needs only the stack
        (status, logs, outputs, destroy) goes on working, and preview and up raise it.
        """
        root = root.resolve()
        try:
            described = spec.load(root, name)
        except SpecError as error:
            if not any(backend.has(name) for backend in states.backends(root, None)):
                raise
            return cls(Place(root, name, error))
        if target and target != described.target:
            # The file's state is for the file's target.
            described = described.model_copy(update={"target": target, "state": spec.State()})
        return cls(Place(root, name, described))

    @property
    def spec(self) -> spec.Environment:
        """What the file says. Raises SpecError if it is missing or wrong."""
        return self._place.spec

    def check(self) -> None:
        """Refuses what can't work: the wrong account, no Docker engine, an image that doesn't exist.

        ``up`` does this first. Raises DockerError or RefusedError.
        """
        runs.check(self._place)

    def preview(
        self,
        *,
        on_progress: OnProgress | None = None,
        refresh: bool = False,
        cancellation: Cancellation | None = None,
    ) -> Preview:
        """What an up would change; touches nothing.

        ``refresh`` also looks for what was deleted or changed behind the stack's back. Raises UpdateFailedError if the
        engine fails.
        """
        return runs.preview(
            self._place, on_progress=on_progress, refresh=refresh, cancellation=cancellation or Cancellation()
        )

    def up(
        self,
        *,
        on_progress: OnProgress | None = None,
        approve: Approve | None = None,
        wait: bool = False,
        refresh: bool = False,
        cancellation: Cancellation | None = None,
    ) -> UpReceipt:
        """Makes what the file says, and waits until each service runs the revision that was asked for.

        ``approve`` is called with the preview before anything is touched, and raises to refuse it. While another run
        changes the environment, this waits for its end with ``wait`` (and then looks anew at what changes), and raises
        LockedError without. ``refresh`` also puts right what was deleted or changed behind the stack's back, as is
        always done after a run that was killed or cancelled.

        Raises what ``check`` raises, UpdateFailedError if the engine fails, and RolledBackError or
        DeploymentFailedError, with the receipt, if a service doesn't reach its revision.
        """
        return runs.up(
            self._place,
            on_progress=on_progress,
            approve=approve,
            wait=wait,
            refresh=refresh,
            cancellation=cancellation or Cancellation(),
        )

    def destroy(
        self,
        *,
        on_progress: OnProgress | None = None,
        approve: Approve | None = None,
        wait: bool = False,
        with_ephemeral: bool = False,
        cancellation: Cancellation | None = None,
    ) -> DestroyReceipt:
        """Deletes everything and the stack.

        ``approve`` is called with what would be deleted, and raises to refuse it. ``wait`` is as for ``up``. Raises
        NotFoundError without a stack, and UpdateFailedError if the engine fails. Ephemeral environments that stand on
        it are deleted first ``with_ephemeral``; otherwise RefusedError names them.
        """
        return runs.destroy(
            self._place,
            on_progress=on_progress,
            approve=approve,
            wait=wait,
            with_ephemeral=with_ephemeral,
            cancellation=cancellation or Cancellation(),
        )

    def bootstrap(self) -> BootstrapReceipt:
        """Makes a private, encrypted bucket for the state, and the KMS key for it and for the secrets in it.

        What is there already is kept, and put right. Raises RefusedError for a bucket or a key that isn't ours.
        """
        return bootstrap(self.root, self.spec)

    def unlock(self, *, force: bool = False) -> UnlockReceipt:
        """Removes the locks of runs that were killed. Raises LockedError while a holder lives.

        ``force`` also removes locks of runs on other machines, where nobody can look from here.
        """
        self._place.wake()
        held = self._place.stacks(find_engine())
        removed = [holder for _, stack in held for holder in stack.unlock(force=force).removed]
        return UnlockReceipt(environment=self.name, removed=tuple(removed))

    def require_stack(self) -> None:
        """Raises NotFoundError without a stack, RefusedError if it isn't where the file says."""
        self._place.find(find_engine())

    def cost(self) -> Cost:
        """What the environment costs on AWS by the hour, at list prices: as its file says, or its stack without a file.

        Needs neither an account nor, with a file, an engine. Raises RefusedError in a region without list prices.
        """
        if isinstance(self._place.described, spec.Environment):
            return pricing.described(self._place.described)
        found = self._place.find(find_engine())
        return pricing.applied(found.need_outputs(self.name), found.target.name)

    def outputs(self) -> StackOutputs:
        """What the stack exports. Raises NotFoundError without a stack, or after an up that didn't finish."""
        return self._place.find(find_engine()).need_outputs(self.name)

    def status(self) -> EnvironmentStatus:
        """How the services run now."""
        found = self._place.find(find_engine())
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
        cancellation: Cancellation | None = None,
    ) -> Iterator[LogLine]:
        """The services' output (all of them by default), the oldest line first.

        Either the last ``tail`` lines, or those from ``since`` on (an aware datetime); then, with ``follow``, new
        ones until it is cancelled, which isn't an error here. Raises NotFoundError for a service that isn't there.
        """
        found = self._place.find(find_engine())
        outputs = found.need_outputs(self.name)
        chosen = [_service(outputs, name) for name in services] or list(outputs.services.values())
        with translated(self.name):
            client = found.target.connect()("logs")
        wait = (cancellation or Cancellation()).wait
        return self._lines(logs.read(client, chosen, since=since, tail=tail, follow=follow, wait=wait))

    def _lines(self, lines: Iterator[LogLine]) -> Iterator[LogLine]:
        with translated(self.name):
            yield from lines


def list_environments(root: Path) -> tuple[EnvironmentSummary, ...]:
    """Every environment file and every stack of the project, by name."""
    root = root.resolve()
    declared = {**dict.fromkeys(spec.names(root)), **spec.load_all(root)}
    found = states.listed(root, declared, find_engine)
    undeclared = states.backends(root, None)
    return tuple(
        EnvironmentSummary(
            name=name,
            target=described.target if (described := declared.get(name)) else None,
            valid=bool(described) if name in declared else None,
            resources=stack.resources if (stack := found[name].stack) else None,
            updated_at=stack.updated_at if stack else None,
            cost=pricing.daily(pricing.recorded(states.backends(root, described) if described else undeclared, name))
            if stack
            else None,
            problem=found[name].problem,
        )
        for name in sorted(found)
    )


def _service(outputs: StackOutputs, name: str) -> ServiceOutputs:
    if name not in outputs.services:
        known = ", ".join(sorted(outputs.services)) or "none"
        raise NotFoundError(f"there is no service {name} in {outputs.environment}", hint=f"There are: {known}.")
    return outputs.services[name]
