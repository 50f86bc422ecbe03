"""A proxy in front of an AWS endpoint that spoils calls as AWS does on a bad day: throttled, failed, or failed although
the work was done.

Which calls are spoilt follows from the seed, the operation and how often it was called, so that the calls of threads
that race with each other don't change it.
"""

from __future__ import annotations

import http.client
import json
import random
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

#: Headers that belong to one connection, not to the message (RFC 9110, section 7.6.1).
_HOP_BY_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length"})
#: What each service says of too many requests.
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html and the services' common errors
_THROTTLED = {"ec2": ("RequestLimitExceeded", 503), "s3": ("SlowDown", 503)}
_THROTTLED_QUERY = ("Throttling", 400)
_THROTTLED_JSON = ("ThrottlingException", 400)


class Fault(StrEnum):
    """What a call is answered instead of what it should be."""

    THROTTLED = "throttled"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"
    #: The work is done, and the answer is an error all the same.
    LOST = "lost"


@dataclass
class Faults:
    """What is spoilt: ``rate`` of the calls (0 to 1), each in one of the ways of ``kinds``; ``seen`` counts them."""

    rate: float
    kinds: tuple[Fault, ...] = tuple(Fault)
    seed: int = 1
    #: Whether a call keeps the identity that the SDK gives it, by which the local cloud executes it once.
    identities: bool = True
    seen: Counter[Fault] = field(default_factory=Counter)
    calls: int = 0
    _numbers: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def next(self, operation: str) -> Fault | None:
        """What happens to this call of an operation."""
        with self._lock:
            self.calls += 1
            self._numbers[operation] += 1
            chance = random.Random(f"{self.seed}/{operation}/{self._numbers[operation]}")
            if chance.random() >= self.rate:
                return None
            fault = chance.choice(self.kinds)
            self.seen[fault] += 1
            return fault


@contextmanager
def proxy(endpoint: str, faults: Faults) -> Iterator[int]:
    """Serves on a free port of 127.0.0.1 while the block runs."""
    upstream = urlsplit(endpoint).netloc

    class Handler(_Handler):
        pass

    Handler.upstream, Handler.faults = upstream, faults
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    upstream: str
    faults: Faults
    protocol_version = "HTTP/1.1"
    #: An answer is two writes: with Nagle's algorithm the second waits 40 ms for the first's acknowledgement.
    disable_nagle_algorithm = True

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if "Credential=" not in self.headers.get("authorization", ""):
            self._pass(body)  # nothing of AWS's: the local cloud's own paths
            return
        service, operation = self._operation(body)
        fault = self.faults.next(f"{service}.{operation}")
        if fault is None:
            self._pass(body)
            return
        if fault is Fault.LOST:
            self._forward(body)
        code, status = self._words(service, fault)
        self._send(status, {"content-type": self._content_type(), "x-amzn-requestid": "0"}, self._error(service, code))

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = _answer

    def _operation(self, body: bytes) -> tuple[str, str]:
        service = self.headers["authorization"].split("Credential=")[1].split(",")[0].split("/")[3]
        if target := self.headers.get("x-amz-target"):
            return service, target.rpartition(".")[2]
        named = parse_qs(body.decode("utf-8", "replace")).get("Action")
        return service, named[0] if named else f"{self.command} {urlsplit(self.path).path}"

    def _words(self, service: str, fault: Fault) -> tuple[str, int]:
        if fault is Fault.THROTTLED:
            return _THROTTLED.get(service, _THROTTLED_JSON if self._is_json() else _THROTTLED_QUERY)
        return ("ServiceUnavailable", 503) if fault is Fault.UNAVAILABLE else ("InternalFailure", 500)

    def _is_json(self) -> bool:
        return "x-amz-target" in self.headers

    def _content_type(self) -> str:
        return self.headers["content-type"] if self._is_json() else "text/xml"

    def _error(self, service: str, code: str) -> bytes:
        """The error in the form of the service's protocol (https://smithy.io/2.0/aws/protocols/)."""
        if self._is_json():
            return json.dumps({"__type": code, "message": "Rate exceeded"}).encode()
        said = f"<Code>{code}</Code><Message>Rate exceeded</Message>"
        if service == "ec2":
            text = f"<Response><Errors><Error>{said}</Error></Errors><RequestID>0</RequestID></Response>"
        elif service == "s3":
            text = f"<Error>{said}</Error>"
        else:
            text = f"<ErrorResponse><Error><Type>Receiver</Type>{said}</Error><RequestId>0</RequestId></ErrorResponse>"
        return text.encode()

    def _pass(self, body: bytes) -> None:
        self._send(*self._forward(body))

    def _forward(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection(self.upstream, timeout=60)
        try:
            dropped = _HOP_BY_HOP if self.faults.identities else _HOP_BY_HOP | {"amz-sdk-invocation-id"}
            headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Says nothing."""
