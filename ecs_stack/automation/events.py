"""Engine events -> results: what a run changes, how far it is, and what went wrong."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.automation.events import (
    DiagnosticEvent,
    EngineEvent,
    OpType,
    StepEventMetadata,
    StepEventStateMetadata,
)

from ecs_stack.automation.diffs import blind, input_changes, property_changes
from ecs_stack.results import (
    ChangeKind,
    ChangeSummary,
    DriftKind,
    Progress,
    PropertyChange,
    ResourceChange,
    ResourceDrift,
)
from ecs_stack.rules import passing_errors

_STACK_TYPE = "pulumi:pulumi:Stack"
_PROVIDERS = "pulumi:providers:"
#: Seconds that the last events may take to arrive; the SDK's server accepts them as long.
LAST_EVENT = 5.0
_KINDS = {
    OpType.CREATE: ChangeKind.CREATE,
    OpType.IMPORT: ChangeKind.CREATE,
    OpType.UPDATE: ChangeKind.UPDATE,
    OpType.DELETE: ChangeKind.DELETE,
    OpType.DISCARD: ChangeKind.DELETE,
    OpType.REPLACE: ChangeKind.REPLACE,
    OpType.CREATE_REPLACEMENT: ChangeKind.REPLACE,
    OpType.IMPORT_REPLACEMENT: ChangeKind.REPLACE,
    OpType.DELETE_REPLACED: ChangeKind.REPLACE,
    OpType.DISCARD_REPLACED: ChangeKind.REPLACE,
    OpType.REMOVE_PENDING_REPLACE: ChangeKind.REPLACE,
}
#: Steps of a refresh: the engine asks the provider and changes nothing but its state.
_LOOKS = {OpType.REFRESH}
_DOING = {
    ChangeKind.CREATE: "creating",
    ChangeKind.UPDATE: "updating",
    ChangeKind.REPLACE: "replacing",
    ChangeKind.DELETE: "deleting",
}
_DONE = {
    ChangeKind.CREATE: "created",
    ChangeKind.UPDATE: "updated",
    ChangeKind.REPLACE: "replaced",
    ChangeKind.DELETE: "deleted",
}
#: A replacement is two steps, in either order.
_HALF_DOING = {OpType.CREATE_REPLACEMENT: "creating the new", OpType.DELETE_REPLACED: "deleting the old"}
_HALF_DONE = {OpType.CREATE_REPLACEMENT: "created the new", OpType.DELETE_REPLACED: "deleted the old"}


@dataclass(frozen=True)
class Problem:
    """One error that the engine reported. ``resource`` is ``type name``, or None for the run itself."""

    resource: str | None
    message: str


@dataclass
class _Resource:
    """The steps of one URN, folded into one change."""

    urn: str
    type: str
    parent: str | None
    kind: ChangeKind
    custom: bool
    properties: tuple[PropertyChange, ...] = ()
    finished: bool = False
    failed: bool = False


@dataclass
class Recorder:
    """Collects the events of one run. Thread-safe: the engine's events arrive on a thread of the SDK's.

    If a preview has told: ``total`` is how many resources the run will look at, ``pending`` how many it will change.
    """

    on_progress: Callable[[Progress], None] | None = None
    total: int | None = None
    pending: int | None = None
    problems: list[Problem] = field(default_factory=list)
    #: The stack's outputs after the run; secrets are blinded. None if the program didn't get that far.
    outputs: Mapping[str, Any] | None = None
    outputs_changed: bool = False
    #: What a refresh found: resources that were deleted or changed by somebody else.
    drift: list[ResourceDrift] = field(default_factory=list)
    _ended: threading.Event = field(default_factory=threading.Event)
    _resources: dict[str, _Resource] = field(default_factory=dict)
    #: What is done and what is under way, by URN: counting all of it at every event would be quadratic.
    _done: set[str] = field(default_factory=set)
    _busy: dict[str, str] = field(default_factory=dict)
    _looked_at: set[str] = field(default_factory=set)
    _planning: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _started: float = field(default_factory=time.monotonic)

    def __call__(self, event: EngineEvent) -> None:
        """Takes one event. Progress without a message only counts: nothing happened to the resource."""
        with self._lock:
            message = self._take(event)
            progress = None if message is None or not self.on_progress else self._progress(message)
        if progress and self.on_progress:
            self.on_progress(progress)

    def changes(self, *, planned: bool = False) -> tuple[ResourceChange, ...]:
        """Every resource of the run, in the order of their URNs (events come in any). What was begun and not
        finished is left out, unless ``planned``: a preview finishes nothing."""
        with self._lock:
            return tuple(
                ResourceChange(
                    urn=r.urn,
                    type=r.type,
                    name=_name(r.urn),
                    kind=r.kind,
                    parent=r.parent,
                    properties=r.properties,
                )
                for r in sorted(self._resources.values(), key=lambda r: r.urn)
                if planned or (r.finished and not r.failed) or r.kind is ChangeKind.SAME
            )

    @property
    def unfinished(self) -> tuple[str, ...]:
        """The resources of AWS whose change was begun and neither ended nor failed."""
        with self._lock:
            return tuple(label(urn) for urn in sorted(self._busy))

    def drain(self) -> None:
        """Waits for the last event of a run that succeeded: the engine's process may end before it is here."""
        self._ended.wait(LAST_EVENT)

    @property
    def in_doubt(self) -> bool:
        """Whether something failed so that it may have been made all the same, or was made by a call before."""
        with self._lock:
            return any(passing_errors.is_in_doubt(problem.message) for problem in self.problems)

    @property
    def touched(self) -> bool:
        """Whether the run has begun to change anything but the state, where components and providers live."""
        with self._lock:
            return any(
                r.custom and r.kind is not ChangeKind.SAME and not r.type.startswith(_PROVIDERS)
                for r in self._resources.values()
            )

    @property
    def elapsed(self) -> float:
        """Seconds since the run began."""
        return time.monotonic() - self._started

    def _take(self, event: EngineEvent) -> str | None:
        if began := event.resource_pre_event:
            if began.metadata.op in _LOOKS:
                self._looked_at.add(began.metadata.urn)
                return None
            self._looked_at.discard(began.metadata.urn)
            message = self._began(began.metadata)
            return None if began.planning else message
        if finished := event.res_outputs_event:
            if finished.metadata.urn in self._looked_at:
                self._looked_at.discard(finished.metadata.urn)
                return self._found(finished.metadata)
            self._planning = bool(finished.planning)
            message = self._finished(finished.metadata)
            # A preview only counts: nothing was created.
            return "" if message and self._planning else message
        if event.res_op_failed_event:
            return self._failed(event.res_op_failed_event.metadata)
        if event.diagnostic_event:
            return self._diagnosed(event.diagnostic_event)
        if event.cancel_event:
            self._ended.set()
        return None

    def _began(self, step: StepEventMetadata) -> str | None:
        if _is_default_provider(step.urn):
            return None
        kind = _KINDS.get(step.op, ChangeKind.SAME)
        resource = self._resources.get(step.urn)
        if resource is None:
            state = step.new or step.old
            resource = self._resources[step.urn] = _Resource(
                step.urn, step.type, _parent(state), kind, bool(state and state.custom)
            )
        elif ChangeKind.REPLACE in (kind, resource.kind):
            resource.kind = ChangeKind.REPLACE
        resource.properties = resource.properties or (
            property_changes(step) if kind in (ChangeKind.UPDATE, ChangeKind.REPLACE) else ()
        )
        # A replacement's last step deletes the old one; "replace" itself only announces the pair.
        resource.finished = step.op is OpType.REPLACE and resource.finished
        self._count(resource)
        if not resource.custom or resource.kind not in _DOING or step.op is OpType.REPLACE:
            return None
        return f"{_HALF_DOING.get(step.op, _DOING[resource.kind])} {label(step.urn)}"

    def _finished(self, step: StepEventMetadata) -> str | None:
        if step.type == _STACK_TYPE:
            # The engine sends the stack's outputs twice in a preview: without them first.
            old = (step.old.outputs if step.old else None) or {}
            self.outputs = (step.new.outputs if step.new else None) or {}
            self.outputs_changed = old != self.outputs
            self.outputs = blind(self.outputs)
        resource = self._resources.get(step.urn)
        if resource is None or resource.finished:
            return None
        resource.finished = True
        self._count(resource)
        if not resource.custom or resource.kind not in _DONE:
            return ""
        return f"{_HALF_DONE.get(step.op, _DONE[resource.kind])} {label(step.urn)}"

    def _found(self, step: StepEventMetadata) -> str | None:
        """What a look at the provider says about a resource, before the run does anything to it."""
        if step.old is None or not step.old.custom or step.type.startswith(_PROVIDERS):
            return None
        properties = () if step.new is None else input_changes(step.old, step.new)
        if step.new is not None and not properties:
            return None
        kind = DriftKind.DELETED if step.new is None else DriftKind.CHANGED
        self.drift.append(
            ResourceDrift(urn=step.urn, type=step.type, name=_name(step.urn), kind=kind, properties=properties)
        )
        return f"found {label(step.urn)} {kind.value}"

    def _failed(self, step: StepEventMetadata) -> str | None:
        resource = self._resources.get(step.urn)
        if resource is None:
            return None
        resource.failed = resource.finished = True
        self._count(resource)
        return f"failed {label(step.urn)}"

    def _diagnosed(self, event: DiagnosticEvent) -> str | None:
        text = event.message.strip()
        resource = label(event.urn) if event.urn and _type(event.urn) != _STACK_TYPE else None
        if event.severity == "error":
            self.problems.append(Problem(resource, text))
        return f"warning: {resource}: {text}" if event.severity == "warning" and resource else None

    def _count(self, resource: _Resource) -> None:
        (self._done.add if resource.finished else self._done.discard)(resource.urn)
        if resource.custom and resource.kind in _DOING and not resource.finished:
            self._busy.setdefault(resource.urn, label(resource.urn))
        else:
            self._busy.pop(resource.urn, None)

    def _progress(self, message: str) -> Progress:
        return Progress(
            message=message,
            done=len(self._done),
            total=max(self.total, len(self._resources)) if self.total is not None else None,
            waiting_for=() if self._planning else tuple(self._busy.values()),
            elapsed=self.elapsed,
        )


