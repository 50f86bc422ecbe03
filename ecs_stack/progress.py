"""Progress on its way to the caller: one step at a time, and without risk for the run."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ecs_stack.results import Progress

OnProgress = Callable[[Progress], None]

_log = logging.getLogger("ecs_stack")
# Without a handler of the process's own, Python would print what is logged.
_log.addHandler(logging.NullHandler())


def guarded(on_progress: OnProgress | None) -> OnProgress | None:
    """The callback, called by one thread at a time, and no more once it failed.

    Steps come from the engine's thread too, where an exception would end the account of what the run does. The logger
    ``ecs_stack`` gets it.
    """
    return _Guarded(on_progress) if on_progress else None


class _Guarded:
    def __init__(self, on_progress: OnProgress) -> None:
        self._on_progress: OnProgress | None = on_progress
        self._lock = threading.RLock()

    def __call__(self, step: Progress) -> None:
        with self._lock:
            if self._on_progress is None:
                return
            try:
                self._on_progress(step)
            except Exception:
                self._on_progress = None
                _log.exception("on_progress failed and isn't called any more; the run goes on")
