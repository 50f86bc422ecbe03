"""What clients connect to: a small Caddy for each listener, whose configuration stays as long as the listener does.

A Caddy that gets a new configuration opens its TCP ports anew and closes idle connections: connections that wait to be
accepted are lost, and so are requests on a connection that just closed. So what changes with every rule is behind
these, in ``routers``. A front holds the clients' connections and passes each request on, again where the other end went
away before it answered (docs/adr/0006).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecs_stack.local.caddy import Caddy
from ecs_stack.local.controllers.load_balancer import routers, tls
from ecs_stack.local.controllers.load_balancer.model import Listener

log = logging.getLogger(__name__)

#: Nanoseconds, Caddy's unit of time in JSON.
_SECOND = 1_000_000_000
#: Seconds that requests wait for the Caddy that routes, where it is being started again: that takes 0.2.
_PATIENCE = 10
#: Requests that may be sent twice (RFC 9110, 9.2.2); others are only sent again if they didn't get out.
IDEMPOTENT = ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")
_PREFIX = "front-"


def configuration(port: int, listener: Listener) -> dict[str, Any]:
    """Caddy's ``apps`` of one front: TLS ends here."""
    idle = int(listener.idle_timeout * _SECOND)
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": routers.address(port)}],
        # The router learns the client's address; a connection a request, for it is the client's.
        "transport": {
            "protocol": "http",
            "proxy_protocol": "v2",
            "compression": False,
            "keep_alive": {"enabled": False},
        },
        "load_balancing": {
            "try_duration": _PATIENCE * _SECOND,
            "try_interval": _SECOND // 50,
            "retry_match": [{"method": list(IDEMPOTENT)}],
        },
    }
    server: dict[str, Any] = {
        "listen": [f"127.0.0.1:{port}"],
        "protocols": ["h1"],
        "automatic_https": {"disable": True},
        "read_header_timeout": idle,
        "idle_timeout": idle,
        # An ALB appends to the X-Forwarded-For that it gets, whoever sent it.
        "trusted_proxies": {"source": "static", "ranges": ["0.0.0.0/0", "::/0"]},
        "routes": [
            {
                "handle": [
                    {"handler": "headers", "response": {"delete": ["Server"]}},
                    {"handler": "headers", "response": {"deferred": True, "delete": ["Via"]}},
                    proxy,
                ]
            }
        ],
    }
    apps = {"http": {"servers": {str(port): server}}}
    if not listener.names:
        return apps
    server["protocols"] = ["h1", "h2"]
    server["tls_connection_policies"] = tls.connection_policies(listener.names)
    return {**apps, **tls.apps(listener.names)}


class Fronts:
    """The fronts that run, by port."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._running: dict[int, Caddy] = {}

    @property
    def pids(self) -> dict[int, int]:
        """Process ids by port."""
        return {port: front.pid for port, front in list(self._running.items()) if front.pid is not None}

    async def follow(self, wanted: Mapping[int, Listener]) -> None:
        """Have a front for each port of ``wanted``, and no other.

        Call it on one thread: Linux ends a front with the thread that starts it. Raises LocalCloudError if one
        doesn't start.
        """
        for port in [port for port in self._running if port not in wanted]:
            await asyncio.to_thread(self._running.pop(port).stop)
        started = []
        for port, listener in wanted.items():
            front = self._running.setdefault(port, Caddy(self._base, f"{_PREFIX}{port}"))
            changed = front.pid is None
            if changed:
                front.spawn(configuration(port, listener))
                started.append(front)
            else:
                changed = await asyncio.to_thread(front.load, configuration(port, listener))
            if changed and listener.names:
                await asyncio.to_thread(front.wait_ready)
                # One after the other: two that make the authority at the same time would make two, and one that needs
                # a certificate which another is making looks again after a second.
                await asyncio.to_thread(tls.wait_served, port, listener.names, self._base)
        for front in started:
            await asyncio.to_thread(front.wait_ready)

    def stop(self) -> None:
        """End all; what is in flight is cut."""
        while self._running:
            self._running.popitem()[1].stop()