def _message(words: Mapping[ChangeKind, str], resource: _Resource) -> str:
    """Components live in the state only: nothing to tell."""
    return f"{words[resource.kind]} {label(resource.urn)}" if resource.custom and resource.kind in words else ""


def summarize(changes: tuple[ResourceChange, ...]) -> ChangeSummary:
    """Counts by kind."""
    counts = {kind.value: 0 for kind in ChangeKind}
    for change in changes:
        counts[change.kind.value] += 1
    return ChangeSummary(**counts)


def label(urn: str) -> str:
    """``Service dev-api`` for ``urn:pulumi:dev::ecs-stack::...$aws:ecs/service:Service::dev-api``."""
    type_ = _type(urn)
    return f"{'Provider' if type_.startswith(_PROVIDERS) else type_.rsplit(':', 1)[-1]} {_name(urn)}"


def _name(urn: str) -> str:
    # urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME, in which only the name may hold "::".
    return urn.split("::", 3)[-1]


def _type(urn: str) -> str:
    parts = urn.split("::", 3)
    return parts[2].split("$")[-1] if len(parts) > 2 else urn


def _is_default_provider(urn: str) -> bool:
    """The engine makes one per plugin by itself; nothing of the program's."""
    return _type(urn).startswith(_PROVIDERS) and _name(urn).startswith("default")


def _parent(state: StepEventStateMetadata | None) -> str | None:
    return (state.parent or None) if state else None
