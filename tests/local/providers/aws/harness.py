"""The engine's side of the provider protocol, for tests: what a preview, an update, a refresh and an import send."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc, status_pb2

from ecs_stack.local.providers.aws.values import decode, encode

REGION = "eu-west-1"


class CheckFailed(Exception):
    """The provider refused inputs: ``failures`` maps a property to the reason."""

    def __init__(self, failures: dict[str, str]) -> None:
        super().__init__(str(failures))
        self.failures = failures


class Partial(Exception):
    """The resource exists but isn't as it should be."""

    def __init__(self, reasons: list[str], resource: Resource) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = reasons
        self.resource = resource


@dataclass
class Resource:
    """A resource as the engine's state has it."""

    token: str
    name: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def urn(self) -> str:
        return urn(self.token, self.name)

    def __getitem__(self, name: str) -> Any:
        return self.outputs[name]


def urn(token: str, name: str) -> str:
    return f"urn:pulumi:test::project::{token}::{name}"


class Engine:
    """Speaks to a provider as the engine does."""

    def __init__(self, port: int, **configuration: Any) -> None:
        # A connection of its own, as the engine's Go client has; Python's channels would share one.
        options = [("grpc.use_local_subchannel_pool", 1)]
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}", options)
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)
        self.stub.Handshake(provider_pb2.ProviderHandshakeRequest(engine_address="127.0.0.1:1"))
        self.stub.Configure(
            provider_pb2.ConfigureRequest(
                args=encode({"region": REGION, **configuration}), acceptSecrets=True, sends_old_inputs=True
            )
        )

    def close(self) -> None:
        self.channel.close()

    def check(self, token: str, name: str, inputs: dict[str, Any], old: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.stub.Check(
            provider_pb2.CheckRequest(
                urn=urn(token, name),
                type=token,
                name=name,
                olds=encode(old or {}),
                news=encode(inputs),
                randomSeed=hashlib.sha256(urn(token, name).encode()).digest(),
            )
        )
        if answer.failures:
            raise CheckFailed({f.property: f.reason for f in answer.failures})
        return decode(answer.inputs).values

    def plan(self, token: str, name: str, inputs: dict[str, Any]) -> dict[str, Any]:
        """The outputs of a create during a preview."""
        checked = self.check(token, name, inputs)
        answer = self.stub.Create(
            provider_pb2.CreateRequest(
                urn=urn(token, name), type=token, name=name, properties=encode(checked), preview=True
            )
        )
        return decode(answer.properties).values

    def create(self, token: str, name: str, inputs: dict[str, Any], *, timeout: float = 0) -> Resource:
        """``timeout`` are the seconds of the user's customTimeouts."""
        checked = self.check(token, name, inputs)
        request = provider_pb2.CreateRequest(
            urn=urn(token, name), type=token, name=name, properties=encode(checked), timeout=timeout
        )
        try:
            answer = self.stub.Create(request)
        except grpc.RpcError as error:
            raise _partial(error, token, name, checked) or error from None
        return Resource(token, name, answer.id, checked, decode(answer.properties).values)

    def diff(self, resource: Resource, inputs: dict[str, Any]) -> Any:
        """The provider's DiffResponse for a program that now gives these inputs."""
        checked = self.check(resource.token, resource.name, inputs, resource.inputs)
        return self._diff(resource, checked)

    def _diff(self, resource: Resource, checked: dict[str, Any]) -> Any:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id=resource.id,
                urn=resource.urn,
                type=resource.token,
                name=resource.name,
                olds=encode(resource.outputs),
                old_inputs=encode(resource.inputs),
                news=encode(checked),
            )
        )

    def update(self, resource: Resource, inputs: dict[str, Any], *, preview: bool = False) -> Resource:
        checked = self.check(resource.token, resource.name, inputs, resource.inputs)
        request = provider_pb2.UpdateRequest(
            id=resource.id,
            urn=resource.urn,
            type=resource.token,
            name=resource.name,
            olds=encode(resource.outputs),
            old_inputs=encode(resource.inputs),
            news=encode(checked),
            preview=preview,
        )
        try:
            answer = self.stub.Update(request)
        except grpc.RpcError as error:
            raise _partial(error, resource.token, resource.name, checked) or error from None
        outputs = decode(answer.properties).values
        return Resource(resource.token, resource.name, resource.id, checked, outputs)

    def refresh(self, resource: Resource) -> Resource | None:
        return self._read(
            provider_pb2.ReadRequest(
                id=resource.id,
                urn=resource.urn,
                type=resource.token,
                name=resource.name,
                properties=encode(resource.outputs),
                inputs=encode(resource.inputs),
            )
        )

    def adopt(self, token: str, name: str, import_id: str) -> Resource | None:
        """What an import reads."""
        return self._read(provider_pb2.ReadRequest(id=import_id, urn=urn(token, name), type=token, name=name))

    def _read(self, request: provider_pb2.ReadRequest) -> Resource | None:
        answer = self.stub.Read(request)
        if not answer.id:
            return None
        inputs, outputs = decode(answer.inputs).values, decode(answer.properties).values
        return Resource(request.type, request.name, answer.id, inputs, outputs)

    def delete(self, resource: Resource) -> None:
        answer = self.stub.Delete(
            provider_pb2.DeleteRequest(
                id=resource.id,
                urn=resource.urn,
                type=resource.token,
                name=resource.name,
                properties=encode(resource.outputs),
                old_inputs=encode(resource.inputs),
            )
        )
        assert answer == empty_pb2.Empty()

    def invoke(self, token: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
        answer = self.stub.Invoke(provider_pb2.InvokeRequest(tok=token, args=encode(arguments or {})))
        if answer.failures:
            raise CheckFailed({f.property: f.reason for f in answer.failures})
        return decode(getattr(answer, "return")).values


def _partial(error: grpc.RpcError, token: str, name: str, inputs: dict[str, Any]) -> Partial | None:
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            status = status_pb2.Status.FromString(value)
            for detail in status.details:
                failed = provider_pb2.ErrorResourceInitFailed()
                if detail.Unpack(failed):
                    outputs = decode(failed.properties).values
                    return Partial(list(failed.reasons), Resource(token, name, failed.id, inputs, outputs))
    return None
