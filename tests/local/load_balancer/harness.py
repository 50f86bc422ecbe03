"""The gateway, moto and the load balancer in the test's own process, so that tests can publish addresses."""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import uvicorn
from ministack.core.responses import request_scope
from moto.moto_api._internal.models import moto_api_backend

from ecs_stack.local import gateway_in_use
from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.controllers.load_balancer import LoadBalancers
from ecs_stack.local.controllers.load_balancer.api import resolvable_names
from ecs_stack.local.gateway import Gateway
from ecs_stack.local.gateway_clients import Clients
from ecs_stack.local.gateway_messages import Request
from ecs_stack.local.gateway_ministack import Message, Send
from ecs_stack.local.gateway_moto import Moto


class Backend:
    """A small server that says who answered and what it got. ``health`` is what /health answers."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.health = 200
        backend = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                path, _, query = self.path.partition("?")
                wait = float(urllib.parse.parse_qs(query).get("wait", ["0"])[0])
                time.sleep(wait)
                if path == "/health" and backend.health == 0:
                    time.sleep(30)
                status = backend.health if path == "/health" else 200
                answer = {"name": backend.name, "path": self.path, "headers": dict(self.headers.items())}
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_PUT = do_DELETE = do_GET

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """A probe or a proxy that gave up waiting: tests make them do that."""

        self.server = Server(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    text: str

    @property
    def name(self) -> str:
        return str(json.loads(self.text)["name"])

    @property
    def seen(self) -> dict[str, str]:
        return dict(json.loads(self.text)["headers"])


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *arguments: Any) -> None:
        return None


@dataclass
class Stack:
    """One VPC with two subnets, a load balancer a test, and the controller."""

    root: Path
    gateway: Gateway
    clients: Clients
    acm: Acm
    addresses: AddressBook = field(default_factory=AddressBook)
    vpc: str = ""
    subnets: list[str] = field(default_factory=list)
    _number: int = 0

    def start(self) -> None:
        """Start the controller, which finds what one before it left."""
        self.controller = LoadBalancers(
            state_dir=self.root, clients=self.clients, addresses=self.addresses, base=self.root, root=self.root
        )
        self.gateway.guards.update(self.controller.api.guards())
        self.gateway.listeners[:] = [self.controller.notice]
        self.controller.start()
        self.controller.open()

    @property
    def elb(self) -> Any:
        return self.clients("elbv2", "eu-west-1")

    def unique(self, prefix: str) -> str:
        self._number += 1
        return f"{prefix}-{self._number}"

    def address(self) -> str:
        self._number += 1
        return f"10.20.{self._number // 200}.{10 + self._number % 200}"

    def balancer(self) -> str:
        name = self.unique("lb")
        found = self.elb.create_load_balancer(Name=name, Subnets=self.subnets)["LoadBalancers"]
        return str(found[0]["LoadBalancerArn"])

    def group(self, **settings: Any) -> str:
        arguments = {"HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, **settings}
        return str(
            self.elb.create_target_group(
                Name=self.unique("tg"),
                Protocol="HTTP",
                Port=8080,
                VpcId=self.vpc,
                TargetType="ip",
                **arguments,
            )["TargetGroups"][0]["TargetGroupArn"]
        )

    def certificate(self, *names: str) -> str:
        """One that is issued, for these names; the first is its own."""
        return str(
            self.clients("acm", "eu-west-1").request_certificate(
                DomainName=names[0], SubjectAlternativeNames=list(names), ValidationMethod="DNS"
            )["CertificateArn"]
        )

    def listener(self, action: dict[str, Any], *, port: int = 80, balancer: str | None = None) -> str:
        found = self.elb.create_listener(
            LoadBalancerArn=balancer or self.balancer(), Protocol="HTTP", Port=port, DefaultActions=[action]
        )
        return str(found["Listeners"][0]["ListenerArn"])

    def rule(self, listener: str, priority: int, conditions: list[Any], action: dict[str, Any]) -> str:
        found = self.elb.create_rule(ListenerArn=listener, Priority=priority, Conditions=conditions, Actions=[action])
        return str(found["Rules"][0]["RuleArn"])

    def publish(self, backend: Backend) -> str:
        ip = self.address()
        self.addresses.publish(self.vpc, ip, 8080, backend.port)
        return ip

    def register(self, group: str, *backends: Backend, wait: bool = True) -> list[str]:
        ips = [self.publish(backend) for backend in backends]
        self.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": ip} for ip in ips])
        if wait:
            self.until(lambda: all(self.health(group, ip)[0] == "healthy" for ip in ips))
        return ips

    def health(self, group: str, ip: str) -> tuple[str, str | None, str | None]:
        found = self.elb.describe_target_health(TargetGroupArn=group, Targets=[{"Id": ip}])
        health = found["TargetHealthDescriptions"][0]["TargetHealth"]
        return health["State"], health.get("Reason"), health.get("Description")

    def until(self, condition: Any, timeout: float = 10) -> None:
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, "it didn't happen in time"
            time.sleep(0.03)
        assert self.controller.wait_settled(5)

    def url(self, listener: str) -> str:
        return f"http://127.0.0.1:{self.controller.listeners()[listener]['port']}"

    def request(self, listener: str, path: str = "/", *, method: str = "GET", **headers: str) -> Answer:
        """One request to a listener, given by ARN or by URL; redirects aren't followed."""
        url = (listener if listener.startswith("http") else self.url(listener)) + path
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        request = urllib.request.Request(url, method=method, headers=named)
        opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))
        try:
            response = opener.open(request, timeout=15)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            return Answer(response.status, dict(response.headers.items()), response.read().decode())


