"""Start, find, stop and remove the local cloud of a root: one background process and what it made.

What needs Docker's client loads it: most runs find the cloud running, and have no use for it.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecs_stack import home as homes
from ecs_stack.errors import LocalCloudError
from ecs_stack.local.persistence import read_json
from ecs_stack.local.persistence_paths import Paths, is_locked, lock
from ecs_stack.results import LocalListener, LocalProcess, LocalStatus, ResetReceipt

#: Seconds until a start is given up: it takes 2, plus the replay of what moto was asked.
START_TIMEOUT = 60.0
#: Seconds until a process that was asked to stop is killed.
STOP_TIMEOUT = 15.0

ListenerAddress = LocalListener


@dataclass(frozen=True)
class LocalCloud:
    """A local cloud that answers. ``docker_host`` is None where tasks are recorded without running."""

    root: Path
    endpoint: str
    pid: int
    docker_host: str | None

    def environment(self) -> dict[str, str]:
        """What a process that shall use this cloud needs in its environment.

        The keys are no secret: the cloud takes any.
        """
        variables = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        if self.docker_host:
            variables["DOCKER_HOST"] = self.docker_host
        return variables

    def listeners(self) -> Mapping[str, ListenerAddress]:
        """Where each load balancer's listener answers on this machine, by its ARN."""
        return {
            arn: LocalListener(load_balancer=found["load_balancer"], port=found["port"], url=found["url"])
            for arn, found in _get(self.endpoint, "listeners").items()
        }


def start(root: Path) -> LocalCloud:
    """Start the cloud of ``root``, or find it running. Callers at the same time get the same one.

    A cloud that was killed comes back with its state. Raises LocalCloudError if it doesn't answer in time, and
    RefusedError if its files can't be written.
    """
    paths = Paths(root.resolve())
    homes.prepare(paths.base.parent)
    with _exclusive(paths):
        cloud = running(paths.root)
        if cloud is not None:
            return cloud
        _end(paths)
        paths.make()
        return _spawn(paths)


def running(root: Path) -> LocalCloud | None:
    """The cloud of ``root`` if it has started and answers now."""
    paths = Paths(root.resolve())
    if not _alive(paths):
        return None
    facts = read_json(paths.cloud) or {}
    if "port" not in facts:
        return None
    endpoint = f"http://127.0.0.1:{facts['port']}"
    try:
        health = _get(endpoint, "health")
    except LocalCloudError:
        return None
    if not health.get("ready") or health.get("root") != str(paths.root):
        return None
    return LocalCloud(paths.root, endpoint, facts["pid"], facts.get("docker_host"))


def stop(root: Path) -> bool:
    """End the cloud's processes and stop its tasks' containers; its state stays.

    A later start brings the tasks back, as replaced ones. Returns whether anything ran.
    """
    paths = Paths(root.resolve())
    with _exclusive(paths):
        from ecs_stack.local import docker_objects

        host = _docker_host(paths)
        ended = _end(paths)
        return bool(docker_objects.stop_containers(host, paths.root)) or ended


def reset(root: Path) -> ResetReceipt:
    """Remove the cloud of ``root`` and all it made: processes, containers, networks, volumes and state.

    Only what carries this root's label is touched. What Pulumi knows of environments isn't the cloud's: it
    lives in ``.ecs-stack/state``.
    """
    paths = Paths(root.resolve())
    with _exclusive(paths):
        from ecs_stack.local import docker_objects

        host = _docker_host(paths)
        processes = _processes(paths)
        _end(paths)
        counts = docker_objects.remove(host, paths.root)
        removed = (str(paths.base),) if paths.base.exists() else ()
        if removed:
            shutil.rmtree(paths.base)
    return _receipt(processes, removed, counts)


def status(root: Path) -> LocalStatus:
    """What the cloud of ``root`` consists of now."""
    from ecs_stack.local import docker_objects

    paths = Paths(root.resolve())
    cloud = running(paths.root)
    docker_says, containers = docker_objects.look(_docker_host(paths), paths.root)
    if cloud is None:
        return LocalStatus(running=False, docker=docker_says, containers=containers)
    facts = _get(cloud.endpoint, "status")
    return LocalStatus(
        running=True,
        endpoint=cloud.endpoint,
        processes=tuple(
            LocalProcess(name=found["name"], pid=found["pid"], addresses=tuple(found["addresses"]))
            for found in facts["processes"]
        ),
        containers=containers,
        listeners=tuple(cloud.listeners().values()),
        docker=docker_says,
        versions=facts["versions"],
    )


