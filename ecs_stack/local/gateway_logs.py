"""CloudWatch Logs' state on disk: a journal beside a snapshot.

MiniStack keeps a service's state in one document. For most services it is small and is written anew for each
change; log events come too often and are too many for that. So each request that changes CloudWatch Logs is
appended to a journal before it is answered, and the whole is written only once the journal is long.
"""

from __future__ import annotations

import contextlib
import random
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from types import ModuleType
from typing import Any

from ecs_stack.local.gateway_messages import Request
from ecs_stack.local.persistence import Entry, Journal

SERVICE = "logs"
#: Bytes. Writing the whole takes about a second for each 100 MB of log events, replaying this much about two.
JOURNAL_LIMIT = 16_000_000

#: A request's own time and random numbers, so that its replay repeats timestamps and event ids.
_moment: ContextVar[float | None] = ContextVar("moment", default=None)
_numbers: ContextVar[random.Random | None] = ContextVar("numbers", default=None)


class LogsState:
    """Snapshot n and the journal of what came after it; n + 1 replaces both."""

    def __init__(
        self,
        folder: Path,
        *,
        module: ModuleType,
        save: Callable[[str, dict[str, Any]], None],
        load: Callable[[str], dict[str, Any] | None],
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._module: Any = module
        self._save, self._load = save, load
        numbers = [int(path.stem.partition("-")[2]) for path in folder.glob("logs-*.json")]
        self._number = max(numbers, default=0)
        self._journal = self._open()
        module.time = _RequestTime("time")  # type: ignore[attr-defined]
        module.new_uuid = _request_uuid  # type: ignore[attr-defined]

    async def restore(self, execute: Callable[[Entry], Awaitable[None]]) -> int:
        """Load the snapshot and execute the journal again. Returns how many requests that were."""
        snapshot = self._load(f"logs-{self._number}")
        if snapshot:
            self._module.load_persisted_state(snapshot)
        deliver, count = self._module._fanout_to_subscription_filters, 0
        # Subscribers got these events when they came.
        self._module._fanout_to_subscription_filters = lambda *_: None
        try:
            for entry in self._journal.replay():
                with self._as_it_was(entry):
                    await execute(entry)
                count += 1
        finally:
            self._module._fanout_to_subscription_filters = deliver
        return count

    @contextlib.contextmanager
    def recording(self, request: Request) -> Iterator[Callable[[], None]]:
        """Execute a request inside; call what this yields once it has succeeded, before it is answered."""
        entry = request.entry(self._journal)
        with self._as_it_was(entry):
            yield lambda: self._journal.add(entry)
        if self._journal.size > JOURNAL_LIMIT:
            self.snapshot()

    def snapshot(self) -> None:
        """Write the whole and begin an empty journal."""
        old, self._number = self._number, self._number + 1
        self._save(f"logs-{self._number}", self._module.get_state())
        self._journal.close()
        self._journal = self._open()
        for suffix in ("json", "journal"):
            (self._folder / f"logs-{old}.{suffix}").unlink(missing_ok=True)

    def _open(self) -> Journal:
        return Journal(self._folder / f"logs-{self._number}.journal")

    @contextlib.contextmanager
    def _as_it_was(self, entry: Entry) -> Iterator[None]:
        # Repeatable, not secret.
        seeded = random.Random(f"{self._journal.salt}:{entry.sequence}")  # noqa: S311
        tokens = _moment.set(entry.time), _numbers.set(seeded)
        try:
            yield
        finally:
            _moment.reset(tokens[0])
            _numbers.reset(tokens[1])


class _RequestTime(ModuleType):
    """The ``time`` module whose ``time()`` is that of the request."""

    @staticmethod
    def time() -> float:
        return _moment.get() or time.time()

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def _request_uuid() -> str:
    numbers = _numbers.get()
    return str(uuid.uuid4() if numbers is None else uuid.UUID(int=numbers.getrandbits(128), version=4))
