"""Where a local cloud keeps its files, and the ports that it keeps."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import shutil
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import IO

#: Below the ephemeral ranges of Linux and macOS (32768 and 49152 up), so that no outgoing connection takes a
#: port that a restart wants back.
FIRST_PORT, LAST_PORT = 20000, 29999


@dataclass(frozen=True)
class Paths:
    """The files of the local cloud of one root, all below ``.ecs-stack/local``."""

    root: Path

    @property
    def base(self) -> Path:
        """Everything of the local cloud."""
        return self.root / ".ecs-stack" / "local"

    @property
    def cloud(self) -> Path:
        """Port and process of the one that runs, or ran last."""
        return self.base / "cloud.json"

    @property
    def start_lock(self) -> Path:
        """Held by whoever starts, stops or resets; outside of what a reset removes."""
        return self.root / ".ecs-stack" / "local.lock"

    @property
    def daemon_lock(self) -> Path:
        """Held by the process for as long as it lives."""
        return self.base / "daemon.lock"

    @property
    def state(self) -> Path:
        """What the parts saved."""
        return self.base / "state"

    @property
    def log(self) -> Path:
        """The process's log."""
        return self.base / "logs" / "cloud.log"

    def make(self) -> None:
        """Make the folders; only their owner may look inside, for state holds secrets' values."""
        for folder in (self.base, self.state, self.log.parent):
            folder.mkdir(parents=True, exist_ok=True)
        self.base.chmod(0o700)

    def clear(self) -> None:
        """Remove all of it, and the folders above that are empty without it."""
        shutil.rmtree(self.base, ignore_errors=True)
        for folder in (self.base.parent, self.root):
            with contextlib.suppress(OSError):
                folder.rmdir()


def lock(path: Path, *, wait: bool) -> IO[bytes] | None:
    """Lock a file until it is closed or the process ends; None if another holds it and ``wait`` is False."""
    return _lock(path, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def is_locked(path: Path) -> bool:
    """Whether a process holds the lock. Asking doesn't look like holding to others who ask."""
    if not path.exists():
        return False
    held = _lock(path, fcntl.LOCK_SH | fcntl.LOCK_NB)
    if held is None:
        return True
    held.close()
    return False


def _lock(path: Path, how: int) -> IO[bytes] | None:
    file = path.open("ab")
    try:
        fcntl.flock(file, how)
    except BlockingIOError:
        file.close()
        return None
    return file


def stable_port(key: str, taken: frozenset[int] = frozenset()) -> int:
    """A port free on 127.0.0.1 now: the same one for the same key, unless it is in use or ``taken``."""
    span = LAST_PORT - FIRST_PORT + 1
    start = int(hashlib.sha256(key.encode()).hexdigest(), 16) % span
    for step in range(span):
        port = FIRST_PORT + (start + step) % span
        if port not in taken and port_is_free(port):
            return port
    raise OSError(f"no free port on 127.0.0.1 between {FIRST_PORT} and {LAST_PORT}")


def port_is_free(port: int) -> bool:
    """Whether a server could bind 127.0.0.1:``port``."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
