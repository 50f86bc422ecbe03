"""The task metadata endpoint, version 4, for containers.

It listens where containers reach this machine and nothing else does: on the gateway address of Docker's
bridge, or on loopback behind ``host.docker.internal`` on engines that run in a virtual machine. Paths (Amazon
ECS developer guide, "Task metadata endpoint version 4"): ``/v4/<container>`` and ``/v4/<container>/task``.
"""

from __future__ import annotations

import hashlib
import ipaddress
import json
import logging
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_log = logging.getLogger(__name__)

#: (task id, container's key) -> (container document, task document), None if there is no such container.
Lookup = Callable[[str, str], tuple[dict[str, Any], dict[str, Any]] | None]


def container_key(task_id: str, container: str) -> str:
    """A container's part of its metadata address: the same after a restart, for it is in its environment."""
    return f"{task_id}-{hashlib.sha256(container.encode()).hexdigest()[:10]}"


def container_host(api: Any, endpoint_for_containers: str | None) -> str | None:
    """The name or address by which containers reach this machine; None if Docker has no bridge."""
    if endpoint_for_containers:
        return urlsplit(endpoint_for_containers).hostname
    if "Docker Desktop" in api.info()["OperatingSystem"]:
        # Its engine runs in a virtual machine; this name leads from there to this machine's loopback.
        return "host.docker.internal"
    for config in api.inspect_network("bridge")["IPAM"]["Config"] or ():
        # The engine leaves its own choice of gateway out: it takes the first address of the subnet.
        subnet = ipaddress.ip_network(config["Subnet"], strict=False)
        return str(config.get("Gateway") or next(subnet.hosts()))
    return None


class MetadataServer:
    """Serves the documents that ``lookup`` makes."""

    def __init__(self, host: str, port_file: Path, lookup: Lookup) -> None:
        """Listen on ``host``, on the port of last time if it can be had: containers know that one.

        Raises OSError if nothing can listen there.
        """
        try:
            bind = str(ipaddress.ip_address(host))
        except ValueError:
            bind = "127.0.0.1"
        try:
            wanted = int(port_file.read_text())
        except (OSError, ValueError):
            wanted = 0
        handler = _handler(lookup)
        try:
            self._server = _Server((bind, wanted), handler)
        except OSError:
            if not wanted:
                raise
            self._server = _Server((bind, 0), handler)
        port = self._server.server_address[1]
        port_file.write_text(str(port))
        self._url = f"http://{host}:{port}/v4"
        # The interval bounds how long close() takes, in seconds.
        threading.Thread(target=self._server.serve_forever, args=(0.1,), name="ecs-metadata", daemon=True).start()

    def url(self, task_id: str, container: str) -> str:
        """ECS_CONTAINER_METADATA_URI_V4 of a container."""
        return f"{self._url}/{container_key(task_id, container)}"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def _handler(lookup: Lookup) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = [part for part in self.path.split("/") if part]
            found = None
            if len(parts) in (2, 3) and parts[0] == "v4":
                found = lookup(parts[1].rsplit("-", 1)[0], parts[1])
            if found is None or (len(parts) == 3 and parts[2] != "task"):
                self._answer(404, "404 page not found")
            else:
                self._answer(200, found[len(parts) - 2])

        def _answer(self, status: int, document: Any) -> None:
            body = json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            _log.debug(format, *args)

    return Handler
