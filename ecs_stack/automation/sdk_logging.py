"""What Pulumi's Python SDK does to the process's logging, undone (SDK 3.259).

Each program that it runs turns the ``asyncio`` logger off for good, because tasks that end unobserved are no news
there (_suppress_unobserved_task_logging in pulumi/automation/_server.py). The process isn't ours: whoever embeds this
wants to read of such tasks of their own. So here only the program's own event loop is quiet.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from typing import Any

import grpc

_OFF = logging.CRITICAL


class _Level:
    """The logger's level as the process wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._level: int | None = None

    def remember(self) -> None:
        """To be called before a program is run. While another one starts, the level may be the SDK's."""
        with self._lock:
            found = logging.getLogger("asyncio").level
            if found != _OFF or self._level is None:
                self._level = found

    def restore(self) -> None:
        """To be called once the SDK has turned the logger off."""
        with self._lock:
            if self._level is not None:
                logging.getLogger("asyncio").setLevel(self._level)


_level = _Level()
remember = _level.remember


def keep_to_this_loop() -> None:
    """Gives the logger back, and keeps what the running loop has to tell from it. To be called inside a program."""
    _level.restore()
    loop = asyncio.get_running_loop()
    handler = loop.get_exception_handler()

    def only_ends(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        # With an engine that is gone the SDK stops the loop.
        if handler and isinstance(context.get("exception"), grpc.RpcError):
            handler(loop, context)

    loop.set_exception_handler(only_ends)