def _spawn(paths: Paths) -> LocalCloud:
    from ecs_stack.local.docker import find_docker_host

    host = find_docker_host()
    command = [sys.executable, "-m", "ecs_stack.local.daemon", "--root", str(paths.root)]
    if host:
        command += ["--docker-host", host]
    # A fixed hash seed: replaying moto's journal must walk its sets in the same order (gateway_moto).
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    for name in list(environment):
        # The user's own AWS settings are for the user's account: nothing here may pick them up. And all that the cloud
        # talks to is on this machine, where no proxy leads.
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            del environment[name]
    with paths.log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=paths.base,
            env=environment,
            start_new_session=True,
        )
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        facts = read_json(paths.cloud) or {}
        if facts.get("pid") == process.pid:
            endpoint = f"http://127.0.0.1:{facts['port']}"
            with contextlib.suppress(LocalCloudError):
                if _get(endpoint, "health").get("ready"):
                    return LocalCloud(paths.root, endpoint, process.pid, host)
        if process.poll() is not None:
            raise LocalCloudError(
                f"The local cloud ended while it started (exit code {process.returncode}): {_last_line(paths.log)}",
                hint=f"Read {paths.log}",
            )
        time.sleep(0.05)
    process.kill()
    process.wait()
    raise LocalCloudError(f"The local cloud didn't answer within {START_TIMEOUT:.0f} s", hint=f"Read {paths.log}")


def _processes(paths: Paths) -> int:
    """How many processes the cloud has now: the gateway, and the load balancers' that end with it."""
    found = running(paths.root)
    if found is None:
        return int(_alive(paths))
    with contextlib.suppress(LocalCloudError):
        return len(_get(found.endpoint, "status")["processes"])
    return 1


def _end(paths: Paths) -> bool:
    """End the cloud's process, if it lives. Returns whether it did."""
    if not _alive(paths):
        return False
    pid = (read_json(paths.cloud) or {}).get("pid")
    if not pid:
        raise LocalCloudError(f"{paths.daemon_lock} is held by a process that left no pid in {paths.cloud}")
    # The lock says that the process lives, so the pid is its own and no other's.
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + STOP_TIMEOUT
        while time.monotonic() < deadline:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)
            if not _alive(paths):
                return True
            time.sleep(0.05)
    raise LocalCloudError(f"Process {pid} of the local cloud doesn't end")


def _alive(paths: Paths) -> bool:
    """Whether the process lives: it holds its lock until its end, however it ends."""
    return is_locked(paths.daemon_lock)


@contextlib.contextmanager
def _exclusive(paths: Paths) -> Iterator[None]:
    paths.start_lock.parent.mkdir(parents=True, exist_ok=True)
    held = lock(paths.start_lock, wait=True)
    assert held is not None
    with held:
        yield


def _get(endpoint: str, name: str) -> dict[str, Any]:
    url = f"{endpoint}/_ecs-stack/{name}"
    # No proxy of the user's environment: this is loopback.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=10) as response:
            return dict(json.load(response))
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 503:
                return dict(json.load(error))
        raise LocalCloudError(f"{url} answered {error.code}") from error
    except (OSError, ValueError) as error:
        raise LocalCloudError(f"The local cloud doesn't answer at {endpoint}: {error}") from error


def _docker_host(paths: Paths) -> str | None:
    """The engine that the cloud ran its tasks on, which may not be the one that would be found now."""
    from ecs_stack.local.docker import find_docker_host

    return (read_json(paths.cloud) or {}).get("docker_host") or find_docker_host()


def _receipt(processes: int, removed: tuple[str, ...], counts: Mapping[str, int]) -> ResetReceipt:
    return ResetReceipt(
        processes=processes,
        containers=counts["containers"],
        networks=counts["networks"],
        volumes=counts["volumes"],
        paths=removed,
    )


def _last_line(path: Path) -> str:
    lines = path.read_text(encoding="utf-8", errors="replace").split("\n")
    return next((line for line in reversed(lines) if line.strip()), "its log is empty")
