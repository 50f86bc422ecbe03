"""MiniStack in process: every service that ``routes`` gives to nobody else.

MiniStack saves its state when it shuts down in order. Here a service's state is written before each request
that changed it is answered, so that kill -9 loses nothing that was answered.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

from ecs_stack.local import gateway_acm, gateway_iam, gateway_in_use, gateway_route53, routes
from ecs_stack.local.answer_file import AnswerFile
from ecs_stack.local.gateway_logs import SERVICE, LogsState
from ecs_stack.local.gateway_messages import INVOCATION, Request, Response
from ecs_stack.local.persistence import Entry

log = logging.getLogger(__name__)

Message = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Receive = Callable[[], Awaitable[Message]]

#: Seconds. Metric data are written that long after, not before, the answer: there are many of them, each would
#: write the whole service, and AWS itself makes them visible only after seconds.
DEBOUNCE = 1.0
_DEBOUNCED = frozenset({"PutMetricData"})
#: Too many for their answers to be kept: they would drive out all others.
_FORGOTTEN = frozenset({"PutLogEvents"})
_LOGS_MODULE = "cloudwatch_logs"


class MiniStack:
    """MiniStack's ASGI application, and its state on disk."""

    def __init__(self, state_dir: Path) -> None:
        # Imported here: it reads the environment, which the daemon sets first.
        from ministack.core import persistence

        self._app_module = importlib.import_module("ministack.app")
        self._save: Callable[[str, dict[str, Any]], None] = persistence.save_state
        self._load: Callable[[str], dict[str, Any] | None] = persistence.load_state
        self._folder = state_dir
        self._answers = AnswerFile(state_dir)
        self._logs: LogsState | None = None
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
        # MiniStack writes this one when it ends in order; ``gateway_logs`` has it all.
        (self._folder / f"{_LOGS_MODULE}.json").unlink(missing_ok=True)
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        async def send(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete" and not ready.done():
                ready.set_result(None)

        self._lifespan = asyncio.create_task(self._app_module.app({"type": "lifespan"}, self._lifespan_queue.get, send))
        await self._lifespan_queue.put({"type": "lifespan.startup"})
        await asyncio.wait({ready, self._lifespan}, return_when=asyncio.FIRST_COMPLETED)
        if self._lifespan.done():
            self._lifespan.result()
        part = self._app_module._get_module
        gateway_iam.complete(part("iam"))
        gateway_route53.complete(part("route53"))
        gateway_acm.complete(part("acm"), part("route53"))
        gateway_in_use.complete(part("acm"))
        module = part(_LOGS_MODULE)
        self._logs = LogsState(self._folder, module=module, save=self._save, load=self._load)
        count = await self._logs.restore(self._execute_again)
        log.info("CloudWatch Logs: %d requests replayed", count)

    async def stop(self) -> None:
        """Save everything and stop its loops."""
        if self._logs is not None:
            self._logs.snapshot()
        await self._lifespan_queue.put({"type": "lifespan.shutdown"})
        if self._lifespan is not None:
            await self._lifespan

    async def handle(self, request: Request, scope: Message, send: Send) -> None:
        """Answer one request on ``send``."""
        send = _undated(send)
        if not routes.mutates(request.method, request.action):
            await self._app_module.app(scope, _receive(request.body), send)
            return
        known = self._answers.get(request.invocation)
        if known is not None:
            held = _messages(known)
        elif request.service == SERVICE and self._logs is not None:
            with self._logs.recording(request) as record:
                held = await self._held(request, scope)
                if _succeeded(held):
                    record()
                    self._remember(request.invocation, request.action, held)
        else:
            held = await self._held(request, scope)
            if _succeeded(held):
                if request.action not in _DEBOUNCED:
                    keys = self._state_keys(request.service)
                    self._answers.promise(request.invocation, _response(held), keys)
                    self._write(keys)
                self._write_later()
        await _release(held, send)

    async def _held(self, request: Request, scope: Message) -> list[Message]:
        """The answer, executed but not sent."""
        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app_module.app(scope, _receive(request.body), hold)
        return held

    async def _execute_again(self, entry: Entry) -> None:
        scope: Message = {
            "type": "http",
            "method": entry.method,
            "path": entry.path,
            "query_string": entry.query.encode("latin-1"),
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in entry.headers.items()],
        }

        held: list[Message] = []

        async def hold(message: Message) -> None:
            held.append(message)

        await self._app_module.app(scope, _receive(entry.body), hold)
        self._remember(entry.headers.get(INVOCATION, ""), routes.action(entry.headers, entry.query, entry.body), held)

    def _remember(self, invocation: str, action: str, held: list[Message]) -> None:
        if action not in _FORGOTTEN:
            self._answers.remember(invocation, _response(held))

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
            if key in keys and key != _LOGS_MODULE:
                state = get_state()
                if state:
                    self._save(key, state)

    def _write_later(self) -> None:
        """One service calls another in process (S3 tells SQS, say): all that were used are written a moment
        later, and with them what was debounced."""
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(DEBOUNCE, self._write_all)

    def _write_all(self) -> None:
        self._sweep = None
        self._write(set(self._app_module._state_map))


def _receive(body: bytes) -> Receive:
    """ASGI's way to give a body."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if not messages:
            # What follows a request's body is the client leaving, which MiniStack need not know.
            await asyncio.Event().wait()
        return messages.pop()

    return receive


def _succeeded(held: list[Message]) -> bool:
    return bool(held) and int(held[0].get("status", 500)) < 400


def _response(held: list[Message]) -> Response:
    """The messages as an answer."""
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in held[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in held[1:])
    return Response(status=int(held[0]["status"]), headers=headers, body=body)


def _messages(response: Response) -> list[Message]:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    return [
        {"type": "http.response.start", "status": response.status, "headers": headers},
        {"type": "http.response.body", "body": response.body},
    ]


async def _release(held: list[Message], send: Send) -> None:
    for message in held:
        await send(message)


def _undated(send: Send) -> Send:
    """Without the date, which the server adds to every answer: one has one date, and a replayed one's would be old."""

    async def passing(message: Message) -> None:
        headers = [each for each in message.get("headers", ()) if each[0].lower() != b"date"]
        await send({**message, "headers": headers} if "headers" in message else message)

    return passing
