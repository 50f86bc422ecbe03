"""One stack and its engine runs: preview, up, destroy, outputs. No run more than is needed.

Stacks of one process share nothing and may run at the same time, each in its own thread. A run that is cancelled ends
after the operations in flight; see ``command``.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from ecs_stack.automation import locks, sdk_costs, sdk_logging, state_file
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.command import EngineCommand
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.events import Recorder, summarize
from ecs_stack.automation.failures import interruption, locked, translate
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import LockedError, NotFoundError, RefusedError
from ecs_stack.results import ChangeSummary, Preview, Progress, ResourceChange, UnlockReceipt

OnProgress = Callable[[Progress], None]
Program = Callable[[], Awaitable[None] | None]


@dataclass(frozen=True, kw_only=True)
class Update:
    """What an engine run changed. ``outputs`` are the stack's; secrets are blinded. ``duration`` is in seconds."""

    changes: tuple[ResourceChange, ...]
    summary: ChangeSummary
    outputs: Mapping[str, Any]
    duration: float


@dataclass(frozen=True, kw_only=True)
class StackSummary:
    """A stack as the backend lists it. ``resources`` counts the stack's own root resource, as the engine does."""

    name: str
    resources: int
    updated_at: datetime | None


class Stack:
    """A stack of a backend; it need not exist yet.

    ``environment`` is the whole process environment for the engine (credentials, endpoints, plugins). Runs that
    ``cancellation`` stops, and those that it didn't let begin, raise InterruptedRunError.
    """

    def __init__(
        self,
        backend: Backend,
        name: str,
        *,
        engine: Engine,
        environment: Mapping[str, str],
        cancellation: Cancellation | None = None,
    ) -> None:
        self.name = name
        self._backend = backend
        self._engine = engine
        self._environment = environment
        self._cancellation = cancellation or Cancellation()

    def exists(self) -> bool:
        """Whether there is such a stack."""
        if self._mark.exists():
            self._backend.mend(self.name)
        known = self._backend.has(self.name)
        if known is not None:
            return known
        try:
            self._open(self._backend).read_outputs()
        except auto.StackNotFoundError:
            return False
        return True

    def preview(self, program: Program, *, on_progress: OnProgress | None = None, refresh: bool = False) -> Preview:
        """What an up would change. Touches nothing: a stack that doesn't exist is previewed on a throwaway state.

        ``refresh`` first asks the provider how every resource is now.
        """
        if self.exists():
            return self._preview(self._backend, program, on_progress, refresh)
        with self._backend.throwaway() as backend:
            return self._preview(backend, program, on_progress, False)

    def up(
        self,
        program: Program,
        *,
        on_progress: OnProgress | None = None,
        plan: Preview | None = None,
        refresh: bool = False,
    ) -> Update:
        """Makes what the program describes, in a new stack if there is none. ``plan`` is what its preview said.

        ``refresh`` first takes into the state how every resource is now, so that what drifted is put right.
        """
        recorder = _recorder(on_progress, plan)
        created = not self.exists()
        try:
            with self._translated("up", program, recorder) as stack:
                if created:
                    stack.workspace.create_stack(self.name)
                with self._marked(stack):
                    _unless_stale(lambda: stack.up(on_event=recorder, show_secrets=False, refresh=refresh))
        except Exception:
            if created and not recorder.touched and self.exists():
                self._remove(self._open(self._backend), force=True)
            raise
        return _update(recorder)

    def preview_destroy(self, *, on_progress: OnProgress | None = None) -> Preview:
        """What a destroy would delete. Raises NotFoundError without a stack."""
        self._require()
        recorder = Recorder(on_progress)
        with self._translated("destroy", None, recorder) as stack:
            stack.preview_destroy(on_event=recorder)
        return _planned(self.name, recorder)

    def destroy(
        self,
        *,
        on_progress: OnProgress | None = None,
        plan: Preview | None = None,
        last: Callable[[], object] = lambda: None,
    ) -> Update:
        """Deletes every resource, then the stack and all that is kept of it. Raises NotFoundError without one.

        ``last`` is called in between: what it does is done again if it was cut short, as long as there is a stack.
        """
        self._require()
        recorder = _recorder(on_progress, plan)
        with self._translated("destroy", None, recorder) as stack:
            with self._marked(stack):
                _unless_stale(lambda: stack.destroy(on_event=recorder, show_secrets=False))
            last()
            # Not by force: an engine that was cancelled may end well before everything is deleted, and then refuses.
            self._remove(self._open(self._backend), force=False)
        return _update(recorder)

    def refuse_if_locked(self) -> None:
        """Raises LockedError while another run changes the stack, where that can be told before a run of the engine."""
        folder = locks.folder_of(self._backend, self.name)
        held = [lock for lock in locks.in_folder(folder) if not lock.is_stale] if folder else []
        if held:
            raise locked(self.name, locks.describe(held[0].holder))

    def unlock(self, *, force: bool = False) -> UnlockReceipt:
        """Removes the locks of runs that are gone; ``force`` also those of which that can't be told from here.

        Raises LockedError, and removes nothing, if a holder lives on this machine, or may live on another.
        """
        folder = locks.folder_of(self._backend, self.name)
        if folder is None:
            return self._cancel(force)
        held = locks.in_folder(folder)
        for lock in held:
            if lock.is_here and not lock.is_stale:
                raise LockedError(
                    f"the state of {self.name} is locked by {locks.describe(lock.holder)}, and that process is running",
                    hint=f"Wait until it ends, or stop it: `kill -INT {lock.holder.pid}`.",
                )
            if not lock.is_here and not force:
                raise LockedError(
                    f"the state of {self.name} is locked by {locks.describe(lock.holder)}: whether that run is gone "
                    "can't be told from this machine",
                    hint=f"Look there. If it is gone, `ecs-stack unlock {self.name} --force` removes its lock.",
                )
        for lock in held:
            lock.remove()
        return UnlockReceipt(environment=self.name, removed=tuple(lock.holder for lock in held))

    def _cancel(self, force: bool) -> UnlockReceipt:
        """The engine's own way, for a state that isn't in a folder: it asks nobody whether the holder is gone."""
        if not force:
            raise RefusedError(
                f"the state of {self.name} isn't on this machine, so whether a lock's holder is gone can't be told",
                hint="A run that finds a lock names its holder: look there. If it is gone, "
                f"`ecs-stack unlock {self.name} --force` removes every lock.",
            )
        self._require()
        with self._translated("unlock", None, Recorder()) as stack:
            stack.command.run(["cancel", "--yes", "--stack", self.name], stack.workspace.work_dir, {})
        return UnlockReceipt(environment=self.name, removed=())

    def forget(self) -> None:
        """Removes the stack, and nothing of what it made: for resources that are known to be gone."""
        with self._translated("reset", None, Recorder()) as stack:
            _unless_stale(lambda: self._remove(stack, force=True))

    def outputs(self) -> Mapping[str, Any]:
        """The stack's outputs; secrets are blinded. Raises NotFoundError without a stack."""
        self._require()
        known = state_file.outputs(self._backend, self.name)
        if known is not None:
            return known
        with self._translated("outputs", None, Recorder()) as stack:
            return stack.read_outputs()

    def accounts(self) -> set[str]:
        """The AWS accounts of the stack's resources, by their ARNs. Raises NotFoundError without a stack."""
        self._require()
        arns = (str((resource.get("outputs") or {}).get("arn") or "").split(":") for resource in self.resources())
        return {arn[4] for arn in arns if len(arn) > 5 and arn[4]}

    def was_killed(self) -> bool:
        """Whether the last run that changed the stack from this folder didn't end by itself."""
        return self._mark.exists()

    def refresh(self, *, on_progress: OnProgress | None = None) -> None:
        """Takes into the state how every resource is now. Creations that are pending in it are struck out: who calls
        this looks for what they made."""
        recorder = Recorder(on_progress)
        with self._translated("refresh", None, recorder) as stack:
            _unless_stale(lambda: stack.refresh(on_event=recorder, show_secrets=False, clear_pending_creates=True))

    def resources(self) -> Sequence[Mapping[str, Any]]:
        """The resources as the state has them; secrets are encrypted."""
        with self._translated("outputs", None, Recorder()) as stack:
            state = stack.read("stack", "export")
        found: Sequence[Mapping[str, Any]] = (state.get("deployment") or {}).get("resources") or ()
        return found

    @property
    def _mark(self) -> Path:
        return self._backend.home / "work" / self.name / "running"

    @contextmanager
    def _marked(self, stack: _Stack) -> Iterator[None]:
        """Leaves a mark while the engine works. Who finds it later knows that the engine, or this process, was killed:
        the state may then not know all that was made."""
        self._mark.touch()
        try:
            yield
        except auto.ConcurrentUpdateError:
            raise  # the mark is the other run's
        except auto.CommandError:
            if not (stack.command.killed or stack.command.cancellation.cancelled):
                self._mark.unlink(missing_ok=True)
            raise
        self._mark.unlink(missing_ok=True)

    def _preview(self, backend: Backend, program: Program, on_progress: OnProgress | None, refresh: bool) -> Preview:
        if on_progress:
            on_progress(Progress(message=f"previewing {self.name}"))
        recorder = Recorder(on_progress)
        with self._translated("preview", program, recorder, backend) as stack:
            if backend is not self._backend:
                stack.workspace.create_stack(self.name)
            stack.preview(on_event=recorder, refresh=refresh)
        return _planned(self.name, recorder)

    def _require(self) -> None:
        if not self.exists():
            raise NotFoundError(
                f"there is no stack for {self.name}: it was never applied, or it was destroyed",
                hint=f"`ecs-stack up {self.name}` makes it.",
            )

    def _remove(self, stack: _Stack, *, force: bool) -> None:
        """``force`` also removes a stack that has resources."""
        stack.workspace.remove_stack(self.name, force=force)
        self._backend.forget(self.name)

    def _open(
        self, backend: Backend, program: Program | None = None, cancellation: Cancellation | None = None
    ) -> _Stack:
        backend.prepare()
        environment = backend.environment(self._environment)
        command = EngineCommand(self._engine, environment, cancellation or Cancellation())
        return _Stack(self.name, command, str(backend.work_dir(self.name)), program)

    @contextmanager
    def _translated(
        self, doing: str, program: Program | None, recorder: Recorder, backend: Backend | None = None
    ) -> Iterator[_Stack]:
        """An open stack; failures of its runs come out as errors of ours, and those of the program as themselves."""
        if self._cancellation.cancelled:
            raise interruption(self.name, doing, recorder)
        guard = _Guard(program) if program else None
        stack = self._open(backend or self._backend, guard, self._cancellation)
        try:
            yield stack
        except auto.CommandError as error:
            if self._cancellation.cancelled:
                raise interruption(self.name, doing, recorder) from error
            if guard and guard.error:
                raise guard.error from None
            raise translate(error, environment=self.name, doing=doing, recorder=recorder) from error
        # A destroy whose stack is gone is done, whatever came too late to stop it.
        if self._cancellation.cancelled and doing != "destroy":
            recorder.drain()
            raise interruption(self.name, doing, recorder)


