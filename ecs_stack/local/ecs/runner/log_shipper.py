"""The awslogs driver: container output into CloudWatch Logs.

Docker keeps a container's output in its own log; from there a thread per container reads lines with their
exact times and one thread ships them all in batches. What was shipped is remembered on disk per container and
stream, so that a process that was killed goes on where it was. Lines whose shipping wasn't remembered any
more are recognised in CloudWatch Logs itself, by time and text: no gap, no duplicates.
"""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.local.ecs.runner.engine import DOCKER_ERRORS
from ecs_stack.local.ecs.runner.errors import TaskFailedToStart
from ecs_stack.local.ecs.runner.log_events import COMPLETE, Joiner, first_batch, first_line_pattern
from ecs_stack.local.ecs.runner.log_reader import Line, OutputStream
from ecs_stack.local.ecs.runner.model import ClientFactory
from ecs_stack.local.ecs.runner.plan import ContainerPlan, TaskPlan

_log = logging.getLogger(__name__)

# Seconds between the first line that waits and its batch: short enough to follow, long enough to fill a
# batch.
_GATHER = 0.1
# Lines read but not shipped, for each container; after that, reading waits and Docker's log holds the rest.
_BUFFER_LINES = 20_000
# Seconds before the remembered position in which CloudWatch Logs is asked for what it has after a restart: it
# may have lost its last moments too.
_OVERLAP = 60
_NS = 1_000_000_000
_STREAM_ERRORS = (*DOCKER_ERRORS, OSError)


@dataclass(frozen=True)
class Destination:
    """A log stream of CloudWatch Logs."""

    group: str
    stream: str
    region: str
    create_group: bool
    first_line: re.Pattern[str] | None


def destination(plan: TaskPlan, container: ContainerPlan) -> Destination | None:
    """Where a container's output goes: ``prefix/container/task-id``; None without a logConfiguration."""
    log = container.definition.get("logConfiguration")
    if not log:
        return None
    options = log.get("options", {})
    prefix = options.get("awslogs-stream-prefix")
    stream = f"{container.name}/{plan.run.id}"
    return Destination(
        group=options["awslogs-group"],
        stream=f"{prefix}/{stream}" if prefix else stream,
        region=options.get("awslogs-region", plan.run.region),
        create_group=options.get("awslogs-create-group") == "true",
        first_line=first_line_pattern(options),
    )


