"""MiniStack by itself, and what its own ECS does with a container that is killed."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.e2e.project import engine, eventually, get

#: Seconds after which a killed container counts as never replaced: ten times what it takes here.
PATIENCE = 15.0
#: Left alone it listens on all addresses, and on more ports for IoT and SFTP.
_LOOPBACK = {"BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0", "SFTP_ENABLED": "0"}
_FAMILY_LABEL = "com.amazonaws.ecs.task-definition-family"


@contextmanager
def alone(port: int) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """MiniStack as it comes, in a process of its own, and the seconds until it answered."""
    env = {**os.environ, "GATEWAY_PORT": str(port), "LOG_LEVEL": "ERROR", **_LOOPBACK}
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        process = subprocess.Popen(
            [sys.executable, "-m", "ministack"],
            cwd=folder,
            env=env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            eventually(lambda: _answers(port), within=60, what="MiniStack answers")
            yield process, time.monotonic() - started
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def kill_to_replaced(client: Callable[[str], Any], image: str) -> float | None:
    """Seconds from a killed container of a service with one task to the next; None if none comes in ``PATIENCE``."""
    ecs, family = client("ecs"), f"bench-{secrets.token_hex(4)}"
    try:
        ecs.register_task_definition(
            family=family, containerDefinitions=[{"name": "api", "image": image, "cpu": 256, "memory": 512}]
        )
        ecs.create_service(cluster="bench", serviceName=family, taskDefinition=family, desiredCount=1)
        first = eventually(lambda: _running(family), within=60, what="MiniStack's service runs its task")
        next(iter(first.values())).kill()
        killed = time.monotonic()
        while time.monotonic() - killed < PATIENCE:
            if _running(family).keys() - first.keys():
                return time.monotonic() - killed
            time.sleep(0.05)
        return None
    finally:
        for container in engine().containers.list(all=True, filters={"label": f"{_FAMILY_LABEL}={family}"}):
            container.remove(force=True)


def _running(family: str) -> dict[str, Any]:
    wanted = {"label": f"{_FAMILY_LABEL}={family}", "status": "running"}
    return {found.id: found for found in engine().containers.list(filters=wanted, ignore_removed=True)}


def _answers(port: int) -> bool:
    """Whether something speaks HTTP there."""
    try:
        get(f"http://127.0.0.1:{port}/_ministack/health")
    except OSError:
        return False
    return True
