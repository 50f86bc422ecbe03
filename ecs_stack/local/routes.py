"""Which part of the local cloud answers a request: data, with the reason beside each row."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qs


class Part(StrEnum):
    """A part of the local cloud."""

    ECS = "ecs"
    MOTO = "moto"
    MINISTACK = "ministack"


class Protocol(StrEnum):
    """How a service words its errors (https://smithy.io/2.0/aws/protocols/)."""

    EC2 = "ec2"
    QUERY = "query"
    JSON = "json"


@dataclass(frozen=True, kw_only=True)
class Route:
    """Who answers for a service, and why."""

    part: Part
    reason: str
    protocol: Protocol


#: By the service in the Credential scope. What has no row goes to MiniStack, if it knows the service.
ROUTES: Mapping[str, Route] = {
    "ecs": Route(
        part=Part.ECS,
        protocol=Protocol.JSON,
        reason="No open emulator runs ECS truthfully: it is what this project exists for",
    ),
    "ec2": Route(
        part=Part.MOTO,
        protocol=Protocol.EC2,
        reason="Checks CIDR overlaps and rule ids; MiniStack accepts overlapping subnets and duplicate rules",
    ),
    "elasticloadbalancing": Route(
        part=Part.MOTO,
        protocol=Protocol.QUERY,
        reason="Stores weights and rules, answers PriorityInUse; MiniStack drops ForwardConfig",
    ),
    "application-autoscaling": Route(
        part=Part.MOTO, protocol=Protocol.JSON, reason="MiniStack has no Application Auto Scaling"
    ),
    "autoscaling": Route(
        part=Part.MOTO,
        protocol=Protocol.QUERY,
        reason="Its groups use the subnets and launch templates of EC2",
    ),
    "codepipeline": Route(part=Part.MOTO, protocol=Protocol.JSON, reason="MiniStack has no CodePipeline"),
    "codedeploy": Route(part=Part.MOTO, protocol=Protocol.JSON, reason="MiniStack has no CodeDeploy"),
}

#: Unsigned requests: the X-Amz-Target's prefix names the service ...
TARGET_PREFIXES: Mapping[str, str] = {
    "AmazonEC2ContainerServiceV20141113": "ecs",
    "AnyScaleFrontendService": "application-autoscaling",
    "CodePipeline_20150709": "codepipeline",
    "CodeDeploy_20141006": "codedeploy",
}
#: ... or the API version of a query request does ...
QUERY_VERSIONS: Mapping[str, str] = {
    "2016-11-15": "ec2",
    "2015-12-01": "elasticloadbalancing",
    "2012-06-01": "elasticloadbalancing",
    "2011-01-01": "autoscaling",
}
#: ... or the host's first labels do, as in ecs.eu-west-1.amazonaws.com.
HOST_SERVICE = re.compile(
    r"^(ecs|ec2|elasticloadbalancing|application-autoscaling|autoscaling|codepipeline|codedeploy)\."
    r"(?:([a-z]{2}(?:-[a-z]+)+-\d)\.)?"
)

DEFAULT_REGION = "us-east-1"
_CREDENTIAL = re.compile(r"Credential=[^/,\s]*/[^/,\s]*/([^/,\s]+)/([^/,\s]+)/")

#: Operations with these prefixes change nothing, on every service that is routed here.
_READS = re.compile(
    r"^(Describe|Get|List|Head|Search|Lookup|Query|Scan|BatchGet|Select|Simulate|Preview|Discover|Filter|"
    r"Check|Test|Validate|Estimate|StartQuery|StartLiveTail|AssumeRole|Decrypt|Encrypt)"
)
#: ... except this one, which makes an identity (Cognito).
_READS_THAT_WRITE = frozenset({"GetId"})


def scope(headers: Mapping[str, str], query: str, body: bytes) -> tuple[str | None, str]:
    """The service a request is signed for, or hints at, and its region.

    ``headers`` have lower-case names. The service is None where neither a signature nor a hint names one.
    """
    match = _CREDENTIAL.search(headers.get("authorization", ""))
    if match is None and "X-Amz-Credential=" in query:
        parts = parse_qs(query).get("X-Amz-Credential", [""])[0].split("/")
        if len(parts) == 5:
            return parts[3], parts[2]
    if match is not None:
        return match.group(2), match.group(1)
    target = headers.get("x-amz-target", "").partition(".")[0]
    if target in TARGET_PREFIXES:
        return TARGET_PREFIXES[target], DEFAULT_REGION
    version = query_parameters(headers, query, body).get("Version", "")
    if version in QUERY_VERSIONS:
        return QUERY_VERSIONS[version], DEFAULT_REGION
    host = HOST_SERVICE.match(headers.get("host", ""))
    if host is not None:
        return host.group(1), host.group(2) or DEFAULT_REGION
    return None, DEFAULT_REGION


def query_parameters(headers: Mapping[str, str], query: str, body: bytes) -> dict[str, str]:
    """The parameters of a query-protocol request, from its body and its query string."""
    text = query
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        text = f"{body.decode('utf-8', 'replace')}&{query}" if query else body.decode("utf-8", "replace")
    return {key: values[0] for key, values in parse_qs(text, keep_blank_values=True).items()}


def action(headers: Mapping[str, str], query: str, body: bytes) -> str:
    """The operation's name, or "" for REST services, whose method and path say it."""
    target = headers.get("x-amz-target", "")
    if target:
        return target.rpartition(".")[2]
    return query_parameters(headers, query, body).get("Action", "")


def mutates(method: str, operation: str) -> bool:
    """Whether a request may change state. REST operations are judged by their method."""
    if operation:
        return _READS.match(operation) is None or operation in _READS_THAT_WRITE
    return method not in ("GET", "HEAD", "OPTIONS")