class Acm:
    """MiniStack's ACM without the rest of MiniStack."""

    #: moto's, where no environment names another.
    ACCOUNT = "123456789012"

    def __init__(self) -> None:
        self._acm = _completed()

    def knows(self, service: str) -> bool:
        return service == "acm"

    async def handle(self, request: Request, scope: Message, send: Send) -> None:
        with request_scope(self.ACCOUNT, request.region):
            status, headers, body = await self._acm.handle_request("POST", "/", request.headers, request.body, {})
        named = [(name.encode(), str(value).encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": status, "headers": named})
        await send({"type": "http.response.body", "body": body})

    def set_status(self, arn: str, status: str) -> None:
        """MiniStack issues every certificate at once."""
        self._acm._certificates.get_scoped(self.ACCOUNT, arn.split(":")[3], arn)["Status"] = status


@functools.cache
def _completed() -> Any:
    """MiniStack's ACM, mended once: the module stays in this process."""
    from ministack.services import acm

    gateway_in_use.complete(acm)
    return acm


@contextlib.contextmanager
def running_stack() -> Iterator[Stack]:
    """Everything started in this process, in a folder of its own, and stopped."""
    root = Path(tempfile.mkdtemp(prefix="es-lb-")).resolve()
    before = Path.cwd()
    os.chdir(root)
    server_socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    server_socket.bind(("127.0.0.1", 0))
    moto = Moto(root)
    # What an earlier one made is in this process's moto still.
    moto_api_backend.reset()
    acm = Acm()
    gateway = Gateway(moto=moto, ministack=acm)  # type: ignore[arg-type]
    server = uvicorn.Server(uvicorn.Config(gateway, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [server_socket]}, daemon=True)
    thread.start()
    clients = Clients(f"http://127.0.0.1:{server_socket.getsockname()[1]}")
    gateway.polish["elasticloadbalancing"] = resolvable_names
    stack = Stack(root, gateway, clients, acm)
    stack.start()
    ec2 = clients("ec2", "eu-west-1")
    stack.vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    stack.subnets = [
        ec2.create_subnet(VpcId=stack.vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.20.0.0/20", "eu-west-1a"), ("10.20.16.0/20", "eu-west-1b"))
    ]
    yield stack
    stack.controller.stop()
    server.should_exit = True
    thread.join(timeout=10)
    moto.close()
    os.chdir(before)
    shutil.rmtree(root)
