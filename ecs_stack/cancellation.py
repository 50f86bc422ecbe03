"""How a run is stopped from outside: by another thread, a task, a signal handler, or Ctrl-C."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ecs_stack.errors import InterruptedRunError


class Cancellation:
    """Stops what it is handed to: a preview, an up, a destroy, a log that is followed.

    One may be handed to several runs, and stops all of them. It stays cancelled: what gets it later doesn't start.
    """

    def __init__(self) -> None:
        # Reentrant, so that ``cancel`` may be called in a signal handler of the thread that waits here.
        self._changed = threading.Condition(threading.RLock())
        self._cancelled = False
        self._callbacks: list[Callable[[], object]] = []

    @property
    def cancelled(self) -> bool:
        """Whether ``cancel`` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """Stops the runs, from any thread, and returns at once. Each run ends with InterruptedRunError.

        The engine finishes the operations that are under way, writes down what it did and gives back its lock. That may
        take as long as these operations do; a second call makes it give up on them.
        """
        with self._changed:
            self._cancelled = True
            callbacks = list(self._callbacks)
            self._changed.notify_all()
        for callback in callbacks:
            callback()

    def wait(self, seconds: float) -> bool:
        """Waits that long, or until it is cancelled. Returns whether it is."""
        end = time.monotonic() + seconds
        with self._changed:
            while not self._cancelled and (left := end - time.monotonic()) > 0:
                self._changed.wait(left)
        return self._cancelled

    def sleep(self, seconds: float) -> None:
        """Waits that long. Raises InterruptedRunError as soon as it is cancelled."""
        if self.wait(seconds):
            raise InterruptedRunError("cancelled")

    @contextmanager
    def calling(self, callback: Callable[[], object]) -> Iterator[None]:
        """Calls ``callback`` at each ``cancel`` while the block runs, and now if there was one before."""
        with self._changed:
            self._callbacks.append(callback)
            cancelled = self._cancelled
        try:
            if cancelled:
                callback()
            yield
        finally:
            with self._changed:
                self._callbacks.remove(callback)