@dataclass
class _Shipment:
    """One container's way from Docker's log to CloudWatch Logs."""

    to: Destination
    container_id: str
    tty: bool
    position_file: Path
    #: stream -> time of the last line read, and of the last shipped
    read: dict[int, int]
    shipped: dict[int, int]
    known: Counter[tuple[int, str]]
    joiner: Joiner
    lines: list[Line] = field(default_factory=list)
    source: OutputStream | None = None
    ended: threading.Event = field(default_factory=threading.Event)
    drained: threading.Event = field(default_factory=threading.Event)
    reading: bool = True
    retry_at: float = 0.0
    failures: int = 0

    def accept(self, events: list[Line]) -> None:
        """Have events shipped, but not those that CloudWatch Logs has already."""
        for event in events:
            identity = (event.time // 1_000_000, event.text)
            if self.known[identity] > 0:
                self.known[identity] -= 1
            else:
                self.lines.append(event)


class LogShipper:
    """Ships the output of all containers. Thread-safe."""

    def __init__(self, api: Any, clients: ClientFactory, directory: Path) -> None:
        self._api = api
        self._clients = clients
        self._directory = directory
        self._changed = threading.Condition()
        self._shipments: dict[str, _Shipment] = {}
        self._closed = False
        self._pump: threading.Thread | None = None

    def open(self, to: Destination) -> None:
        """Make the log stream, as the driver does before a container starts.

        Raises TaskFailedToStart with ECS's text, e.g. if the log group doesn't exist.
        """
        logs = self._clients("logs", to.region)
        try:
            if to.create_group:
                _make(logs.create_log_group, logGroupName=to.group)
            _make(logs.create_log_stream, logGroupName=to.group, logStreamName=to.stream)
        except (ClientError, BotoCoreError) as error:
            text = (
                f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
                if isinstance(error, ClientError)
                else str(error)
            )
            raise TaskFailedToStart(
                "ResourceInitializationError: failed to validate logger args: create stream has been retried "
                f"1 times: failed to create Cloudwatch log stream: {text}"
            ) from None

    def follow(self, key: str, container_id: str, to: Destination, *, tty: bool, resumed: bool) -> None:
        """Ship a container's output from where it was left. ``key`` names it for ``drain`` and on disk."""
        position_file = self._directory / f"{key}.position.json"
        position = _read_position(position_file) if resumed else {}
        shipment = _Shipment(
            to, container_id, tty, position_file, dict(position), position, Counter(), Joiner(to.first_line)
        )
        with self._changed:
            if self._closed or key in self._shipments:
                return
            self._shipments[key] = shipment
            if self._pump is None:
                self._pump = threading.Thread(target=self._ship_all, name="ecs-logs", daemon=True)
                self._pump.start()
        threading.Thread(target=self._read, args=(shipment, resumed), name=f"ecs-logs-{key[:12]}", daemon=True).start()

    def drain(self, key: str, timeout: float) -> bool:
        """Wait until all that an ended container wrote is shipped, then forget it. False: timed out."""
        with self._changed:
            shipment = self._shipments.get(key)
        if shipment is None:
            return True
        shipment.ended.set()
        complete = shipment.drained.wait(timeout)
        if not complete:
            _log.warning("log lines of %s weren't all shipped to %s", key, shipment.to.group)
            shipment.drained.set()
        with self._changed:
            self._shipments.pop(key, None)
        shipment.position_file.unlink(missing_ok=True)
        return complete

    def close(self) -> None:
        """Stop reading, ship what was read."""
        with self._changed:
            self._closed = True
            sources = [s.source for s in self._shipments.values() if s.source]
            self._changed.notify_all()
        for source in sources:
            _close(source)
        if self._pump:
            self._pump.join(timeout=5)

    # Reading

    def _read(self, shipment: _Shipment, resumed: bool) -> None:
        try:
            if resumed:
                self._rewind(shipment)
            while not self._closed:
                self._read_once(shipment, follow=True)
                if shipment.ended.is_set() or self._closed or not self._alive(shipment):
                    break
                time.sleep(0.2)
            if not self._closed:
                # Whatever the followed stream left out at its end is in Docker's log.
                self._read_once(shipment, follow=False)
        finally:
            with self._changed:
                shipment.reading = False
                self._changed.notify_all()

    def _read_once(self, shipment: _Shipment, *, follow: bool) -> None:
        # A second earlier: lines of stdout and stderr aren't written strictly in the order of their times.
        since = max(0, min(shipment.read.values(), default=0) // _NS - 1)
        try:
            source = OutputStream(self._api, shipment.container_id, since=since, follow=follow, tty=shipment.tty)
        except _STREAM_ERRORS:
            return
        shipment.source = source
        if self._closed:
            _close(source)
        try:
            for line in source:
                if line.time > shipment.read.get(line.source, 0):
                    self._take(shipment, line)
                if self._closed:
                    break
        except (*_STREAM_ERRORS, ValueError, AttributeError):
            # The connection broke, or close() took its socket away; reading goes on from the position.
            _log.debug("log stream of %s broke", shipment.container_id, exc_info=True)
        finally:
            shipment.source = None
            _close(source)

    def _take(self, shipment: _Shipment, line: Line) -> None:
        with self._changed:
            shipment.read[line.source] = line.time
            shipment.accept(shipment.joiner.add(line))
            self._changed.notify_all()
            while len(shipment.lines) >= _BUFFER_LINES and not self._closed and not shipment.drained.is_set():
                self._changed.wait(1)

    def _alive(self, shipment: _Shipment) -> bool:
        try:
            return bool(self._api.inspect_container(shipment.container_id)["State"]["Running"])
        except docker.errors.NotFound:
            return False
        except _STREAM_ERRORS:
            return True

    def _rewind(self, shipment: _Shipment) -> None:
        """Start a little before the remembered position, knowing what CloudWatch Logs has from there on."""
        start = max(0, min(shipment.shipped.values(), default=0) - _OVERLAP * _NS)
        request = {
            "logGroupName": shipment.to.group,
            "logStreamName": shipment.to.stream,
            "startTime": start // 1_000_000,
            "startFromHead": True,
        }
        try:
            logs = self._clients("logs", shipment.to.region)
            token = None
            while True:
                page = logs.get_log_events(**request, **({"nextToken": token} if token else {}))
                shipment.known.update((e["timestamp"], e["message"]) for e in page["events"])
                if not page["events"] or page.get("nextForwardToken") in (None, token):
                    break
                token = page["nextForwardToken"]
        except (ClientError, BotoCoreError):
            # Nothing to compare with: the position on disk alone decides.
            shipment.known.clear()
            return
        shipment.read = dict.fromkeys(shipment.shipped, start)

    # Shipping

    def _ship_all(self) -> None:
        while True:
            with self._changed:
                while not (due := self._due()) and not self._closed:
                    self._changed.wait(self._wait())
                closing = self._closed
            if not closing:
                time.sleep(_GATHER)
            for shipment in due:
                self._ship(shipment)
            if closing:
                return

    def _due(self) -> list[_Shipment]:
        now = time.monotonic()
        due = []
        for shipment in self._shipments.values():
            shipment.accept(shipment.joiner.flush(everything=not shipment.reading))
            if shipment.lines and shipment.retry_at <= now:
                due.append(shipment)
            elif not shipment.lines and not shipment.reading:
                shipment.drained.set()
        return due

    def _wait(self) -> float | None:
        waiting = [s.retry_at for s in self._shipments.values() if s.lines]
        waiting += [s.joiner.waiting_since + COMPLETE for s in self._shipments.values() if s.joiner.waiting_since]
        return max(0.01, min(waiting) - time.monotonic()) if waiting else None

    def _ship(self, shipment: _Shipment) -> None:
        with self._changed:
            lines, shipment.lines = shipment.lines, []
            self._changed.notify_all()
        # PutLogEvents wants events in order of time; stdout and stderr interleave.
        lines.sort(key=lambda line: line.time)
        while lines:
            batch = first_batch(lines)
            try:
                self._put(shipment.to, batch)
            except (ClientError, BotoCoreError) as error:
                shipment.failures += 1
                shipment.retry_at = time.monotonic() + min(5.0, 0.2 * 2**shipment.failures)
                _log.warning("log lines for %s are waiting: %s", shipment.to.group, error)
                with self._changed:
                    shipment.lines = lines + shipment.lines
                return
            shipment.failures = 0
            del lines[: len(batch)]
            for line in batch:
                shipment.shipped[line.source] = line.position
            if not shipment.drained.is_set():
                _write_position(shipment.position_file, shipment.shipped)

    def _put(self, to: Destination, batch: list[Line]) -> None:
        # CloudWatch Logs refuses empty messages; the driver leaves them out.
        events = [{"timestamp": line.time // 1_000_000, "message": line.text} for line in batch if line.text]
        if not events:
            return
        logs = self._clients("logs", to.region)
        request = {"logGroupName": to.group, "logStreamName": to.stream, "logEvents": events}
        try:
            logs.put_log_events(**request)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            # Someone deleted the stream, or the group with it: these lines have nowhere to go.
            try:
                _make(logs.create_log_stream, logGroupName=to.group, logStreamName=to.stream)
                logs.put_log_events(**request)
            except ClientError:
                _log.warning("log group %s is gone; %d lines are lost", to.group, len(events))


def _make(operation: Any, **names: str) -> None:
    try:
        operation(**names)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
            raise


def _close(source: OutputStream) -> None:
    try:
        source.close()
    except (*_STREAM_ERRORS, AttributeError):
        _log.debug("log stream was closed already", exc_info=True)


def _read_position(path: Path) -> dict[int, int]:
    try:
        return {int(source): int(at) for source, at in json.loads(path.read_text()).items()}
    except (OSError, ValueError, AttributeError):
        return {}


def _write_position(path: Path, position: dict[int, int]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(position))
    temporary.replace(path)