class _Stack(auto.Stack):
    """The SDK's stack without the engine runs around each operation: nothing is selected first, and outputs and
    summary, which the SDK fetches with three more runs, come with the events."""

    def __init__(self, name: str, command: EngineCommand, work_dir: str, program: Program | None) -> None:
        self.name = name
        self.command = command
        self.workspace = auto.LocalWorkspace(work_dir, program=program, pulumi_command=command)

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary:  # noqa: ARG002 (the SDK's signature)
        return auto.UpdateSummary("", datetime.now(UTC), "", {}, {}, "")

    def read_outputs(self) -> dict[str, Any]:
        """The outputs with secrets blinded, in one run where the SDK needs two."""
        return self.read("stack", "output", "--json")

    def read(self, *arguments: str) -> dict[str, Any]:
        """The JSON that a command of the engine prints about this stack."""
        run = [*arguments, "--stack", self.name]
        answer: dict[str, Any] = json.loads(self.command.run(run, self.workspace.work_dir, {}).stdout)
        return answer


class _Guard:
    """Calls the program and keeps what it raised: the engine only hands back a text."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.error: Exception | None = None
        sdk_logging.remember()

    def __call__(self) -> Awaitable[None]:
        sdk_logging.keep_to_this_loop()
        sdk_costs.silence_debug_messages()
        try:
            self._program()
        except Exception as error:
            self.error = error
            raise
        return sdk_costs.outputs_settled()


def stacks(backend: Backend, *, engine: Engine, environment: Mapping[str, str]) -> tuple[StackSummary, ...]:
    """Every stack of the project."""
    with backend.throwaway() as folder:
        command = EngineCommand(engine, backend.environment(environment), Cancellation())
        found = command.run(["stack", "ls", "--json"], str(folder.work_dir("list")), {}).stdout
    return tuple(
        StackSummary(
            name=item["name"],
            resources=int(item.get("resourceCount") or 0),
            updated_at=datetime.fromisoformat(item["lastUpdate"]) if item.get("lastUpdate") else None,
        )
        for item in json.loads(found)
    )


def _unless_stale(run: Callable[[], object]) -> None:
    """Runs, and once more without the locks of engines that were killed on this machine."""
    try:
        run()
    except auto.ConcurrentUpdateError as error:
        held = locks.in_the_way(error)
        if not held or not all(lock.is_stale for lock in held):
            raise
        for lock in held:
            lock.remove()
        run()


def _recorder(on_progress: OnProgress | None, plan: Preview | None) -> Recorder:
    if plan is None:
        return Recorder(on_progress)
    return Recorder(on_progress, total=len(plan.changes), pending=plan.summary.pending)


def _planned(environment: str, recorder: Recorder) -> Preview:
    recorder.drain()
    changes = recorder.changes(planned=True)
    return Preview(
        environment=environment,
        changes=changes,
        summary=summarize(changes),
        outputs_changed=recorder.outputs_changed,
        drift=tuple(sorted(recorder.drift, key=lambda found: found.urn)),
        duration=recorder.elapsed,
    )


def _update(recorder: Recorder) -> Update:
    recorder.drain()
    changes = recorder.changes()
    return Update(
        changes=changes,
        summary=summarize(changes),
        outputs=recorder.outputs or {},
        duration=recorder.elapsed,
    )
