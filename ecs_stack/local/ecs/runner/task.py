"""One task from launch to STOPPED: a state machine that one thread of its own drives.

Everything that happens to a task (Docker's events, a request to stop, a finished pull) is a message in its
mailbox; only the task's thread touches its state, and publishes a frozen snapshot after each change.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from datetime import UTC, datetime
from typing import Any

from ecs_stack.local.ecs.runner import adoption, environment, ordering, removal
from ecs_stack.local.ecs.runner.engine import DOCKER_ERRORS, SIGKILL_EXIT
from ecs_stack.local.ecs.runner.errors import TaskFailedToStart, docker_text
from ecs_stack.local.ecs.runner.log_shipper import destination
from ecs_stack.local.ecs.runner.metadata import container_key
from ecs_stack.local.ecs.runner.model import TaskRun, TaskState
from ecs_stack.local.ecs.runner.plan import plan_task, refuse_unsupported
from ecs_stack.local.ecs.runner.records import Ended, Record
from ecs_stack.local.ecs.runner.secrets import registry_credentials
from ecs_stack.local.ecs.runner.services import Message, Services

_log = logging.getLogger(__name__)

ESSENTIAL_EXITED = "Essential container in task exited"
OUT_OF_MEMORY = "OutOfMemoryError: Container killed due to memory usage"
# Seconds before a Docker engine that doesn't answer is asked again.
_DOCKER_RETRY = 0.5


class Task:
    """A task and the thread that drives it."""

    def __init__(
        self,
        run: TaskRun,
        services: Services,
        *,
        record: Record | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> None:
        """``record`` and ``ids`` (container -> Docker id) belong to a task launched before a restart."""
        self.run = run
        self.plan = plan_task(run)
        self._services = services
        self._record = record or Record()
        self._adopted = dict(ids or {})
        self._resumed = record is not None
        self._mailbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._stop_request: tuple[str, str] | None = None
        self._stop_lock = threading.Lock()
        self._containers = {c.name: ordering.Container(c) for c in self.plan.containers}
        self._pause_id: str | None = None
        self._host_ports: dict[int, int] = {}
        self._environment: dict[str, dict[str, str]] = {}
        self._status = "PROVISIONING"
        self._detached = False
        self.snapshot = self._snapshot()
        self._thread = threading.Thread(target=self._main, name=f"ecs-task-{run.id[:8]}", daemon=True)

    def start(self) -> None:
        """Start driving the task."""
        if not self._resumed:
            self._services.publish(self.snapshot)
        self._thread.start()

    def post(self, message: Message) -> None:
        """Tell the task of something."""
        self._mailbox.put(message)

    def stop(self, stop_code: str, reason: str) -> None:
        """Ask the task to stop. The first reason stays."""
        with self._stop_lock:
            self._stop_request = self._stop_request or (stop_code, reason)
        self._mailbox.put(Message("wake"))

    def detach(self) -> None:
        """Stop driving the task; its containers live on."""
        self._detached = True
        self._mailbox.put(Message("wake"))

    def join(self, timeout: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout)

    def documents(self, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """The metadata documents of the container with that key, and of the task."""
        for container in self.plan.containers:
            if container_key(self.run.id, container.name) == key:
                return environment.documents(self.plan, self.snapshot, container.name)
        return None

    # The life of a task

    def _main(self) -> None:
        while self._resumed and not self._detached:
            try:
                self._resume()
                break
            except DOCKER_ERRORS as error:
                _log.warning("task %s: Docker: %s", self.run.id, error)
                time.sleep(_DOCKER_RETRY)
        try:
            if not self._interrupted() and any(c.status == "PENDING" for c in self._containers.values()):
                self._prepare()
        except TaskFailedToStart as error:
            self._fail(error)
        except Exception as error:
            if self._detached:
                return
            _log.exception("task %s", self.run.id)
            self._fail(TaskFailedToStart(f"ResourceInitializationError: {docker_text(error)}"))
        while self._status != "STOPPED" and not self._detached:
            try:
                self._advance()
                if self._status != "STOPPED":
                    self._receive()
            except DOCKER_ERRORS as error:
                # Docker is away or overloaded; events or the next look tell how the task fares.
                _log.warning("task %s: Docker: %s", self.run.id, error)
                time.sleep(_DOCKER_RETRY)
                self._mailbox.put(Message("verify"))
            except Exception as error:
                if self._detached:
                    return
                _log.exception("task %s", self.run.id)
                self.stop("TaskFailedToStart", f"InternalError: {error}")
                time.sleep(_DOCKER_RETRY)

    def _prepare(self) -> None:
        """Network, secrets, log streams, images: in the order in which Fargate fails on them."""
        refuse_unsupported(self.plan)
        workers, services = self._services.workers, self._services
        if self._pause_id is None:
            self._pause_id, self._host_ports = workers.submit(services.engine.start_pause, self.plan).result()
            self._times["connectivity_at"] = _now()
        self._status = "PENDING"
        self._save()
        self._publish()
        self._environment = environment.of_task(
            self.plan, services.clients, endpoint=services.endpoint, metadata=services.metadata
        )
        pending = [c for c in self.plan.containers if self._containers[c.name].status == "PENDING"]
        for container in pending:
            if to := destination(self.plan, container):
                services.logs.open(to)
        self._times.setdefault("pull_started_at", _now())
        for container in pending:
            if self._interrupted():
                return
            if not services.engine.has_image(container.image):
                credentials = registry_credentials(container, services.clients)
                self._await_pull(services.pulls.submit(services.engine.pull, container, credentials))
            services.engine.describe_image(self._containers[container.name], container.image)
        self._times.setdefault("pull_stopped_at", _now())
        services.engine.make_volumes(self.plan)

    def _await_pull(self, pull: Future[None]) -> None:
        """Wait for a pull, but not once the task is to stop."""
        pull.add_done_callback(lambda _: self._mailbox.put(Message("wake")))
        while not pull.done() and not self._interrupted():
            self._receive()
        if pull.done():
            pull.result()

    def _interrupted(self) -> bool:
        return self._stop_request is not None or self._detached

    def _resume(self) -> None:
        """Find out what became of the task's containers while nobody watched."""
        record = self._record
        if record.stop_code:
            self._stop_request = (record.stop_code, record.stopped_reason or "")
        survey = adoption.survey(self._containers, record, self._adopted, self._services.engine)
        self._pause_id, self._host_ports = survey.pause_id, survey.host_ports
        if survey.pause_id:
            self._status = "RUNNING" if "started_at" in self._times else "PENDING"
        for container in survey.alive_or_ended:
            self._follow_logs(container, resumed=True)
        for container, exit_code in survey.ended:
            self._container_ended(container, exit_code)
        if survey.network_lost:
            self.stop("EssentialContainerExited", ESSENTIAL_EXITED)
        if "stopped_at" in self._times:
            self._status = "STOPPED"
        self._publish()

    # Steps

    @property
    def _stopping(self) -> bool:
        return self._stop_request is not None

    @property
    def _times(self) -> dict[str, datetime]:
        return self._record.times

    def _advance(self) -> None:
        """Do what can be done now."""
        if not self._stopping:
            self._start_ready()
        if self._stopping:
            self._stop_next()

    def _start_ready(self) -> None:
        while not self._interrupted():
            try:
                ready = ordering.ready_to_start(self._containers, time.monotonic())
            except TaskFailedToStart as error:
                self._fail(error)
                return
            if not ready:
                break
            for container, future in [(c, self._services.workers.submit(self._create_and_start, c)) for c in ready]:
                try:
                    future.result()
                except TaskFailedToStart as error:
                    self._start_failed(container, error)
            self._save()
        everything = self._containers.values()
        if self._status == "PENDING" and all(c.status != "PENDING" for c in everything) and not self._stopping:
            self._times["started_at"] = _now()
            self._status = "RUNNING"
            self._save()
        self._publish()

    def _create_and_start(self, container: ordering.Container) -> None:
        services, plan = self._services, container.plan
        if self._pause_id is None:
            raise TaskFailedToStart("ResourceInitializationError: the task has no network")
        ids = {c.plan.name: c.id for c in self._containers.values() if c.id}
        container_id = services.engine.create(
            self.plan, plan, pause_id=self._pause_id, environment=self._environment[plan.name], ids=ids
        )
        container.id = container_id
        services.engine.start(plan, container_id)
        container.started(container_id)
        self._follow_logs(container, resumed=False)

    def _start_failed(self, container: ordering.Container, error: TaskFailedToStart) -> None:
        container.ended(None, error.reason)
        self._record.ended[container.plan.name] = Ended(reason=error.reason)
        if container.plan.essential:
            self._fail(error)

    def _follow_logs(self, container: ordering.Container, *, resumed: bool) -> None:
        to = destination(self.plan, container.plan)
        if to and container.id:
            tty = bool(container.plan.definition.get("pseudoTerminal"))
            self._services.logs.follow(self._log_key(container), container.id, to, tty=tty, resumed=resumed)

    def _log_key(self, container: ordering.Container) -> str:
        return f"{self.run.id}.{container.plan.name}"

    def _fail(self, error: TaskFailedToStart) -> None:
        if error.container:
            self._containers[error.container].reason = error.reason
        self.stop("TaskFailedToStart", error.reason)

    def _stop_next(self) -> None:
        """Signal what may stop now; when nothing runs any more, remove everything."""
        if self._record.stop_code is None and self._stop_request:
            self._record.stop_code, self._record.stopped_reason = self._stop_request
        if self._status not in ("STOPPING", "DEPROVISIONING"):
            self._status = "STOPPING"
            self._times.setdefault("stopping_at", _now())
            for container in self._containers.values():
                if container.status == "PENDING":
                    container.ended(None, container.reason)
                    self._record.ended[container.plan.name] = Ended(reason=container.reason)
            self._save()
            self._publish()
        now = time.monotonic()
        for container, signal in ordering.to_signal(self._containers, self.plan, now):
            self._services.engine.signal(container.id or "", signal)
        if all(c.status == "STOPPED" for c in self._containers.values()):
            self._deprovision()

    def _deprovision(self) -> None:
        self._status = "DEPROVISIONING"
        self._times.setdefault("execution_stopped_at", _now())
        self._save()
        self._publish()
        for container in removal.killed_for_memory(self._containers.values(), self._services.engine):
            self._out_of_memory(container)
        removal.remove(self.run.id, [self._log_key(c) for c in self._containers.values()], self._services)
        self._times["stopped_at"] = _now()
        self._status = "STOPPED"
        self._save()
        self._publish()

    # Messages

    def _receive(self) -> None:
        deadline = ordering.next_deadline(self._containers, self._stopping)
        timeout = None if deadline is None else max(0.0, deadline - time.monotonic())
        try:
            message = self._mailbox.get(timeout=timeout)
        except queue.Empty:
            if self._stopping:
                self._verify()
            return
        if self._detached:
            return
        if message.kind == "verify":
            self._verify()
        elif message.kind != "wake":
            self._happened(message)

    def _happened(self, message: Message) -> None:
        if message.container_id == self._pause_id and message.kind == "ended":
            self.stop("EssentialContainerExited", ESSENTIAL_EXITED)
            return
        container = next((c for c in self._containers.values() if c.id == message.container_id), None)
        if container is None:
            return
        if message.kind == "oom":
            self._out_of_memory(container)
        elif message.kind == "health" and container.status == "RUNNING":
            container.set_health(message.value)
            self._publish()
        elif message.kind == "ended" and container.status == "RUNNING":
            self._container_ended(container, message.value)

    def _out_of_memory(self, container: ordering.Container) -> None:
        """Docker's word of it may come before the container's end or after."""
        container.out_of_memory = True
        if container.status == "STOPPED":
            self._note_end(container, container.exit_code)

    def _container_ended(self, container: ordering.Container, exit_code: str) -> None:
        found = self._services.engine.inspect(container.id) if container.id else None
        if found and found.running:
            return
        if found and found.oom_killed:
            container.out_of_memory = True
        self._note_end(container, found.exit_code if found else int(exit_code or SIGKILL_EXIT))
        if container.plan.essential:
            self.stop("EssentialContainerExited", ESSENTIAL_EXITED)

    def _note_end(self, container: ordering.Container, exit_code: int | None) -> None:
        container.ended(exit_code, OUT_OF_MEMORY if container.out_of_memory else None)
        self._record.ended[container.plan.name] = Ended(exit_code=exit_code, reason=container.reason)
        self._save()
        self._publish()

    def _verify(self) -> None:
        """Compare what is believed to run with what Docker has."""
        engine = self._services.engine
        for container in self._containers.values():
            if container.status == "RUNNING" and container.id:
                found = engine.inspect(container.id)
                if found is None or not found.running:
                    self._container_ended(container, str(found.exit_code if found else SIGKILL_EXIT))
                else:
                    container.set_health(found.health)
        if self._pause_id and not self._stopping:
            pause = engine.inspect(self._pause_id)
            if pause is None or not pause.running:
                self.stop("EssentialContainerExited", ESSENTIAL_EXITED)
        self._publish()

    # What others see

    def _save(self) -> None:
        self._record.created = [c.plan.name for c in self._containers.values() if c.id]
        self._services.records.save(self.run.id, self._record)

    def _publish(self) -> None:
        snapshot = self._snapshot()
        if snapshot != self.snapshot:
            self.snapshot = snapshot
            self._services.publish(snapshot)

    def _snapshot(self) -> TaskState:
        return TaskState(
            arn=self.run.arn,
            last_status=self._status,
            containers=tuple(c.state() for c in self._containers.values()),
            health_status=ordering.task_health(self._containers),
            host_ports=dict(self._host_ports),
            stop_code=self._record.stop_code,
            stopped_reason=self._record.stopped_reason,
            **self._times,
        )


def _now() -> datetime:
    return datetime.now(UTC)
