"""moto in process: EC2, ELBv2, Application Auto Scaling and others (see ``routes``).

moto keeps everything in memory. Its identifiers come from one generator that can be seeded and its times
from a few functions, so its state is the journal of the requests that changed it: each is seeded by its
number, and executing them again, each at the time it had, gives the same state and the same identifiers.
"""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

from ecs_stack.local import gateway_moto_listeners, routes
from ecs_stack.local import gateway_moto_snapshot as snapshot
from ecs_stack.local.answers import Answers
from ecs_stack.local.gateway_messages import ApiError, Request, Response, error_response
from ecs_stack.local.persistence import Entry, Journal

log = logging.getLogger(__name__)

#: Requests between two snapshots: executing that many again takes about 0.5 s, a snapshot 0.1 s.
SNAPSHOT_EVERY = 200


class Moto:
    """moto behind one thread: it isn't thread-safe, and one worker is also the order of the journal."""

    def __init__(self, state_dir: Path) -> None:
        # Imported here: it takes 0.3 s and reads the environment that the daemon sets first.
        from moto.moto_api._internal import mock_random
        from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

        self._application: Callable[..., Any] = DomainDispatcherApplication(create_backend_app)
        self._random = mock_random
        self._clock = _Clock()
        self._journal = Journal(state_dir / "moto.journal")
        self._snapshot = state_dir / "moto.snapshot"
        self._since_snapshot = 0
        self._touched: set[tuple[str, str]] = set()
        self._answers = Answers()
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="moto")
        self.executor.submit(self._load).result()

    def handle(self, request: Request) -> Response:
        """Execute a request and journal it if it may have changed something. Call it on ``executor``.

        A call that was executed before (its client didn't get the answer and sends it again) gets the same answer.
        """
        known = self._answers.get(request.invocation)
        if known is not None:
            return known
        # The first request of a service in a region changes something too: moto makes the default VPC then.
        scope = (request.service, request.region)
        journalled = scope not in self._touched or routes.mutates(request.method, request.action)
        if not journalled:
            return _polish(request, self._execute(request))
        entry = request.entry(self._journal)
        response = self._execute(request, entry)
        self._touched.add(scope)
        self._journal.add(entry)
        response = self._answers.remember(request.invocation, _polish(request, response))
        self._since_snapshot += 1
        if self._since_snapshot >= SNAPSHOT_EVERY:
            self._save_snapshot(entry.sequence)
        return response

    def close(self) -> None:
        """Finish what is under way."""
        if self._since_snapshot:
            self.executor.submit(self._save_snapshot, self._journal.last_sequence).result()
        self.executor.shutdown()
        self._journal.close()

    def _save_snapshot(self, sequence: int) -> None:
        snapshot.save(
            self._snapshot,
            snapshot.Snapshot(
                salt=self._journal.salt, sequence=sequence, touched=set(self._touched), answers=self._answers
            ),
        )
        self._since_snapshot = 0

    def _load(self) -> None:
        _preload()
        self._clock.install()
        _trust_the_gateway_about_ecs_services()
        _give_back_the_addresses_of_nat_gateways()
        _look_tags_up()
        gateway_moto_listeners.mend()
        started, count, done = time.monotonic(), 0, 0
        found = snapshot.load(self._snapshot, self._journal.salt)
        if found is not None:
            done, self._touched, self._answers = found.sequence, found.touched, found.answers
        for entry in self._journal.replay():
            if entry.sequence <= done:
                continue
            service, region = routes.scope(entry.headers, entry.query, entry.body)
            request = Request(
                method=entry.method,
                path=entry.path,
                query=entry.query,
                headers=entry.headers,
                body=entry.body,
                service=service or "",
                region=region,
                action=routes.action(entry.headers, entry.query, entry.body),
            )
            self._answers.remember(request.invocation, _polish(request, self._execute(request, entry)))
            self._touched.add((request.service, region))
            count += 1
        self._since_snapshot = count
        log.info("moto: %d requests executed again after %d, in %.2f s", count, done, time.monotonic() - started)

    def _execute(self, request: Request, entry: Entry | None = None) -> Response:
        if entry is not None:
            self._random.seed(f"{self._journal.salt}:{entry.sequence}")
            self._clock.freeze(entry.time)
        try:
            return self._call(request)
        except NotImplementedError:
            return _not_implemented(request)
        except Exception:
            log.exception("moto failed on %s %s", request.service, request.action)
            route = routes.ROUTES[request.service]
            return error_response(
                route.protocol,
                ApiError("InternalFailure", f"{request.action} failed inside the local cloud", 500),
            )
        finally:
            self._clock.thaw()

    def _call(self, request: Request) -> Response:
        """One call of the WSGI application (PEP 3333)."""
        host = request.headers.get("host", "localhost")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": request.method,
            "SCRIPT_NAME": "",
            "PATH_INFO": request.path,
            "QUERY_STRING": request.query,
            "SERVER_NAME": host.partition(":")[0],
            "SERVER_PORT": host.partition(":")[2] or "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": request.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(request.body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(request.body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in request.headers.items():
            if name not in ("content-type", "content-length"):
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        answered: list[tuple[int, dict[str, str]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
            del exc_info
            kept = {name.lower(): value for name, value in headers if name.lower() != "content-length"}
            answered.append((int(status.split(" ", 1)[0]), kept))

        chunks = self._application(environ, start_response)
        try:
            body = b"".join(chunks)
        finally:
            if hasattr(chunks, "close"):
                chunks.close()
        status, headers = answered[-1]
        return Response(status=status, headers=headers, body=body)


def _polish(request: Request, response: Response) -> Response:
    for fix in (_html_error,):
        response = fix(request, response)
    return response


def _html_error(request: Request, response: Response) -> Response:
    """moto answers HTML to what it doesn't know, which no AWS client can parse."""
    if response.status < 400 or "html" not in response.headers.get("content-type", ""):
        return response
    if not response.body.lstrip().lower().startswith((b"<!doctype", b"<html")):
        return response
    if response.status in (404, 501):
        return _not_implemented(request)
    log.error("moto answered HTML %s to %s %s", response.status, request.service, request.action)
    return error_response(
        routes.ROUTES[request.service].protocol,
        ApiError("InternalFailure", f"{request.action} failed inside the local cloud", 500),
    )


def _not_implemented(request: Request) -> Response:
    protocol = routes.ROUTES[request.service].protocol
    code = "UnknownOperationException" if protocol is routes.Protocol.JSON else "InvalidAction"
    name = request.action or f"{request.method} {request.path}"
    return error_response(protocol, ApiError(code, f"The local cloud doesn't implement {request.service}: {name}"))


def _preload() -> None:
    """Import what the routed services need, so that the first request isn't slow and the clock finds them."""
    import moto.applicationautoscaling.models
    import moto.autoscaling.models
    import moto.codedeploy.models
    import moto.codepipeline.models
    import moto.ec2.models
    import moto.ecs.models
    import moto.elbv2.models  # noqa: F401


class _AnyService:
    """What moto's Application Auto Scaling asks about ECS services."""

    @staticmethod
    def describe_services(cluster: str, services: list[str]) -> tuple[list[Any], list[Any]]:
        return [(cluster, name) for name in services], []


def _trust_the_gateway_about_ecs_services() -> None:
    """RegisterScalableTarget looks for the service in moto's own ECS, which holds none.

    The gateway asks the ECS that runs them before moto sees the request (``gateway_guards``).
    """
    from moto.applicationautoscaling.models import ApplicationAutoscalingBackend

    original = ApplicationAutoscalingBackend.__init__

    def initialise(backend: Any, *arguments: Any, **keywords: Any) -> None:
        original(backend, *arguments, **keywords)
        backend.ecs_backend = _AnyService()

    ApplicationAutoscalingBackend.__init__ = initialise


def _give_back_the_addresses_of_nat_gateways() -> None:
    """A NAT gateway that is deleted lets go of its Elastic IP address and its interface; moto's keeps both, and no
    other gateway can have the address then ("Delete a NAT gateway" in the Amazon VPC User Guide).
    """
    from moto.ec2.models.nat_gateways import NatGatewayBackend

    original = NatGatewayBackend.delete_nat_gateway

    def delete(backend: Any, nat_gateway_id: str) -> Any:
        gateway = original(backend, nat_gateway_id)
        held = {address.get("associationId") for address in gateway.address_set} - {None}
        for address in [each for each in backend.addresses if each.association_id in held]:
            backend.disassociate_address(association_id=address.association_id)
        backend.enis.pop(gateway._eni.id, None)
        return gateway

    NatGatewayBackend.delete_nat_gateway = delete


def _look_tags_up() -> None:
    """moto looks for the tags of one EC2 resource among those of all, so that describing them takes quadratic time."""
    from moto.ec2.models.core import TaggedEC2Resource
    from moto.ec2.utils import EC2_PREFIX_TO_RESOURCE, get_prefix

    def get_tags(resource: Any) -> list[dict[str, str]]:
        tags = resource.ec2_backend.tags.get(resource.id) if resource.id else None
        if not tags:
            return []
        kind = EC2_PREFIX_TO_RESOURCE.get(get_prefix(resource.id), "")
        about = {"resource_id": resource.id, "resource_type": kind}
        return [{**about, "key": key, "value": value} for key, value in tags.items()]

    TaggedEC2Resource.get_tags = get_tags


class _Clock:
    """The time moto sees: a request's own while it is executed, so that a replay repeats its timestamps."""

    def __init__(self) -> None:
        self._frozen: float | None = None

    def freeze(self, moment: float) -> None:
        self._frozen = moment

    def thaw(self) -> None:
        self._frozen = None

    def time(self) -> float:
        return time.time() if self._frozen is None else self._frozen

    def utcnow(self) -> datetime:
        """moto's times are naive UTC."""
        return datetime.fromtimestamp(self.time(), UTC).replace(tzinfo=None)

    def install(self) -> None:
        """Replace the clock in every moto module that holds one, as freezegun does."""
        import moto.core.utils

        original, clock = moto.core.utils.utcnow, _TimeModule(self.time)
        for name, module in list(sys.modules.items()):
            if not name.startswith("moto."):
                continue
            if getattr(module, "utcnow", None) is original:
                module.utcnow = self.utcnow  # type: ignore[attr-defined]
            if getattr(module, "time", None) is time:
                module.time = clock  # type: ignore[attr-defined]


class _TimeModule(ModuleType):
    """The ``time`` module with another ``time()``."""

    def __init__(self, now: Callable[[], float]) -> None:
        super().__init__("time")
        self.time = now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
