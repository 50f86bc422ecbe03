"""The locks that the engine puts on a stack: who holds one, since when, and whether that process is gone.

The engine writes a file per lock (pkg/backend/diy/lock.go), beside the state. Where that can't be read, only the
engine's refusal tells.
"""

from __future__ import annotations

import json
import os
import re
import socket
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pulumi.automation as auto

from ecs_stack.automation.backend import Backend
from ecs_stack.automation.store import Store
from ecs_stack.results import LockHolder

_LOCK = re.compile(
    r"^\s*\S+/(?P<key>\.pulumi/locks/[^?\s]+)(?:\?\S*)?: "
    r"created by (?P<user>\S+)@(?P<host>\S+) \(pid (?P<pid>\d+)\) at (?P<at>\S+)",
    re.MULTILINE,
)
#: No run of an ephemeral environment's engine takes as long: hosted runners end a job after 6 hours (GitHub) or 3
#: (GitLab), and pulumi-aws waits for nothing of it longer than 20 minutes.
_ABANDONED = timedelta(days=1)
#: How far apart a process's start (counted in ticks since the boot) and the clock may be.
_SLACK = timedelta(seconds=5)


@dataclass(frozen=True)
class Lock:
    """A lock: the key of its file in the store."""

    key: str
    holder: LockHolder

    @property
    def is_here(self) -> bool:
        """Whether its process ran on this machine, where it can be looked for."""
        return self.holder.host == socket.gethostname()

    @property
    def is_stale(self) -> bool:
        """Whether its process ran on this machine and is gone: an engine that was killed leaves its lock.

        A process with its number that started after the lock was taken is another one.
        """
        if not self.is_here:
            return False
        try:
            os.kill(self.holder.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            pass
        started = _started(self.holder.pid)
        return started is not None and started > self.holder.since + _SLACK

    def is_abandoned(self, now: datetime) -> bool:
        """Whether its run is gone: its process is, or can't be looked for from here and took it over a day ago."""
        return self.is_stale or (not self.is_here and now - self.holder.since > _ABANDONED)


def in_the_way(error: auto.CommandError) -> list[Lock]:
    """The locks that the engine found in its way."""
    return [
        Lock(unquote(found["key"]), _holder(found["user"], found["host"], int(found["pid"]), found["at"]))
        for found in _LOCK.finditer(str(error))
    ]


def folder_of(backend: Backend, stack: str) -> str:
    """The key of the folder that the engine keeps the stack's locks in."""
    return f".pulumi/locks/organization/{backend.project}/{stack}"


def in_store(store: Store, folder: str) -> list[Lock]:
    """The locks of a stack, the oldest first; ``folder`` is where the engine keeps them."""
    found = []
    for name in store.names(folder):
        key = f"{folder}/{name}"
        content = store.read(key)
        if content is None or not name.endswith(".json"):
            continue  # its run ended just now
        try:
            lock = json.loads(content)
            holder = _holder(lock["username"], lock["hostname"], int(lock["pid"]), lock["timestamp"])
        except (ValueError, KeyError, TypeError):
            # Half written by a process that died then, or is writing it.
            holder = LockHolder(user="unknown", host="unknown", pid=0, since=datetime.now(UTC))
        found.append(Lock(key, holder))
    return sorted(found, key=lambda lock: lock.holder.since)


def clock(at: datetime) -> str:
    """A moment as it is told to people."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def describe(holder: LockHolder) -> str:
    """``ann@build-7 (pid 4711) since 2026-11-24 09:35:05 UTC``"""
    return f"{holder.user}@{holder.host} (pid {holder.pid}) since {clock(holder.since)}"


def _holder(user: str, host: str, pid: int, at: str) -> LockHolder:
    return LockHolder(user=user, host=host, pid=pid, since=datetime.fromisoformat(at).astimezone(UTC))


def _started(pid: int) -> datetime | None:
    """When a process began; None where /proc doesn't tell (https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html)."""
    try:
        # The second field, the name, is in parentheses and may hold anything.
        ticks = int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])
        booted = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
    except (OSError, IndexError, ValueError):
        return None
    if booted is None:
        return None
    return datetime.fromtimestamp(int(booted[1]) + ticks / os.sysconf("SC_CLK_TCK"), UTC)
