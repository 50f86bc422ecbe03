"""The task runner on a Docker engine."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import docker

from ecs_stack.local.ecs.runner.engine import DOCKER_ERRORS, Engine
from ecs_stack.local.ecs.runner.events import EventWatcher
from ecs_stack.local.ecs.runner.log_shipper import LogShipper
from ecs_stack.local.ecs.runner.metadata import MetadataServer, container_host
from ecs_stack.local.ecs.runner.model import ClientFactory, TaskRun, TaskRunner, TaskState
from ecs_stack.local.ecs.runner.records import Record, Records
from ecs_stack.local.ecs.runner.services import Message, Services
from ecs_stack.local.ecs.runner.task import Task

_log = logging.getLogger(__name__)

# Requests that wait for the Docker engine at once: enough that a task starts without queueing behind others,
# few enough that the engine isn't slowed by contention.
_WORKERS = 8
_PULLS = 4
# Stopped tasks whose last state is kept; ECS shows stopped tasks for an hour at least.
_STOPPED_KEPT = 1000


class DockerTaskRunner(TaskRunner):
    """Runs each task as containers that share one network namespace, its ports published on 127.0.0.1.

    All containers and volumes carry the label ``ecs-stack.root``. Availability zones are virtual: all
    containers are on one Docker engine, and learn their zone from the metadata endpoint.
    """

    def __init__(
        self,
        *,
        docker: docker.DockerClient,
        root: Path,
        clients: ClientFactory,
        endpoint_for_containers: str | None,
    ) -> None:
        """Start watching Docker's events.

        ``root`` holds ``.ecs-stack/``; ``endpoint_for_containers`` is the AWS endpoint as containers reach
        it, None if they can't.
        """
        self._root = root.resolve()
        directory = self._root / ".ecs-stack" / "local" / "runner"
        directory.mkdir(parents=True, exist_ok=True)
        self._listeners: list[Callable[[TaskState], None]] = []
        self._lock = threading.Lock()
        self._tasks: dict[str, Task] = {}
        self._stopped: OrderedDict[str, TaskState] = OrderedDict()
        self._engine = Engine(docker.api, str(self._root))
        self._records = Records(directory)
        self._logs = LogShipper(docker.api, clients, directory)
        self._metadata = self._serve_metadata(docker.api, endpoint_for_containers, directory)
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="ecs-docker")
        self._pulls = ThreadPoolExecutor(_PULLS, thread_name_prefix="ecs-pull")
        self._services = Services(
            engine=self._engine,
            clients=clients,
            records=self._records,
            logs=self._logs,
            metadata=self._metadata,
            endpoint=endpoint_for_containers,
            workers=self._workers,
            pulls=self._pulls,
            publish=self._publish,
        )
        self._events = EventWatcher(docker.api, str(self._root), self._deliver, self._verify_all)
        self._events.start()

    def launch(self, run: TaskRun) -> None:
        """Start a task."""
        # Written first: a process that dies now finds the task again, and starts it.
        self._records.save(run.id, Record())
        self._add(Task(run, self._services))

    def stop(self, arn: str, *, stop_code: str, reason: str) -> None:
        """Stop a task; unknown and stopped tasks are no error."""
        with self._lock:
            task = self._tasks.get(_task_id(arn))
        if task:
            task.stop(stop_code, reason)

    def state(self, arn: str) -> TaskState | None:
        """The last known state of a task."""
        with self._lock:
            task = self._tasks.get(_task_id(arn))
            return task.snapshot if task else self._stopped.get(arn)

    def adopt(self, runs: Iterable[TaskRun]) -> None:
        """Take over after a restart.

        A task that wasn't launched or has no container yet is started, one whose containers ended or are gone
        is reported stopped, and one that had stopped before is reported as it was.
        """
        wanted = {run.id: run for run in runs}
        found = self._engine.containers()
        with self._lock:
            mine = set(self._tasks)
        for task_id in found.keys() - wanted.keys() - mine:
            self._workers.submit(self._remove_unknown, task_id, list(found[task_id].values()))
        self._records.keep_only(wanted.keys() | mine)
        for task_id, run in wanted.items():
            if task_id not in mine:
                # Without a record it was never launched: the record is written first, and outlives the task.
                record = self._records.load(task_id) or Record()
                self._add(Task(run, self._services, record=record, ids=found.get(task_id, {})))

    def listen(self, listener: Callable[[TaskState], None]) -> None:
        """Call ``listener`` on every change, from the task's thread."""
        self._listeners.append(listener)

    def close(self) -> None:
        """Stop watching and ship the log lines read so far. Containers live on."""
        self._events.close()
        with self._lock:
            tasks = list(self._tasks.values())
        for task in tasks:
            task.detach()
        for task in tasks:
            task.join(timeout=5)
        self._logs.close()
        if self._metadata:
            self._metadata.close()
        self._workers.shutdown(wait=False, cancel_futures=True)
        self._pulls.shutdown(wait=False, cancel_futures=True)

    def _add(self, task: Task) -> None:
        with self._lock:
            self._tasks[task.run.id] = task
        task.start()

    def _publish(self, state: TaskState) -> None:
        if state.last_status == "STOPPED":
            with self._lock:
                self._tasks.pop(_task_id(state.arn), None)
                self._stopped[state.arn] = state
                if len(self._stopped) > _STOPPED_KEPT:
                    oldest, _ = self._stopped.popitem(last=False)
                    self._records.remove(_task_id(oldest))
        for listener in self._listeners:
            try:
                listener(state)
            except Exception:
                _log.exception("a listener failed on %s", state.arn)

    def _deliver(self, task_id: str, message: Message) -> None:
        with self._lock:
            task = self._tasks.get(task_id)
        if task:
            task.post(message)

    def _verify_all(self) -> None:
        with self._lock:
            tasks = list(self._tasks.values())
        for task in tasks:
            task.post(Message("verify"))

    def _remove_unknown(self, task_id: str, container_ids: list[str]) -> None:
        try:
            for container_id in container_ids:
                self._engine.remove(container_id)
            self._engine.remove_volumes(task_id)
        except DOCKER_ERRORS:
            _log.exception("containers of the unknown task %s weren't removed", task_id)

    def _serve_metadata(self, api: Any, endpoint: str | None, directory: Path) -> MetadataServer | None:
        try:
            host = container_host(api, endpoint)
            return MetadataServer(host, directory / "metadata.port", self._documents) if host else None
        except (*DOCKER_ERRORS, OSError) as error:
            _log.warning("no metadata endpoint for containers: %s", error)
            return None

    def _documents(self, task_id: str, key: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
        with self._lock:
            task = self._tasks.get(task_id)
        return task.documents(key) if task else None


def _task_id(arn: str) -> str:
    return arn.rsplit("/", 1)[-1]
