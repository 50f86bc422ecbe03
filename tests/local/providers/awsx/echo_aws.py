"""An ``aws`` provider that echoes: every resource gets its inputs as outputs, and the id ``<kind>-<name>``.

The recordings in ``recordings/`` were made against one like it.
"""

from __future__ import annotations

import threading
from importlib.metadata import version
from typing import Any

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

ZONES = ("us-east-1a", "us-east-1b", "us-east-1c")


def kind_and_name(urn: str) -> tuple[str, str]:
    """``vpc``, ``net`` of ``urn:pulumi:dev::proj::...$aws:ec2/vpc:Vpc::net``."""
    _, _, qualified, name = urn.split("::", 3)
    return qualified.split(":")[-1].lower(), name


class EchoAws(provider_pb2_grpc.ResourceProviderServicer):
    """Keeps what it was asked: ``invokes``, and ``deleted`` ids. ``failing`` ids can't be created."""

    def __init__(self, failing: frozenset[str] = frozenset()) -> None:
        self.invokes: list[dict[str, Any]] = []
        self.created: list[str] = []
        self.deleted: list[str] = []
        self._failing = failing
        self._lock = threading.Lock()

    def Handshake(self, request, context):
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True)

    def Attach(self, request, context):
        return empty_pb2.Empty()

    def GetPluginInfo(self, request, context):
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def GetMapping(self, request, context):
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request, context):
        return provider_pb2.GetMappingsResponse()

    def CheckConfig(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(self, request, context):
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request, context):
        return provider_pb2.ConfigureResponse(acceptSecrets=True, supportsPreview=True)

    def Invoke(self, request, context):
        with self._lock:
            self.invokes.append({"tok": request.tok, "args": json_format.MessageToDict(request.args)})
        answer = struct_pb2.Struct()
        answer.update({"id": "us-east-1", "names": list(ZONES), "zoneIds": [], "groupNames": []})
        return provider_pb2.InvokeResponse(**{"return": answer})

    def Check(self, request, context):
        return provider_pb2.CheckResponse(inputs=request.news)

    def Diff(self, request, context):
        same = request.old_inputs == request.news
        changes = provider_pb2.DiffResponse.DIFF_NONE if same else provider_pb2.DiffResponse.DIFF_SOME
        return provider_pb2.DiffResponse(changes=changes)

    def Create(self, request, context):
        if request.preview:
            return provider_pb2.CreateResponse(properties=request.properties)
        kind, name = kind_and_name(request.urn)
        identity = f"{kind}-{name}"
        if identity in self._failing:
            context.abort(grpc.StatusCode.UNKNOWN, "SubnetLimitExceeded: no more subnets")
        outputs = struct_pb2.Struct()
        outputs.CopyFrom(request.properties)
        if kind == "eip":
            outputs.update({"allocationId": identity})
        if kind == "vpc" and "cidrBlock" not in outputs:
            outputs.update({"cidrBlock": "10.64.0.0/16"})
        if kind == "vpc" and "assignGeneratedIpv6CidrBlock" in outputs:
            outputs.update({"ipv6CidrBlock": "2600:1f13:fe4:a700::/56"})
        with self._lock:
            self.created.append(identity)
        return provider_pb2.CreateResponse(id=identity, properties=outputs)

    def Update(self, request, context):
        return provider_pb2.UpdateResponse(properties=request.news)

    def Delete(self, request, context):
        with self._lock:
            self.deleted.append(request.id)
        return empty_pb2.Empty()

    def Cancel(self, request, context):
        return empty_pb2.Empty()
