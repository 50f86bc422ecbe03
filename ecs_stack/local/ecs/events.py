"""Amazon ECS's events for EventBridge (Developer Guide, "Amazon ECS events").

Sent from a thread of their own: a slow or missing EventBridge never holds up the scheduler. Events that
can't be delivered are dropped, as AWS delivers them on a best-effort basis.
"""

from __future__ import annotations

import json
import logging
import queue
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ecs_stack.local.ecs.arns import region_of
from ecs_stack.local.ecs.protocol import MODEL, wire
from ecs_stack.local.ecs.runner.model import ClientFactory

_LOG = logging.getLogger(__name__)
#: PutEvents takes ten entries at most (EventBridge API Reference).
_BATCH = 10
#: Enough for a burst; beyond that EventBridge isn't answering, and the oldest events are of no use.
_CAPACITY = 1000


class EventSink:
    """Takes events in any thread and sends them to EventBridge, in order."""

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients
        self._queue: queue.Queue[tuple[str, dict[str, Any]] | None] = queue.Queue(_CAPACITY)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start sending."""
        self._thread = threading.Thread(target=self._run, name="ecs-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sending; waits a moment for what is in flight."""
        if self._thread is not None:
            self._offer(None)
            self._thread.join(2)

    def task_changed(self, task: Mapping[str, Any]) -> None:
        """ECS Task State Change: sent when ``lastStatus`` or ``desiredStatus`` changed."""
        detail = _readable(wire("Task", task), MODEL.shape_for("Task"))
        self._put("ECS Task State Change", task["taskArn"], detail)

    def deployment_changed(self, service_arn: str, deployment: Mapping[str, Any], *, name: str) -> None:
        """ECS Deployment State Change. ``name`` is IN_PROGRESS, COMPLETED or FAILED."""
        detail = {
            "eventType": "ERROR" if name == "FAILED" else "INFO",
            "eventName": f"SERVICE_DEPLOYMENT_{name}",
            "deploymentId": deployment["id"],
            "updatedAt": _iso(deployment["updatedAt"]),
            "reason": deployment["rolloutStateReason"],
        }
        self._put("ECS Deployment State Change", service_arn, detail)

    def service_action(
        self,
        service_arn: str,
        cluster_arn: str,
        *,
        at: float,
        name: str,
        kind: str,
        reason: str | None = None,
    ) -> None:
        """ECS Service Action. ``kind`` is INFO, WARN or ERROR."""
        detail = {"eventType": kind, "eventName": name, "clusterArn": cluster_arn, "createdAt": _iso(at)}
        self._put("ECS Service Action", service_arn, detail | ({"reason": reason} if reason else {}))

    def _put(self, detail_type: str, resource: str, detail: dict[str, Any]) -> None:
        entry = {
            "Source": "aws.ecs",
            "DetailType": detail_type,
            "Resources": [resource],
            "Detail": json.dumps(detail),
        }
        self._offer((region_of(resource), entry))

    def _offer(self, item: tuple[str, dict[str, Any]] | None) -> None:
        while True:
            try:
                self._queue.put_nowait(item)
            except queue.Full:
                self._drop_oldest()
            else:
                return

    def _drop_oldest(self) -> None:
        try:
            self._queue.get_nowait()
        except queue.Empty:
            return

    def _run(self) -> None:
        while True:
            batch = [self._queue.get()]
            while len(batch) < _BATCH and not self._queue.empty():
                batch.append(self._queue.get())
            by_region: dict[str, list[dict[str, Any]]] = {}
            for item in batch:
                if item is not None:
                    by_region.setdefault(item[0], []).append(item[1])
            for region, entries in by_region.items():
                self._send(region, entries)
            if None in batch:
                return

    def _send(self, region: str, entries: list[dict[str, Any]]) -> None:
        try:
            self._clients("events", region).put_events(Entries=entries)
        except Exception:
            _LOG.debug("%d events for EventBridge were dropped", len(entries), exc_info=True)


def _readable(value: Any, shape: Any) -> Any:
    """Events carry times as ISO 8601 text, API responses as numbers."""
    if shape.type_name == "timestamp":
        return _iso(value)
    if shape.type_name == "structure":
        return {name: _readable(item, shape.members[name]) for name, item in value.items()}
    if shape.type_name == "list":
        return [_readable(item, shape.member) for item in value]
    return value


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
