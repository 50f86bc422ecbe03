"""Records what a program asks the engine to build, without an engine.

Outputs resolve as they do in an update (``preview=False``): a value that never resolves fails a test instead
of passing as unknown.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks, set_mocks

ACCOUNT, REGION = "123456789012", "eu-west-1"

_CALLS: dict[str, dict[str, Any]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT},
    "aws:index/getRegion:getRegion": {"region": REGION},
    "aws:route53/getZone:getZone": {"zoneId": "Z1"},
    "pulumi:pulumi:readStackOutputs": {"outputs": {}},
}
_VPC_OUTPUTS = {
    "vpcId": "vpc-1",
    "publicSubnetIds": ["subnet-public-1", "subnet-public-2"],
    "privateSubnetIds": ["subnet-private-1", "subnet-private-2"],
}


@dataclass(frozen=True)
class Recorded:
    """A resource as it was asked for. ``parent`` and ``dependencies`` are ``type::name``."""

    type: str
    name: str
    inputs: dict[str, Any]
    parent: str | None
    dependencies: frozenset[str]
    provider: str
    ignore_changes: tuple[str, ...]

    def __getitem__(self, key: str) -> Any:
        return self.inputs.get(key)

    @property
    def key(self) -> str:
        return f"{self.type}::{self.name}"


class Recording(MockMonitor):
    """All resources that were asked for."""

    def __init__(self) -> None:
        super().__init__(_Mocks())
        self.all: list[Recorded] = []

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        if request.type != "pulumi:pulumi:Stack":
            self.all.append(
                Recorded(
                    type=request.type,
                    name=request.name,
                    inputs=_numbers(pulumi.runtime.rpc.deserialize_properties(request.object)),
                    parent=_short(request.parent),
                    dependencies=frozenset(filter(None, map(_short, request.dependencies))),
                    provider=request.provider.split("::")[-2] if request.provider else "",
                    ignore_changes=tuple(request.ignoreChanges),
                )
            )
        return response

    def one(self, type_: str, name: str | None = None) -> Recorded:
        """The only resource of a type (``ecs/service:Service``), or the one of that name."""
        found = [r for r in self.of(type_) if name is None or r.name == name]
        assert len(found) == 1, [r.key for r in found] or sorted(r.key for r in self.all)
        return found[0]

    def of(self, type_: str) -> list[Recorded]:
        """The resources of a type, by name."""
        return sorted((r for r in self.all if r.type in (type_, f"aws:{type_}")), key=lambda r: r.name)

    def policies(self) -> Iterator[dict[str, Any]]:
        """Every statement of every policy of a role, trust policies left out."""
        for policy in self.of("iam/rolePolicy:RolePolicy"):
            yield from json.loads(policy["policy"])["Statement"]


def record(stack: str = "test") -> Recording:
    """Start a recording; what the test declares from here on is in it."""
    recording = Recording()
    set_mocks(recording.mocks, project="shop", stack=stack, preview=False, monitor=recording)
    return recording


class _Mocks(Mocks):
    def new_resource(self, args: MockResourceArgs) -> tuple[str, dict[str, Any]]:
        if args.typ == "awsx:ec2:Vpc":
            return "", _VPC_OUTPUTS
        kind = args.typ.split(":")[-1]
        known = {
            "arn": f"arn:aws:{kind}:{args.name}",
            "name": f"{args.name}-1234567",
            "dnsName": "lb.example.com",
            "zoneId": "Z2",
            "domainValidationOptions": [
                {
                    "resourceRecordName": "_a.example.com.",
                    "resourceRecordType": "CNAME",
                    "resourceRecordValue": "_b.aws.",
                }
            ],
            "fqdn": "_a.example.com",
        }
        return f"{kind}-{args.name}", {**known, **args.inputs}

    def call(self, args: MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        return _CALLS[args.token]


def _short(urn: str) -> str | None:
    """``type::name`` of a URN; None for the stack and for no URN."""
    if not urn or "pulumi:pulumi:Stack" in urn.split("::")[2].split("$")[-1]:
        return None
    return f"{urn.split('::')[2].split('$')[-1]}::{urn.split('::')[-1]}"


def _numbers(value: Any) -> Any:
    """The protocol has floats only."""
    if isinstance(value, dict):
        return {key: _numbers(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_numbers(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
