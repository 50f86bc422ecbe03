"""One stack and its engine runs: preview, up, destroy, outputs. No run more than is needed.

Stacks of one process share nothing and may run at the same time, each in its own thread. A run that is cancelled ends
after the operations in flight; see ``command``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pulumi.automation as auto

from ecs_stack.automation import engine_home, settings, state_file, unlocking
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.command import EngineCommand
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.engine_stack import EngineStack, Guard, Program
from ecs_stack.automation.events import Recorder, summarize
from ecs_stack.automation.failures import engine_killed, interruption, translate, unreadable
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import NotFoundError, RefusedError
from ecs_stack.results import ChangeSummary, Preview, Progress, ResourceChange, UnlockReceipt

OnProgress = Callable[[Progress], None]

_DESTROY = "destroy"


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
        return self._exported() is not None

    def prepare(self) -> None:
        """Makes what an engine needs in the project's folder, for one that somebody else starts."""
        self._open(self._backend)

    def preview(self, program: Program, *, on_progress: OnProgress | None = None, refresh: bool = False) -> Preview:
        """What an up would change. Touches nothing: a stack that doesn't exist is previewed on a throwaway state.

        ``refresh`` first asks the provider how every resource is now.
        """
        if self.exists():
            return self._preview(self._backend, program, on_progress, refresh)
        with self._backend.throwaway(self.name) as backend:
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
                    created = self._begin(stack)
                with self._marked("up", stack, recorder):
                    self._run(lambda: stack.up(on_event=recorder, show_secrets=False, refresh=refresh))
        except Exception:
            if created and not (recorder.touched or self.was_cut_short()) and self.exists():
                with suppress(auto.StackNotFoundError):  # the state couldn't be written: that is what failed
                    self._remove(self._make(self._backend), force=True)
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
            with self._marked(_DESTROY, stack, recorder):
                self._run(lambda: stack.destroy(on_event=recorder, show_secrets=False))
            last()
            # Not by force: an engine that was cancelled may end well before everything is deleted, and then refuses.
            self._remove(self._open(self._backend), force=False)
        return _update(recorder)

    def refuse_if_locked(self) -> None:
        """Raises LockedError while another run changes the stack, where that can be told before a run of the engine."""
        unlocking.refuse_if_locked(self._backend, self.name)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keeps other runs off the stack, and this one's engine too. Raises LockedError if one has it."""
        with unlocking.held(self._backend, self.name):
            yield

    def unlock(self, *, force: bool = False) -> UnlockReceipt:
        """Removes the locks of runs that are gone; ``force`` also those of which that can't be told from here.

        Raises LockedError, and removes nothing, if a holder lives on this machine, or may live on another.
        """
        if self._backend.store is None:
            return self._cancel(force)
        removed = unlocking.remove_locks(self._backend.store, self._backend, self.name, force=force)
        return UnlockReceipt(environment=self.name, removed=removed)

    def _cancel(self, force: bool) -> UnlockReceipt:
        """The engine's own way, for a state that only it can read: it asks nobody whether the holder is gone."""
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
            self._run(lambda: self._remove(stack, force=True))

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

    def tagged(self, key: str) -> bool:
        """Whether a resource has a tag of this name."""
        return any(key in ((resource.get("inputs") or {}).get("tags") or {}) for resource in self.resources())

    def was_cut_short(self) -> bool:
        """Whether the last run that changed the stack from this folder may have made what the state doesn't know: it
        didn't end by itself, or a creation failed that may have been carried out."""
        return self._mark.exists()

    def refresh(self, *, on_progress: OnProgress | None = None) -> None:
        """Takes into the state how every resource is now. Creations that are pending in it are struck out: who calls
        this looks for what they made."""
        recorder = Recorder(on_progress)
        with self._translated("refresh", None, recorder) as stack:
            self._run(lambda: stack.refresh(on_event=recorder, show_secrets=False, clear_pending_creates=True))

    def resources(self) -> Sequence[Mapping[str, Any]]:
        """The resources as the state has them; secrets are encrypted."""
        found: Sequence[Mapping[str, Any]] = (self._state() or {}).get("resources") or ()
        return found

    def encryption(self) -> state_file.Encryption | None:
        """What the secrets in the state are encrypted with; None if it doesn't say."""
        return state_file.encryption(self._state() or {})

    @property
    def _mark(self) -> Path:
        return _mark(self._backend, self.name)

    @contextmanager
    def _marked(self, doing: str, stack: EngineStack, recorder: Recorder) -> Iterator[None]:
        """Leaves a mark while the engine works. Who finds it later knows that the state may not know all that was made:
        the engine, or this process, was killed, or the answer to a creation was lost."""
        self._mark.write_text(doing)
        try:
            yield
        except auto.ConcurrentUpdateError:
            raise  # the mark is the other run's
        except auto.CommandError:
            if not (stack.command.killed or stack.command.cancellation.cancelled or recorder.in_doubt):
                self._mark.unlink(missing_ok=True)
            raise
        self._mark.unlink(missing_ok=True)

    def _preview(self, backend: Backend, program: Program, on_progress: OnProgress | None, refresh: bool) -> Preview:
        if on_progress:
            on_progress(Progress(message=f"previewing {self.name}"))
        recorder = Recorder(on_progress)
        with self._translated("preview", program, recorder, backend) as stack:
            stack.preview(on_event=recorder, refresh=refresh)
        return _planned(self.name, recorder)

    def _require(self) -> None:
        if not self.exists():
            raise NotFoundError(
                f"there is no stack for {self.name}: it was never applied, or it was destroyed",
                hint=f"`ecs-stack up {self.name}` makes it.",
            )

    def _begin(self, stack: EngineStack) -> bool:
        """Makes the stack, with nothing in it; False if another run was faster."""
        if self._backend.can_begin:
            return self._backend.begin(self.name)
        try:
            stack.workspace.create_stack(self.name)
        except auto.StackAlreadyExistsError:
            return False
        return True

    def _remove(self, stack: EngineStack, *, force: bool) -> None:
        """``force`` also removes a stack that has resources."""
        stack.workspace.remove_stack(self.name, force=force)
        self._backend.forget(self.name)

    def _run(self, run: Callable[[], object]) -> None:
        unlocking.unless_stale(run, self._backend)

    def _state(self) -> Mapping[str, Any] | None:
        """The state as `stack export` has it, with the engine's help if need be; None without a stack."""
        if self._backend.has(self.name) is False:
            return None
        known = state_file.deployment(self._backend, self.name)
        return self._exported() if known is None else known

    def _exported(self) -> Mapping[str, Any] | None:
        try:
            state = self._make(self._backend).read("stack", "export")
        except auto.StackNotFoundError:
            return None
        except auto.CommandError as error:
            raise unreadable(error, environment=self.name, place=self._backend.place) from error
        found: Mapping[str, Any] = state.get("deployment") or {}
        return found

    def _open(
        self, backend: Backend, program: Program | None = None, cancellation: Cancellation | None = None
    ) -> EngineStack:
        stack = self._make(backend, program, cancellation)
        if backend is self._backend and settings.may_differ(backend, self.name):
            settings.follow(backend, self.name, self._state())
        return stack

    def _make(
        self, backend: Backend, program: Program | None = None, cancellation: Cancellation | None = None
    ) -> EngineStack:
        backend.prepare()
        environment = backend.environment(self._environment)
        command = EngineCommand(self._engine, environment, cancellation or Cancellation())
        return EngineStack(self.name, command, str(backend.work_dir(self.name)), program, backend.secrets)

    @contextmanager
    def _translated(
        self, doing: str, program: Program | None, recorder: Recorder, backend: Backend | None = None
    ) -> Iterator[EngineStack]:
        """An open stack; failures of its runs come out as errors of ours, and those of the program as themselves."""
        if self._cancellation.cancelled:
            raise interruption(self.name, doing, recorder)
        guard = Guard(program) if program else None
        stack = self._open(backend or self._backend, guard, self._cancellation)
        try:
            yield stack
        except auto.CommandError as error:
            if self._cancellation.cancelled:
                raise interruption(self.name, doing, recorder) from error
            if guard and guard.error:
                raise guard.error from None
            if stack.command.killed:
                raise engine_killed(self.name, doing, stack.command.killed, recorder) from error
            raise translate(error, environment=self.name, doing=doing, recorder=recorder) from error
        # A destroy whose stack is gone is done, whatever came too late to stop it.
        if self._cancellation.cancelled and doing != "destroy":
            recorder.drain()
            raise interruption(self.name, doing, recorder)


def was_ending(backend: Backend, name: str) -> bool:
    """Whether the last run of a stack from this folder that was cut short was one that deletes it."""
    try:
        return _mark(backend, name).read_text() == _DESTROY
    except FileNotFoundError:
        return False


def _mark(backend: Backend, name: str) -> Path:
    return backend.home / "work" / name / "running"


def stacks(backend: Backend, *, engine: Engine, environment: Mapping[str, str]) -> tuple[StackSummary, ...]:
    """Every stack of the project."""
    with backend.throwaway() as folder:
        home = {} if backend.is_service else {"PULUMI_HOME": str(engine_home.make(folder.home))}
        command = EngineCommand(engine, {**backend.environment(environment), **home}, Cancellation())
        try:
            found = command.run(["stack", "ls", "--json"], str(folder.work_dir("list")), {}).stdout
        except auto.CommandError as error:
            raise unreadable(error, environment="the project's stacks", place=backend.place) from error
    return tuple(
        StackSummary(
            name=item["name"],
            resources=int(item.get("resourceCount") or 0),
            updated_at=datetime.fromisoformat(item["lastUpdate"]) if item.get("lastUpdate") else None,
        )
        for item in json.loads(found)
    )


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
