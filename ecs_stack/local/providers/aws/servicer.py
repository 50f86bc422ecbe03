"""The engine's ResourceProvider protocol for ``aws``: messages in, messages out; the work is in ``operations``.

Protocol: pulumi/proto/pulumi/provider.proto. The server runs it on a pool of threads.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from typing import Any, NoReturn

import grpc
from botocore.exceptions import BotoCoreError, ClientError
from google.protobuf import any_pb2, empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from . import configuration, errors, invokes, operations, registry
from .call import Call
from .clients import Clients
from .configuration import Configuration, Instance
from .errors import ProviderError
from .operations import DEFAULTED
from .schema import Problem
from .values import Properties, decode, encode

_FEATURES = {"accept_secrets": True, "accept_resources": False, "accept_outputs": False}


class _Status(grpc.Status):  # type: ignore[misc]
    """A status with details, which carry what exists of a resource that failed midway."""

    def __init__(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> None:
        self.code = code
        self.details = details
        self.trailing_metadata = trailing_metadata


class AwsServicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers the engine for every provider instance that is attached to the server."""

    def __init__(self, endpoint: str, revive: Callable[[], object] | None = None) -> None:
        self._clients = Clients(endpoint, revive)
        self._instances = configuration.Instances()

    # The provider itself

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Agree on features. Resources and outputs as inputs are taken as their plain values."""
        return provider_pb2.ProviderHandshakeResponse(**_FEATURES)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """The engine runs elsewhere; nothing is needed of it."""
        return empty_pb2.Empty()

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """The version that the installed SDK expects."""
        return plugin_pb2.PluginInfo(version=version("pulumi-aws"))

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Only the package's name and version: the types are pulumi_aws's."""
        text = f'{{"name": "aws", "version": "{version("pulumi-aws")}"}}'
        return provider_pb2.GetSchemaResponse(schema=text)

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """None: no programs are converted."""
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """None: no programs are converted."""
        return provider_pb2.GetMappingsResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Let waits of this instance end."""
        self._instances.cancel(context.peer())
        return empty_pb2.Empty()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Refuse properties that the provider doesn't have."""
        problems = configuration.check(decode(request.news).values)
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(problems))

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Another region means other resources: they are replaced. Anything else is taken up in place."""
        old, new = (
            decode(request.old_inputs if request.HasField("old_inputs") else request.olds).values,
            decode(request.news).values,
        )
        changed = sorted(k for k in old.keys() | new.keys() if k != "version" and old.get(k) != new.get(k))
        some = provider_pb2.DiffResponse.DIFF_SOME if changed else provider_pb2.DiffResponse.DIFF_NONE
        replaces = [k for k in changed if k == "region"]
        return provider_pb2.DiffResponse(changes=some, diffs=changed, replaces=replaces)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Take up a provider's configuration and make sure that it may touch the account."""
        with _answering(context):
            parsed = Configuration.parse(decode(request.args).values)
            if parsed.allowed_account_ids or parsed.forbidden_account_ids:
                parsed.refuse_account(self._clients.account(parsed))
            self._instances.configure(context.peer(), parsed)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, acceptResources=False, acceptOutputs=False
        )

    def Invoke(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Answer a function such as ``aws:index/getRegion:getRegion``."""
        with _answering(context):
            arguments = decode(request.args).values
            call = self._call(context, arguments)
            result, problems = invokes.invoke(request.tok, call, arguments)
            response = provider_pb2.InvokeResponse(failures=_failures(problems))
            getattr(response, "return").CopyFrom(encode(result))
            return response

    # Resources

    def Check(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Inputs put right, or what is wrong with them."""
        with _answering(context):
            kind = registry.get(_type(request))
            news, olds = decode(request.news), decode(request.olds)
            inputs, problems = operations.check(
                kind,
                olds.values,
                news.values,
                name=request.name or request.urn.rsplit("::", 1)[-1],
                seed=request.randomSeed,
                region=self._instances.of(context.peer()).configuration.region,
            )
            return provider_pb2.CheckResponse(inputs=encode(inputs, news.secret), failures=_failures(problems))

    def Diff(self, request: Any, context: grpc.ServicerContext) -> Any:
        """What an update would change, and whether it takes a new resource."""
        with _answering(context):
            kind = registry.get(_type(request))
            state, old, new = (decode(s).values for s in (request.olds, request.old_inputs, request.news))
            settings = self._instances.of(context.peer()).configuration
            found = operations.compare(kind, old, new, state, settings.default_tags, request.ignoreChanges)
            return found.response(
                delete_before_replace=kind.delete_before_replace or operations.replaces_name(kind, old, new)
            )

    def Create(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make a resource; in a preview, say what would be known of it."""
        with _answering(context):
            kind = registry.get(_type(request))
            inputs = decode(request.properties)
            call = self._call(context, inputs.values, request.timeout)
            if request.preview:
                planned = operations.planned(kind, inputs.values, call)
                return provider_pb2.CreateResponse(properties=_encoded(planned, inputs))
            operations.require_known(inputs.values)
            with _partial(context, inputs):
                resource_id, outputs = operations.create(kind, call, inputs.values)
            return provider_pb2.CreateResponse(id=resource_id, properties=_encoded(outputs, inputs))

    def Read(self, request: Any, context: grpc.ServicerContext) -> Any:
        """A resource as it is now: for a refresh, an import, or a program's ``get``."""
        with _answering(context):
            kind = registry.get(_type(request))
            state, old = decode(request.properties), decode(request.inputs)
            call = self._call(context, state.values or old.values, request.timeout)
            found = operations.read(kind, call, request.id, state.values)
            if found is None:
                return provider_pb2.ReadResponse()
            resource_id, outputs = found
            importing = not old.values
            inputs = operations.inputs_of(kind, outputs, old.values, state.values, importing=importing)
            if importing and kind.autoname:
                inputs[DEFAULTED] = []
            return provider_pb2.ReadResponse(
                id=resource_id,
                properties=_encoded(outputs, state, old),
                inputs=encode(inputs, old.secret & inputs.keys()),
            )

    def Update(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Change a resource in place."""
        with _answering(context):
            kind = registry.get(_type(request))
            state, old, new = (decode(s) for s in (request.olds, request.old_inputs, request.news))
            call = self._call(context, new.values, request.timeout)
            if request.preview:
                planned = operations.planned_update(kind, state.values, old.values, new.values, call)
                return provider_pb2.UpdateResponse(properties=_encoded(planned, state, new))
            operations.require_known(new.values)
            with _partial(context, new, state):
                outputs = operations.update(
                    kind, call, request.id, state.values, old.values, new.values, request.ignoreChanges
                )
            return provider_pb2.UpdateResponse(properties=_encoded(outputs, state, new))

    def Delete(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Remove a resource."""
        with _answering(context):
            kind = registry.get(_type(request))
            state = decode(request.properties).values
            call = self._call(context, state, request.timeout)
            kind.delete(call, request.id, state)
            return empty_pb2.Empty()

    def _call(self, context: grpc.ServicerContext, inputs: Mapping[str, Any], seconds: float = 0) -> Call:
        instance: Instance = self._instances.of(context.peer())
        region = inputs.get("region")
        return Call(
            clients=self._clients,
            configuration=instance.configuration,
            region=region if isinstance(region, str) and region else instance.configuration.region,
            cancelled=instance.cancelled,
            tags=operations.merged_tags(instance.configuration.default_tags, dict(inputs)),
            seconds=seconds,
        )


def _type(request: Any) -> str:
    """The type's token: the engine sends it, and the URN has it too (its third part, below its parents' types)."""
    if request.type:
        return str(request.type)
    return str(request.urn.split("::")[2].rsplit("$", 1)[-1])


def _failures(problems: list[Problem]) -> list[provider_pb2.CheckFailure]:
    return [provider_pb2.CheckFailure(property=p.path, reason=p.reason) for p in problems]


def _encoded(outputs: Mapping[str, Any], *sources: Properties) -> Any:
    return encode(outputs, operations.secrets_of(outputs, *sources))


@contextlib.contextmanager
def _answering(context: grpc.ServicerContext) -> Iterator[None]:
    """Turn expected failures into a status with a message for the user."""
    try:
        yield
    except (ProviderError, ClientError, BotoCoreError) as error:
        context.abort(grpc.StatusCode.UNKNOWN, errors.message(error))


@contextlib.contextmanager
def _partial(context: grpc.ServicerContext, inputs: Properties, *sources: Properties) -> Iterator[None]:
    """Hand what exists of a resource that failed midway to the engine, so that it stays in the state."""
    try:
        yield
    except operations.Failed as failure:
        _abort_partial(context, failure, inputs, sources)


def _abort_partial(
    context: grpc.ServicerContext,
    failure: operations.Failed,
    inputs: Properties,
    sources: tuple[Properties, ...],
) -> NoReturn:
    text = errors.message(failure.cause)
    detail = any_pb2.Any()
    detail.Pack(
        provider_pb2.ErrorResourceInitFailed(
            id=failure.resource_id,
            properties=_encoded(failure.properties, inputs, *sources),
            inputs=encode(inputs.values, inputs.secret),
            reasons=[text],
        )
    )
    status = status_pb2.Status(code=grpc.StatusCode.UNKNOWN.value[0], message=text, details=[detail])
    metadata = (("grpc-status-details-bin", status.SerializeToString()),)
    context.abort_with_status(_Status(grpc.StatusCode.UNKNOWN, text, metadata))
    raise AssertionError("abort_with_status always raises")
