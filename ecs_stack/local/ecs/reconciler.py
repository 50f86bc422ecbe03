"""The loop that makes things so: one thread that carries out what tasks and services should be.

Each round is level-triggered: it looks at what is stored, not at what changed, so a round after a crash
goes on where the last one stopped. What a round decides is stored before it is carried out, and nothing
that leaves the process (Docker, Elastic Load Balancing) is called while the store is locked.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable

from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.ecs import housekeeping, service_scheduler, task_documents
from ecs_stack.local.ecs.arns import region_of
from ecs_stack.local.ecs.context import Context
from ecs_stack.local.ecs.roles import role_problem, roles_of
from ecs_stack.local.ecs.runner.model import TaskRun, TaskRunner, TaskState
from ecs_stack.local.ecs.service_documents import deployment_of, say, say_once
from ecs_stack.local.ecs.store import Document, Store
from ecs_stack.local.ecs.targets import Target, Targets

_LOG = logging.getLogger(__name__)
#: Seconds between rounds while something is under way, and otherwise. Changes that the runner or a caller
#: report start a round at once.
_BUSY, _QUIET = 0.25, 1.0
#: Seconds between two questions for target health while something depends on it, and otherwise.
_POLL_BUSY, _POLL_QUIET = 0.4, 2.0
#: Seconds until a target group that refused a change is tried again.
_RETRY = 5.0
_HOUSEKEEPING = 60.0
#: Seconds: the longest deregistration delay (Elastic Load Balancing, deregistration_delay.timeout_seconds).
_MAX_DRAINING = 3600.0
_NO_DOCKER = "No Docker engine answers on this machine: tasks are recorded but not run"
_IN_PLACE = ("registered", "draining")


class Reconciler:
    """Runs rounds from ``start`` to ``stop``. ``context`` gives a region's context."""

    def __init__(
        self,
        *,
        store: Store,
        context: Callable[[str], Context],
        runner: TaskRunner | None,
        addresses: AddressBook,
        targets: Targets,
    ) -> None:
        self._store = store
        self._context = context
        self._runner = runner
        self._addresses = addresses
        self._targets = targets
        self._states: queue.SimpleQueue[TaskState] = queue.SimpleQueue()
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="ecs-reconciler", daemon=True)
        self._stop_sent: set[str] = set()
        self._polled: dict[str, float] = {}
        self._retry: dict[str, float] = {}
        self._cleaned = time.monotonic()

    def start(self) -> None:
        """Take over live containers, then run rounds in the background."""
        if self._runner is not None:
            # Containers that lived on are reachable at once, before Docker has been asked about them.
            with self._store.transaction():
                for task in self._live():
                    self._publish(task)
            self._runner.listen(self._hear)
            self._runner.adopt(self._launched())
        self._thread.start()

    def stop(self) -> None:
        """Finish the round that is running. Containers live on."""
        self._stopping.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(10)

    def wake(self) -> None:
        """Start a round at once."""
        self._wake.set()

    def _hear(self, state: TaskState) -> None:
        self._states.put(state)
        self._wake.set()

    def _loop(self) -> None:
        while not self._stopping.is_set():
            try:
                busy = self._round()
            except Exception:
                _LOG.exception("a round of the scheduler failed")
                busy = False
            self._wake.wait(_BUSY if busy else _QUIET)
            self._wake.clear()

    def _round(self) -> bool:
        """One round. Whether something is under way."""
        self._observe()
        self._step_services()
        if self._runner is None:
            self._record_only()
        else:
            self._launch(self._runner)
        self._register()
        self._deregister()
        if self._runner is not None:
            self._stop_tasks(self._runner)
        busy = self._is_busy()
        self._poll(_POLL_BUSY if busy else _POLL_QUIET)
        if time.monotonic() - self._cleaned > _HOUSEKEEPING:
            self._cleaned = time.monotonic()
            with self._store.transaction():
                housekeeping.clean(self._store, self._context)
        return busy

    def _step_services(self) -> None:
        """Each service in a transaction of its own: one that fails doesn't hold up the others."""
        with self._store.transaction():
            arns = [s["serviceArn"] for s in self._store.all("service") if s["status"] != "INACTIVE"]
        for arn in arns:
            try:
                with self._store.transaction():
                    service = self._store.edit("service", arn)
                    service_scheduler.step(self._context(region_of(arn)), service, self._targets)
            except Exception:
                _LOG.exception("the scheduler failed on %s", arn)

    def _launched(self) -> list[TaskRun]:
        with self._store.transaction():
            return [
                task_documents.run_of(self._context(region_of(task["taskArn"])), task)
                for task in self._live()
                if task["launched"]
            ]

    def _live(self) -> list[Document]:
        return [task for task in self._store.all("task") if task["lastStatus"] != "STOPPED"]

    def _observe(self) -> None:
        """Take over what the runner reported."""
        states: list[TaskState] = []
        while not self._states.empty():
            states.append(self._states.get())
        with self._store.transaction():
            for state in states:
                known = self._store.get("task", state.arn)
                if known is None or known["lastStatus"] == "STOPPED":
                    continue
                ctx = self._context(region_of(state.arn))
                task = self._store.edit("task", state.arn)
                task_documents.observe(ctx, task, state)
                if state.last_status == "RUNNING":
                    self._publish(task)
                if task["lastStatus"] == "STOPPED":
                    self._ended(ctx, task)

    def _publish(self, task: Document) -> None:
        for port, host_port in task["hostPorts"].items():
            self._addresses.publish(task["vpcId"], task["privateIp"], int(port), host_port)

    def _ended(self, ctx: Context, task: Document) -> None:
        self._addresses.withdraw(task["vpcId"], task["privateIp"])
        self._stop_sent.discard(task["taskArn"])
        if "serviceArn" in task:
            service_scheduler.task_ended(ctx, task)

    def _record_only(self) -> None:
        """Without Docker tasks wait in PENDING, and say why."""
        with self._store.transaction():
            for found in self._live():
                ctx = self._context(region_of(found["taskArn"]))
                if found["desiredStatus"] == "STOPPED":
                    task = self._store.edit("task", found["taskArn"])
                    task_documents.stopped(ctx, task)
                    self._ended(ctx, task)
                elif found["lastStatus"] == "PROVISIONING":
                    task = self._store.edit("task", found["taskArn"])
                    for container in task["containers"]:
                        container["reason"] = _NO_DOCKER
                    task_documents.advance(ctx, task, "PENDING")
                    self._say_no_docker(ctx, task)

    def _say_no_docker(self, ctx: Context, task: Document) -> None:
        if "serviceArn" in task:
            service = self._store.edit("service", task["serviceArn"])
            deployment = deployment_of(service, task["deploymentId"])
            if deployment is not None:
                say_once(ctx, service, deployment, f"was unable to place a task. Reason: {_NO_DOCKER}.")

    def _launch(self, runner: TaskRunner) -> None:
        runs: list[TaskRun] = []
        with self._store.transaction():
            for found in self._live():
                if found["launched"]:
                    continue
                ctx = self._context(region_of(found["taskArn"]))
                task = self._store.edit("task", found["taskArn"])
                if task["desiredStatus"] == "STOPPED":
                    task_documents.stopped(ctx, task)
                    self._ended(ctx, task)
                else:
                    task["launched"] = True
                    runs.append(task_documents.run_of(ctx, task))
        for run in runs:
            iam = self._context(run.region).client("iam")
            problem = role_problem(iam, roles_of(run.definition, run.overrides))
            if problem is None:
                runner.launch(run)
            else:
                self._refuse(run.arn, problem)

    def _refuse(self, arn: str, reason: str) -> None:
        """A task that can't be launched."""
        with self._store.transaction():
            ctx, task = self._context(region_of(arn)), self._store.edit("task", arn)
            task.setdefault("stopCode", "TaskFailedToStart")
            task.setdefault("stoppedReason", reason)
            task_documents.stopped(ctx, task)
            self._ended(ctx, task)

    def _register(self) -> None:
        """Targets of running tasks: published by now, so registered."""
        waiting = self._by_group(
            lambda task: task["desiredStatus"] == "RUNNING" and task["lastStatus"] in ("ACTIVATING", "RUNNING"),
            ("new",),
        )
        for group, members in waiting.items():
            error = self._targets.register(group, members.values())
            self._after_change(group, error)
            self._note(group, members, "registered" if error is None else None, error)

    def _deregister(self) -> None:
        leaving = self._by_group(lambda task: task["desiredStatus"] == "STOPPED", ("registered",))
        for group, members in leaving.items():
            error = self._targets.deregister(group, members.values())
            self._after_change(group, error)
            if error is None:
                self._note(group, members, "draining", None)

    def _after_change(self, group: str, error: str | None) -> None:
        """What was heard of a changed target group is out of date; a refused change is tried later."""
        if error is None:
            self._targets.forget(group)
        else:
            self._retry[group] = time.monotonic() + _RETRY

    def _by_group(self, applies: Callable[[Document], bool], states: Iterable[str]) -> dict[str, dict[str, Target]]:
        """Target group -> task ARN -> address, of the tasks that ``applies`` to and groups to be tried now."""
        found: dict[str, dict[str, Target]] = defaultdict(dict)
        with self._store.transaction():
            for task in self._store.all("task"):
                for target in task["targets"]:
                    if target["state"] in states and applies(task):
                        found[target["targetGroupArn"]][task["taskArn"]] = (task["privateIp"], target["port"])
        return {group: found[group] for group in found if time.monotonic() >= self._retry.get(group, 0.0)}

    def _note(self, group: str, members: dict[str, Target], state: str | None, error: str | None) -> None:
        """Store what became of targets and say so in their services' events."""
        by_service: dict[str, int] = defaultdict(int)
        with self._store.transaction():
            for arn, (_, port) in members.items():
                task = self._store.edit("task", arn)
                ctx = self._context(region_of(arn))
                by_service[task["serviceArn"]] += 1
                for target in task["targets"]:
                    if (target["targetGroupArn"], target["port"]) == (group, port) and state is not None:
                        over = state == "draining" and task["lastStatus"] == "STOPPED"
                        target["state"] = "gone" if over else state
                        target["since"] = ctx.now()
                if state == "registered" and all(t["state"] != "new" for t in task["targets"]):
                    task_documents.advance(ctx, task, "RUNNING")
            for arn, number in by_service.items():
                ctx = self._context(region_of(arn))
                service = self._store.edit("service", arn)
                if error is not None:
                    message = f"failed to register targets in (target-group {group}) with (error {error})"
                    say_once(ctx, service, service["deployments"][-1], message)
                elif state == "registered":
                    say(ctx, service, f"registered {number} targets in (target-group {group})")
                else:
                    say(ctx, service, f"has begun draining connections on {number} tasks.")
                    say(ctx, service, f"deregistered {number} targets in (target-group {group})")

    def _stop_tasks(self, runner: TaskRunner) -> None:
        """Stop containers whose targets have drained."""
        with self._store.transaction():
            leaving = [
                (task["taskArn"], task["stopCode"], task["stoppedReason"])
                for task in self._live()
                if task["desiredStatus"] == "STOPPED"
                and task["taskArn"] not in self._stop_sent
                and not any(target["state"] in _IN_PLACE for target in task["targets"])
            ]
        for arn, code, reason in leaving:
            if runner.state(arn) is None:
                self._refuse(arn, reason)  # The runner never heard of it: there is nothing to stop.
            else:
                runner.stop(arn, stop_code=code, reason=reason)
                self._stop_sent.add(arn)

    def _poll(self, interval: float) -> None:
        """Ask for the health of targets, and move on those that have drained or got lost."""
        with self._store.transaction():
            groups = {
                target["targetGroupArn"]
                for task in self._store.all("task")
                for target in task["targets"]
                if target["state"] in _IN_PLACE
            }
        due = [group for group in groups if time.monotonic() - self._polled.get(group, 0.0) >= interval]
        for group in due:
            self._targets.poll(group)
            self._polled[group] = time.monotonic()
        if not due:
            return
        changed = False
        with self._store.transaction():
            for task in self._store.all("task"):
                for target in task["targets"]:
                    group, address = target["targetGroupArn"], (task["privateIp"], target["port"])
                    if target["state"] == "draining" and (
                        self._targets.gone(group, address) or time.time() - target["since"] > _MAX_DRAINING
                    ):
                        moved = "gone"
                    elif (
                        target["state"] == "registered"
                        and task["desiredStatus"] == "RUNNING"
                        and self._targets.lost(group, address)
                    ):
                        moved = "new"
                    else:
                        continue
                    changed = True
                    edited = self._store.edit("task", task["taskArn"])
                    edited["targets"][task["targets"].index(target)]["state"] = moved
        if changed:
            self._wake.set()

    def _is_busy(self) -> bool:
        with self._store.transaction():
            return any(
                task["lastStatus"] not in ("RUNNING", "STOPPED")
                or task["desiredStatus"] != task["lastStatus"]
                or any(target["state"] == "draining" for target in task["targets"])
                for task in self._store.all("task")
            ) or any(
                service["status"] == "DRAINING" or (service["status"] == "ACTIVE" and not service["steady"])
                for service in self._store.all("service")
            )
