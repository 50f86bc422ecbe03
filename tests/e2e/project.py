"""A project in a folder of its own, driven through the installed command, as a user would."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import docker

from ecs_stack.local.controllers.load_balancer.tls import ROOT_CERTIFICATE
from ecs_stack.local.docker import find_docker

CHECKOUT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Run:
    """What one command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Project:
    """``environments`` maps a name to the text of its file."""

    #: The installed command, which has its Python beside it.
    command = Path(sys.executable).with_name("ecs-stack")

    def __init__(self, root: Path, environments: Mapping[str, str]) -> None:
        self.root = root
        (root / "envs").mkdir(parents=True)
        shutil.copyfile(CHECKOUT / "Pulumi.yaml", root / "Pulumi.yaml")
        for name, text in environments.items():
            self.write(name, text)

    @property
    def authority(self) -> Path:
        """The certificate of the authority that the local load balancers' certificates are of."""
        return self.root / ".ecs-stack" / "local" / ROOT_CERTIFICATE

    def add_program(self) -> None:
        """What plain `pulumi` runs in a checkout: Pulumi.yaml names the package's folder."""
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(CHECKOUT / "ecs_stack", self.root / "ecs_stack", ignore=ignored)

    def write(self, name: str, text: str) -> None:
        (self.root / "envs" / f"{name}.yaml").write_text(text)

    def edit(self, name: str, before: str, after: str) -> None:
        file = self.root / "envs" / f"{name}.yaml"
        text = file.read_text()
        assert before in text
        file.write_text(text.replace(before, after))

    def run(
        self,
        *arguments: str,
        code: int | None = 0,
        timeout: float = 180,
        environment: Mapping[str, str] | None = None,
    ) -> Run:
        """``ecs-stack ARGUMENTS`` without a terminal; fails the test unless it ends with ``code`` (None: any)."""
        done = subprocess.run(
            [str(self.command), *arguments],
            cwd=self.root,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "160", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        if code is not None:
            assert done.returncode == code, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return Run(done.returncode, done.stdout, done.stderr)

    def shell(self, script: str, *, code: int = 0, timeout: float = 180) -> Run:
        """A shell script in the project's folder, with the installed command on PATH."""
        path = f"{self.command.parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.root,
            env={**os.environ, "PATH": path, "NO_COLOR": "1"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == code, f"{script}\n{done.returncode}\n{done.stdout}\n{done.stderr}"
        return Run(done.returncode, done.stdout, done.stderr)

    def client(self, service: str, region: str = "eu-west-1") -> Any:
        """A boto3 client of this project's local cloud."""
        from ecs_stack.local import cloud

        running = cloud.running(self.root)
        assert running is not None
        return boto3.client(
            service,
            region_name=region,
            endpoint_url=running.endpoint,
            aws_access_key_id="local",
            aws_secret_access_key="local",
        )

    def containers(self, *, all: bool = False, **labels: str) -> list[Any]:
        """This project's containers: ``service="api", container="api"`` are labels without their prefix."""
        wanted = [f"ecs-stack.root={self.root}", *(f"ecs-stack.{key}={value}" for key, value in labels.items())]
        return engine().containers.list(all=all, filters={"label": wanted})

    def docker_objects(self) -> dict[str, list[str]]:
        """Everything on the Docker engine that carries this project's label."""
        wanted = {"label": f"ecs-stack.root={self.root}"}
        client = engine()
        return {
            "containers": [c.name for c in client.containers.list(all=True, filters=wanted)],
            "networks": [n.name for n in client.networks.list(filters=wanted)],
            "volumes": [v.name for v in client.volumes.list(filters=wanted)],
        }


def engine() -> docker.DockerClient:
    client = find_docker()
    assert client is not None
    return client


class _Secure(http.client.HTTPSConnection):
    """Asks this machine for the certificate of the name, which need not resolve."""

    def connect(self) -> None:
        connection = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._context.wrap_socket(connection, server_hostname=self.host)  # type: ignore[attr-defined]


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, authority: Path) -> None:
        super().__init__()
        self._trusting = ssl.create_default_context(cafile=str(authority))

    def https_open(self, request: urllib.request.Request) -> Any:
        return self.do_open(_Secure, request, context=self._trusting)  # type: ignore[arg-type]


def get(url: str, *, host: str | None = None, timeout: float = 10, authority: Path | None = None) -> tuple[int, Any]:
    """Status and JSON (or text) of a GET; the answer of an error status too. HTTPS with a certificate of ``authority``.

    Names below localhost are this machine's, as they are for browsers and curl, whatever the resolver says (RFC 6761).
    """
    asked = urlsplit(url)
    if asked.scheme == "http" and (asked.hostname or "").endswith(".localhost"):
        url, host = asked._replace(netloc=f"127.0.0.1:{asked.port}").geturl(), host or asked.netloc
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    opener = urllib.request.build_opener(*([_Https(authority)] if authority else []))
    try:
        with opener.open(request, timeout=timeout) as answer:
            status, body = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read().decode()
    try:
        return status, json.loads(body)
    except ValueError:
        return status, body


def eventually(check: Callable[[], Any], *, within: float, what: str) -> Any:
    """The first true value of ``check``; fails after ``within`` seconds."""
    end = time.monotonic() + within
    while True:
        value = check()
        if value:
            return value
        assert time.monotonic() < end, f"not within {within} s: {what}"
        time.sleep(0.05)


@dataclass
class Load:
    """Constant load on a URL from two threads, until the block ends."""

    url: str
    answers: list[tuple[float, int, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Load:
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(2)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self) -> None:
        while not self._stop.is_set():
            try:
                status, body = get(self.url)
            except OSError as error:
                self.failures.append(repr(error))
                continue
            self.answers.append((time.monotonic(), status, body))
            if status != 200:
                self.failures.append(f"{status}: {body}")
            time.sleep(0.01)

    @property
    def versions(self) -> set[str]:
        return {body["version"] for _, status, body in self.answers if status == 200}
