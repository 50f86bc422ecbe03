"""Docker's event stream, as messages to tasks."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from ecs_stack.local.ecs.runner.engine import DOCKER_ERRORS
from ecs_stack.local.ecs.runner.services import Message
from ecs_stack.local.labels import ROOT_LABEL, TASK_LABEL

_log = logging.getLogger(__name__)

# Seconds between attempts to reach a Docker engine that is away.
_RETRY = 0.5


class EventWatcher:
    """Watches one root's containers.

    After each (re)connection, ``connected`` is called: events may have been missed until then.
    """

    def __init__(
        self,
        api: Any,
        root: str,
        deliver: Callable[[str, Message], None],
        connected: Callable[[], None],
    ) -> None:
        self._api = api
        self._root = root
        self._deliver = deliver
        self._connected = connected
        self._closed = threading.Event()
        self._stream: Any = None
        self._thread = threading.Thread(target=self._watch, name="ecs-docker-events", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        stream = self._stream
        if stream is not None:
            try:
                stream.close()
            except (*DOCKER_ERRORS, OSError, AttributeError):
                _log.debug("event stream was closed already", exc_info=True)
        self._thread.join(timeout=2)

    def _watch(self) -> None:
        filters = {
            "type": "container",
            "label": f"{ROOT_LABEL}={self._root}",
            "event": ["die", "oom", "destroy", "health_status"],
        }
        while not self._closed.is_set():
            try:
                self._stream = self._api.events(decode=True, filters=filters)
                self._connected()
                for event in self._stream:
                    if self._closed.is_set():
                        return
                    self._dispatch(event)
            except (*DOCKER_ERRORS, OSError, ValueError, AttributeError) as error:
                # AttributeError: close() took the socket away while it was read.
                _log.info("Docker's event stream broke: %s", error)
            self._closed.wait(_RETRY)

    def _dispatch(self, event: dict[str, Any]) -> None:
        action, attributes = event["Action"], event["Actor"]["Attributes"]
        task_id, container_id = attributes.get(TASK_LABEL), event["Actor"]["ID"]
        if not task_id:
            return
        if action in ("die", "destroy"):
            message = Message("ended", container_id, attributes.get("exitCode", ""))
        elif action == "oom":
            message = Message("oom", container_id)
        else:
            message = Message("health", container_id, action.partition(": ")[2])
        self._deliver(task_id, message)
