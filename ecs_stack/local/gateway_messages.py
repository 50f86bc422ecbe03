"""A request to the gateway and its answer, and errors worded as AWS words them."""

from __future__ import annotations

import json
import time
import uuid
from dataclasses import dataclass, field
from functools import cached_property
from xml.sax.saxutils import escape

from ecs_stack.local.persistence import Entry, Journal
from ecs_stack.local.routes import Protocol, query_parameters

#: The header with the SDK's identity of a call.
INVOCATION = "amz-sdk-invocation-id"
#: What a replay needs: the headers that tell service, region and operation, and the identity of the call.
_KEPT_HEADERS = ("authorization", "content-type", "host", "x-amz-target", INVOCATION)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request, its route's facts taken out of it. Header names are lower case."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    service: str
    region: str
    action: str

    def entry(self, journal: Journal) -> Entry:
        """The request as the journal keeps it, executed now, with the headers that executing it again takes."""
        return Entry(
            sequence=journal.next_sequence(),
            time=time.time(),
            method=self.method,
            path=self.path,
            query=self.query,
            headers={name: self.headers[name] for name in _KEPT_HEADERS if name in self.headers},
            body=self.body,
        )

    @cached_property
    def parameters(self) -> dict[str, str]:
        """The flat parameters of a query-protocol request (``Targets.member.1.Id`` and so on)."""
        return query_parameters(self.headers, self.query, self.body)

    @property
    def invocation(self) -> str:
        """The SDK's identity of the call, the same each time it sends it; "" without one.

        https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
        """
        return self.headers.get(INVOCATION, "")

    def members(self, name: str) -> list[str]:
        """The values of a list of strings, in order."""
        return [entry[""] for entry in self.structures(name) if "" in entry]

    def structures(self, name: str) -> list[dict[str, str]]:
        """The structures of a list: ``name.member.N.Field`` becomes ``{"Field": value}``, in order."""
        prefix = f"{name}.member."
        found: dict[int, dict[str, str]] = {}
        for key, value in self.parameters.items():
            if key.startswith(prefix):
                number, _, rest = key[len(prefix) :].partition(".")
                if number.isdigit():
                    found.setdefault(int(number), {})[rest] = value
        return [found[number] for number in sorted(found)]


@dataclass(frozen=True, kw_only=True)
class Response:
    """An answer. ``headers`` lack the length, which the server adds."""

    status: int
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""


class ApiError(Exception):
    """An answer that is an AWS error: raised by what stands before an emulator."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status


def error_response(protocol: Protocol, error: ApiError) -> Response:
    """The error in the service's own wording."""
    request_id = str(uuid.uuid4())
    code, message = escape(error.code), escape(error.message)
    kind = "Sender" if error.status < 500 else "Receiver"
    if protocol is Protocol.JSON:
        body = json.dumps({"__type": error.code, "message": error.message}).encode()
        headers = {"content-type": "application/x-amz-json-1.1", "x-amzn-errortype": error.code}
        return Response(status=error.status, headers={**headers, "x-amzn-requestid": request_id}, body=body)
    if protocol is Protocol.EC2:
        text = (
            f"<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>"
            f"<RequestID>{request_id}</RequestID></Response>"
        )
    else:
        text = (
            f"<ErrorResponse><Error><Type>{kind}</Type><Code>{code}</Code><Message>{message}</Message></Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    return Response(
        status=error.status,
        headers={"content-type": "text/xml", "x-amzn-requestid": request_id},
        body=text.encode(),
    )


def query_response(operation: str, result: str, *, namespace: str) -> Response:
    """A query-protocol answer around ``result``, which is XML already."""
    request_id = str(uuid.uuid4())
    text = (
        f'<{operation}Response xmlns="{namespace}"><{operation}Result>{result}</{operation}Result>'
        f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    )
    return Response(
        status=200, headers={"content-type": "text/xml", "x-amzn-requestid": request_id}, body=text.encode()
    )
