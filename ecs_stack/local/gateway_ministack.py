"""MiniStack in process: every service that ``routes`` gives to nobody else.

MiniStack saves its state when it shuts down in order. Here a service's state is written before each request
that changed it is answered, so that kill -9 loses nothing that was answered.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from ecs_stack.local import routes
from ecs_stack.local.gateway_messages import Request

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

#: Written a while after, not before, the answer: there are many of them, each would write the whole service,
#: and AWS itself makes them visible only after seconds. Seconds from the first one that isn't written.
DEBOUNCE = 1.0
_DEBOUNCED = frozenset({"PutLogEvents", "PutMetricData"})


class MiniStack:
    """MiniStack's ASGI application, and its state on disk."""

    def __init__(self) -> None:
        # Imported here: it reads the environment, which the daemon sets first.
        from ministack.core import persistence

        self._app_module = importlib.import_module("ministack.app")
        self._save: Callable[[str, dict[str, Any]], None] = persistence.save_state
        self._lifespan_queue: asyncio.Queue[Message] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None
        self._sweep: asyncio.TimerHandle | None = None

    def knows(self, service: str) -> bool:
        """Whether MiniStack has a service of this name in a Credential scope."""
        from ministack.core.router import SERVICE_PATTERNS

        scopes = {pattern.get("credential_scope") for pattern in SERVICE_PATTERNS.values()}
        module = self._app_module
        return (
            service in module.SERVICE_HANDLERS
            or service in module.SERVICE_NAME_ALIASES
            or service in SERVICE_PATTERNS
            or service in scopes
        )

    async def start(self) -> None:
        """Load the saved state and start MiniStack's own loops."""
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete" and not ready.done():
                ready.set_result(None)

        self._lifespan = asyncio.create_task(
            self._app_module.app({"type": "lifespan"}, self._lifespan_queue.get, send)
        )
        await self._lifespan_queue.put({"type": "lifespan.startup"})
        await asyncio.wait({ready, self._lifespan}, return_when=asyncio.FIRST_COMPLETED)
        if self._lifespan.done():
            self._lifespan.result()

    async def stop(self) -> None:
        """Save everything and stop its loops."""
        await self._lifespan_queue.put({"type": "lifespan.shutdown"})
        if self._lifespan is not None:
            await self._lifespan

    async def handle(self, request: Request, scope: Message, send: Send) -> None:
        """Answer one request on ``send``."""
        mutating = routes.mutates(request.method, request.action)
        delivered = False

        async def receive() -> Message:
            nonlocal delivered
            if delivered:
                # What follows a request's body is the client leaving, which MiniStack need not know.
                await asyncio.Event().wait()
            delivered = True
            return {"type": "http.request", "body": request.body, "more_body": False}

        if not mutating:
            await self._app_module.app(scope, receive, send)
            return
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app_module.app(scope, receive, hold)
        if held and held[0].get("status", 500) < 400:
            if request.action not in _DEBOUNCED:
                self._write(self._state_keys(request.service))
            self._write_later()
        for message in held:
            await send(message)

    def _state_keys(self, service: str) -> set[str]:
        """The state files of a service; all that were used, where its name tells nothing."""
        module = self._app_module
        config = module.SERVICE_REGISTRY.get(module.SERVICE_NAME_ALIASES.get(service, service))
        if config is None:
            return set(module._state_map)
        return {config.get("state_key", config["module"]), *config.get("sub_modules", ())}

    def _write(self, keys: set[str]) -> None:
        # On the event loop's thread, as the handlers are: the state can't change meanwhile.
        for key, get_state in self._app_module._build_persistence_save_dict().items():
            if key in keys:
                state = get_state()
                if state:
                    self._save(key, state)

    def _write_later(self) -> None:
        """One service calls another in process (S3 tells SQS, Lambda makes log groups): all that were used
        are written a moment later, and with them what was debounced."""
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(DEBOUNCE, self._write_all)

    def _write_all(self) -> None:
        self._sweep = None
        self._write(set(self._app_module._state_map))
