"""Takes away what ``look`` found, and looks again: several at a time, each judged anew right before.

What is left by a run that is killed here is found by the next one as it was by this: nothing is kept between them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from threading import Lock

from botocore.exceptions import ClientError

from ecs_stack import runs, standing
from ecs_stack.automation import locks, unlocking
from ecs_stack.automation.engine import Engine
from ecs_stack.automation.stacks import Stack
from ecs_stack.cancellation import Cancellation
from ecs_stack.errors import EcsStackError, InterruptedRunError, LockedError
from ecs_stack.locate import find_engine
from ecs_stack.operations import orphans, task_definitions
from ecs_stack.operations.aws_errors import translated
from ecs_stack.operations.tagged import Known, is_gone
from ecs_stack.progress import OnProgress
from ecs_stack.pruning.look import REVISIONS, Case, Look, known_now
from ecs_stack.pruning.results import Absence, Going, Ground, Outcome
from ecs_stack.results import ChangeKind, Progress, ResourceChange
from ecs_stack.rules.tags import ENVIRONMENT, PROJECT

#: Environments that are taken away at a time: ECS drains tasks for up to minutes, and each has engines of its own.
_AT_A_TIME = 4
#: The kinds of ``orphans.EPHEMERAL`` by the engine's types.
_KINDS = {
    "aws:ecs/service:Service": "service",
    "aws:appautoscaling/target:Target": "scalable target",
    "aws:lb/listenerRule:ListenerRule": "listener or rule",
    "aws:lb/targetGroup:TargetGroup": "target group",
    "aws:cloudwatch/logGroup:LogGroup": "log group",
    "aws:iam/role:Role": "role or policy",
    "aws:iam/rolePolicy:RolePolicy": "role or policy",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "security group rule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "security group rule",
    "aws:ec2/securityGroup:SecurityGroup": "security group",
    "aws:ecs/taskDefinition:TaskDefinition": "task definition",
}
_STACK = "stack"


@dataclass(frozen=True)
class Done:
    """What became of all, and how many of each kind were deleted."""

    going: tuple[Going, ...]
    deleted: Counter[str]


class Pruner:
    """One prune. ``on_progress`` is called by one thread at a time."""

    def __init__(self, look: Look, on_progress: OnProgress | None, cancellation: Cancellation) -> None:
        self._look = look
        self._on_progress = on_progress
        self._cancellation = cancellation
        self._engine: Engine = find_engine(on_progress)
        self._lock = Lock()
        self._ended = 0
        self._deleted: Counter[str] = Counter()

    def run(self) -> Done:
        """Takes all of it away. Raises InterruptedRunError if it was cancelled, after the runs under way have ended."""
        from ecs_stack import program  # a look alone needs none

        program.load_sdk()
        with ThreadPoolExecutor(_AT_A_TIME) as workers:
            futures = [workers.submit(self._case, case) for case in self._look.cases]
            try:
                wait(futures)
            except KeyboardInterrupt:
                self._cancellation.cancel()
                _patiently(futures, self._cancellation)
        if self._cancellation.cancelled:
            gone = [each.environment for each in _results(futures) if each.outcome is Outcome.GONE]
            said = f"gone until then: {', '.join(gone)}" if gone else "nothing was gone until then"
            raise InterruptedRunError(
                f"the prune was interrupted; {said}", hint="The next prune goes on with what is left."
            )
        return Done(tuple(future.result() for future in futures), self._deleted)

    def _case(self, case: Case) -> Going:
        if self._cancellation.cancelled:
            return case.result
        try:
            problem = self._patiently(case)
            result = replace(case.result, outcome=Outcome.STAYS if problem else Outcome.GONE, problem=problem)
        except LockedError as error:
            result = replace(case.result, outcome=Outcome.STAYS, problem=error.message)
        except InterruptedRunError as error:
            result = replace(case.result, outcome=Outcome.FAILED, problem=error.message)
        except EcsStackError as error:
            said = "; ".join((error.message, *error.problems))
            result = replace(case.result, outcome=Outcome.FAILED, problem=said)
        with self._lock:
            self._ended += 1
        self._say(case, "is gone" if result.outcome is Outcome.GONE else f"{result.outcome}: {result.problem}")
        return result

    def _patiently(self, case: Case) -> str | None:
        what = f"the prune of {case.result.environment}"
        return runs.patiently(what, lambda: self._remove(case), self._look.wait, self._steps(case), self._cancellation)

    def _remove(self, case: Case) -> str | None:
        """Takes one away. Returns why it stays, if it does now."""
        for holder in unlocking.remove_abandoned(case.home, case.result.environment, self._look.at):
            self._say(case, f"the lock of {locks.describe(holder)} is too old for a run: removed")
        found = case.found
        if found is not None:
            now = standing.find(found.backend, found.name, self._engine)
            if now is None:  # somebody else took it away
                found, case = None, replace(case, found=None)
            elif case.result.ground is not Ground.ORPHANED:
                verdict = self._look.verdict(now, case.site)
                if verdict.ground is None:
                    return verdict.why
                found = now
        self._orphans(case)
        if found is None:
            case.home.forget(case.result.environment)
            return None
        if case.result.ground is Ground.ORPHANED:
            return None
        if case.result.ground is Ground.EMPTY:
            return self._empty(case)
        receipt = runs.delete(
            found.name, found.found(self._look.root), self._engine, self._steps(case), None, self._cancellation
        )
        self._count([*_kinds(receipt.changes), _STACK])
        return None

    def _orphans(self, case: Case) -> None:
        """First: what holds on to something of the stack would keep that from going."""
        if not case.orphans:
            return
        home, name = case.home, case.result.environment
        if home.store is None and case.found is not None:
            raise EcsStackError(
                f"whether a run of {name} is under way can't be told where its state is kept ({home.place}), so what "
                "its state doesn't know of is left alone"
            )
        # What another run makes meanwhile would be in no state that was read before it began.
        with unlocking.held(home, name), translated(name, changed=True):
            known = frozenset().union(*(known_now(each, name) for each in self._look.backends))
            for kind, orphan in case.orphans:
                if self._cancellation.cancelled:
                    raise InterruptedRunError("cancelled")
                if orphan.identity in known:
                    continue
                self._say(case, f"deleting {kind} {orphan.identity}")
                try:
                    orphan.delete()
                except ClientError as error:
                    if not is_gone(error):
                        raise
                self._count([kind])

    def _empty(self, case: Case) -> str | None:
        """Removes a stack without resources: its file, under its lock."""
        home, name = case.home, case.result.environment
        if home.store is None:
            Stack(home, name, engine=self._engine, environment=os.environ).forget()
        else:
            with unlocking.held(home, name):
                if standing.of_resources(home, name, standing.resources_of(home, name)).resources:
                    return "another run has made something of it"
                tags = {PROJECT: self._look.project, ENVIRONMENT: name}
                with translated(name, changed=True):
                    for site in dict.fromkeys(self._look.sites.reached.values()):
                        gone = task_definitions.deregister(f"{name}-", tags, ecs=site.client("ecs"))
                        self._count(["task definition"] * len(gone))
                home.drop(name)
        self._count([_STACK])
        return None

    def _steps(self, case: Case) -> OnProgress:
        def step(progress: Progress) -> None:
            if progress.message:
                self._say(case, progress.message)

        return step

    def _say(self, case: Case, text: str) -> None:
        if self._on_progress:
            done, total = self._ended, len(self._look.cases)
            self._on_progress(Progress(message=f"{case.result.environment}: {text}", done=done, total=total))

    def _count(self, kinds: Iterable[str]) -> None:
        with self._lock:
            self._deleted.update(kinds)


def absence(look: Look, done: Done) -> tuple[Absence, ...]:
    """Looks by tag for everything of what is gone. The states of all others are known, as they were."""
    gone = {each.environment for each in done.going if each.outcome is Outcome.GONE}
    # Of these only the orphans had to go.
    alive = {case.result.environment for case in look.cases if case.found and case.result.ground is Ground.ORPHANED}
    known = Known(frozenset().union(*(ids for name, ids in look.known.items() if name not in gone - alive)))
    # What another run has made anew meanwhile is no remainder.
    there = {name for name in gone - alive if any(each.has(name) for each in look.backends)}
    left: dict[str, list[str]] = {}
    for site in dict.fromkeys(look.sites.reached.values()):
        for kind, orphan in site.find(look.project, known, gone - there):
            if kind != REVISIONS or orphan.tags[ENVIRONMENT] not in alive:
                left.setdefault(kind, []).append(orphan.identity)
    kinds = [kind for kind, _ in orphans.EPHEMERAL]
    return (
        Absence(kind=_STACK, deleted=done.deleted[_STACK]),
        *(Absence(kind=kind, deleted=done.deleted[kind], left=tuple(left.get(kind, ()))) for kind in kinds),
    )


def _kinds(changes: Sequence[ResourceChange]) -> list[str]:
    deleted = (change for change in changes if change.kind is ChangeKind.DELETE)
    return [_KINDS[change.type] for change in deleted if change.type in _KINDS]


def _results(futures: Sequence[Future[Going]]) -> list[Going]:
    return [future.result() for future in futures if future.done() and not future.exception()]


def _patiently(futures: Sequence[Future[Going]], cancellation: Cancellation) -> None:
    """Waits for the runs that are ending. Another Ctrl-C makes the engine give up on what it has under way."""
    while True:
        try:
            wait(futures)
            return
        except KeyboardInterrupt:
            cancellation.cancel()
