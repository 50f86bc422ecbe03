"""The two Caddys that route: one takes requests, the other waits for the next configuration.

A Caddy that gets a new configuration drops connections that it has accepted and not read a request from (Go's HTTP
server, once it shuts down). So a configuration goes to the one that nobody sends to, and then a file that ``fronts``
reads for each request names that one. What is under way on the other ends as it began.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Any

from ecs_stack.local.caddy import Caddy
from ecs_stack.local.controllers.load_balancer.slots import FOLDER, replace

log = logging.getLogger(__name__)

_NAMES = ("router-0", "router-1")
#: The file that says which of them takes requests.
_ACTIVE = f"{FOLDER}/router"
#: Seconds that a request may need from a front's reading of that file to a router's reading of the request.
_SETTLE = 0.25


def address(port: int) -> str:
    """Where requests of the listener on 127.0.0.1:``port`` go, as Caddy dials it: the active router's socket."""
    return f"unix/{{file.{_ACTIVE}}}/{listen_address(port)}"


def listen_address(port: int) -> str:
    """The socket of that listener's rules, in a router's own folder."""
    return f"listener-{port}.sock"


class Routers:
    """``base`` must be the current folder of this process."""

    def __init__(self, base: Path) -> None:
        self._base = base
        (base / FOLDER).mkdir(exist_ok=True)
        # Each in a folder of its own, so that the same names are other sockets; the slots are the same files.
        for name in _NAMES:
            (base / name).mkdir(exist_ok=True)
            link = base / name / FOLDER
            link.unlink(missing_ok=True)
            link.symlink_to(Path("..") / FOLDER)
        self._all = [Caddy(base, name, folder=name) for name in _NAMES]
        self._active = 0
        self._apps: dict[str, Any] = {}
        self._switched = 0.0

    @property
    def pids(self) -> list[int]:
        """Their processes; the first is the one that takes requests."""
        found = [self._all[self._active].pid, self._all[1 - self._active].pid]
        return [pid for pid in found if pid is not None]

    def keep_alive(self) -> None:
        """Start what doesn't run. Call it on one thread, which they end with on Linux.

        Raises LocalCloudError if one doesn't start.
        """
        for number, caddy in enumerate(self._all):
            if caddy.pid is None:
                caddy.spawn(self._apps if number == self._active else {})
                caddy.wait_ready()
                log.info("Caddy %s started", caddy.name)
        self._name_active()

    def load(self, apps: dict[str, Any]) -> bool:
        """Make ``apps`` the configuration of requests from now on; those under way keep the one before.

        Returns whether it is another. Raises LocalCloudError if Caddy refuses it.
        """
        if apps == self._apps:
            return False
        time.sleep(max(0.0, self._switched + _SETTLE - time.monotonic()))
        self._all[1 - self._active].load(apps)
        self._active, self._apps = 1 - self._active, apps
        self._name_active()
        self._switched = time.monotonic()
        return True

    def in_flight(self) -> dict[str, int]:
        """Requests under way by the address they were sent to (``127.0.0.1:port``)."""
        counts: dict[str, int] = {}
        for caddy in self._all:
            for where, number in caddy.in_flight().items():
                counts[where] = counts.get(where, 0) + number
        return counts

    def stop(self) -> None:
        """End both; what is in flight is cut."""
        for caddy in self._all:
            caddy.stop()

    def _name_active(self) -> None:
        replace(self._base / _ACTIVE, _NAMES[self._active])
