"""What is done about a lock: a run is refused, a lock whose holder is gone is removed, one is held."""

from __future__ import annotations

import getpass
import json
import os
import socket
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pulumi.automation as auto

from ecs_stack.automation import locks
from ecs_stack.automation.backend import Backend
from ecs_stack.automation.failures import locked
from ecs_stack.automation.store import Store
from ecs_stack.errors import LockedError
from ecs_stack.results import LockHolder


def refuse_if_locked(
    backend: Backend, stack: str, own: str | None = None, *, unless_abandoned: datetime | None = None
) -> None:
    """Raises LockedError while another run changes the stack, where that can be told before a run of the engine.

    ``own`` is the key of a lock that isn't another run's. With ``unless_abandoned``, the time now, a lock is none
    that is so old that its run is gone, wherever that was.
    """
    others = [
        lock
        for lock in _of(backend, stack)
        if lock.key != own and not (lock.is_abandoned(unless_abandoned) if unless_abandoned else lock.is_stale)
    ]
    if others:
        raise locked(stack, locks.describe(others[0].holder))


def remove_abandoned(backend: Backend, stack: str, now: datetime) -> tuple[LockHolder, ...]:
    """Removes the locks that are so old by ``now`` that their runs are gone. Returns who held them."""
    found = [lock for lock in _of(backend, stack) if lock.is_abandoned(now)]
    for lock in found:
        if backend.store:
            backend.store.delete(lock.key)
    return tuple(lock.holder for lock in found)


def _of(backend: Backend, stack: str) -> list[locks.Lock]:
    """The locks of a stack; none where only the engine sees them."""
    return locks.in_store(backend.store, locks.folder_of(backend, stack)) if backend.store else []


@contextmanager
def held(backend: Backend, stack: str) -> Iterator[None]:
    """Keeps every other run off the stack during the block, as the engine does: its lock, looked at before and after.

    Raises LockedError if another run has one. Where the state can't be reached without the engine, nothing is held.
    """
    if backend.store is None:
        yield
        return
    refuse_if_locked(backend, stack)
    key = f"{locks.folder_of(backend, stack)}/{uuid.uuid4()}.json"
    lock = {
        "pid": os.getpid(),
        "username": getpass.getuser(),
        "hostname": socket.gethostname(),
        "timestamp": datetime.now(UTC).isoformat(),
    }
    backend.store.write(key, json.dumps(lock).encode())
    try:
        refuse_if_locked(backend, stack, own=key)
        yield
    finally:
        backend.store.delete(key)


def remove_locks(store: Store, backend: Backend, stack: str, *, force: bool) -> tuple[LockHolder, ...]:
    """Removes the locks of runs that are gone; ``force`` also those of which that can't be told from here.

    Raises LockedError, and removes nothing, if a holder lives on this machine, or may live on another.
    """
    held = locks.in_store(store, locks.folder_of(backend, stack))
    for lock in held:
        if lock.is_here and not lock.is_stale:
            raise LockedError(
                f"the state of {stack} is locked by {locks.describe(lock.holder)}, and that process is running",
                hint=f"Wait until it ends, or stop it: `kill -INT {lock.holder.pid}`.",
            )
        if not lock.is_here and not force:
            raise LockedError(
                f"the state of {stack} is locked by {locks.describe(lock.holder)}: whether that run is gone "
                "can't be told from this machine",
                hint=f"Look there. If it is gone, `ecs-stack unlock {stack} --force` removes its lock.",
            )
    for lock in held:
        store.delete(lock.key)
    return tuple(lock.holder for lock in held)


def unless_stale(run: Callable[[], object], backend: Backend) -> None:
    """Runs, and once more without the locks of engines that were killed on this machine."""
    try:
        run()
    except auto.ConcurrentUpdateError as error:
        held = locks.in_the_way(error)
        if backend.store is None or not held or not all(lock.is_stale for lock in held):
            raise
        for lock in held:
            backend.store.delete(lock.key)
        run()
