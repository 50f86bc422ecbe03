"""The one HTTP endpoint of the local cloud: finds who answers a request; no error ends the process."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from ecs_stack.local import routes
from ecs_stack.local.gateway_messages import ApiError, Request, Response, error_response
from ecs_stack.local.gateway_ministack import Message, MiniStack, Receive, Send
from ecs_stack.local.gateway_moto import Moto

log = logging.getLogger(__name__)

#: Private paths: no AWS service has one like it.
PRIVATE = "/_ecs-stack/"
#: ECS handlers wait for other services' answers, which come through this same process.
WORKERS = 64

#: Answers a request itself, or returns None to let it pass. Runs on a worker thread; may raise ApiError.
Guard = Callable[[Request], Response | None]
#: Rewrites a request before it is executed, or the answer after.
Rewrite = Callable[[Request], Request]
Polish = Callable[[Request, Response], Response]
#: Told of each request that changed something, after it was executed. Runs on the event loop: be quick.
Listener = Callable[[Request], None]


class EcsHandler(Protocol):
    """What the gateway needs of the local ECS."""

    def handle(
        self, *, region: str, target: str, body: bytes, invocation: str = ""
    ) -> tuple[int, dict[str, str], bytes]:
        """Answer one JSON 1.1 request; an ``invocation`` that was answered before gets the same answer."""


class Gateway:
    """An ASGI application over the parts. Guards and rewrites are keyed by (service, operation)."""

    def __init__(self, *, moto: Moto, ministack: MiniStack) -> None:
        self.moto = moto
        self.ministack = ministack
        self._workers = ThreadPoolExecutor(max_workers=WORKERS, thread_name_prefix="gateway")
        self.ecs: EcsHandler | None = None
        self.guards: dict[tuple[str, str], Guard] = {}
        self.rewrites: dict[tuple[str, str], Rewrite] = {}
        self.polish: dict[str, Polish] = {}
        self.listeners: list[Listener] = []
        self.private: dict[str, Callable[[], tuple[int, Any]]] = {}

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            return
        try:
            await self._answer(scope, receive, send)
        except ConnectionError:
            raise
        except Exception:
            log.exception("%s %s failed", scope["method"], scope["path"])
            failure = ApiError("InternalFailure", "The local cloud failed: see its log", 500)
            await _send(send, error_response(routes.Protocol.JSON, failure))

    async def _answer(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["path"].startswith(PRIVATE):
            await _send(send, await self._private(scope["path"].removeprefix(PRIVATE)))
            return
        body = await _body(receive)
        if body is None:
            return
        headers = _headers(scope)
        query = scope.get("query_string", b"").decode("latin-1")
        service, region = routes.scope(headers, query, body)
        request = Request(
            method=scope["method"],
            path=scope["path"],
            query=query,
            headers=headers,
            body=body,
            service=service or "",
            region=region,
            action=routes.action(headers, query, body),
        )
        route = routes.ROUTES.get(request.service)
        if route is not None:
            await _send(send, await self._routed(route, request))
        elif service is None or self.ministack.knows(service):
            await self.ministack.handle(request, scope, send)
        else:
            await _send(send, _unknown_service(request))

    async def _routed(self, route: routes.Route, request: Request) -> Response:
        try:
            response = await self._execute(route, request)
        except ApiError as error:
            return error_response(route.protocol, error)
        except Exception:
            log.exception("%s %s failed", request.service, request.action)
            message = f"{request.action} failed inside the local cloud: see its log"
            return error_response(route.protocol, ApiError("InternalFailure", message, 500))
        if response.status < 400 and routes.mutates(request.method, request.action):
            for listener in self.listeners:
                listener(request)
        polish = self.polish.get(request.service)
        return polish(request, response) if polish is not None else response

    async def _execute(self, route: routes.Route, request: Request) -> Response:
        loop = asyncio.get_running_loop()
        key = (request.service, request.action)
        guard = self.guards.get(key)
        if guard is not None:
            response = await loop.run_in_executor(self._workers, guard, request)
            if response is not None:
                return response
        rewrite = self.rewrites.get(key)
        if rewrite is not None:
            request = rewrite(request)
        if route.part is routes.Part.MOTO:
            return await loop.run_in_executor(self.moto.executor, self.moto.handle, request)
        return await loop.run_in_executor(self._workers, self._ecs, request)

    def _ecs(self, request: Request) -> Response:
        if self.ecs is None:
            raise ApiError("ServerException", "The local ECS is starting", 500)
        status, headers, body = self.ecs.handle(
            region=request.region,
            target=request.headers.get("x-amz-target", ""),
            body=request.body,
            invocation=request.invocation,
        )
        return Response(status=status, headers=headers, body=body)

    async def _private(self, name: str) -> Response:
        answer = self.private.get(name)
        if answer is None:
            return _json(404, {"message": f"no such path; there are {', '.join(sorted(self.private))}"})
        status, value = await asyncio.get_running_loop().run_in_executor(self._workers, answer)
        return _json(status, value)


def _json(status: int, value: Any) -> Response:
    return Response(status=status, headers={"content-type": "application/json"}, body=json.dumps(value).encode())


def _unknown_service(request: Request) -> Response:
    """Worded in the protocol that the request itself shows."""
    form = request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    protocol = routes.Protocol.QUERY if form else routes.Protocol.JSON
    code = "InvalidAction" if form else "UnknownOperationException"
    name = request.action or f"{request.method} {request.path}"
    message = f"The local cloud has no service {request.service!r} (asked for {name})"
    return error_response(protocol, ApiError(code, message))


def _headers(scope: Message) -> dict[str, str]:
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    return headers


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if the client left before it ended."""
    chunks = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)


async def _send(send: Send, response: Response) -> None:
    headers: Mapping[str, str] = {**response.headers, "content-length": str(len(response.body))}
    await send(
        {
            "type": "http.response.start",
            "status": response.status,
            "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": response.body})
