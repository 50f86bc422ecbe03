"""The engine's ResourceProvider protocol for ``awsx``: only components, so only ``Construct`` does any work.

Protocol: pulumi/proto/pulumi/provider.proto. The server runs it on a pool of threads. Each ``Construct`` gets
an event loop of its own, and pulumi's runtime settings live in that loop's context: several stacks of several
engines, and inline programs in the same process, don't see each other's.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import grpc
import pulumi
from google.protobuf import empty_pb2
from pulumi.provider import ConstructResult, Provider
from pulumi.provider.server import ProviderServicer
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from ecs_stack import sdk_costs
from ecs_stack.local.providers.awsx import arguments, vpc
from ecs_stack.local.providers.awsx.errors import ArgumentError

_PACKAGE = "pulumi-awsx"
_FEATURES = {"accept_secrets": True, "accept_resources": True, "accept_outputs": True}
#: Threads that wait for the engine while it makes children; an engine that sets no limit says 0.
_DEFAULT_PARALLEL = 16
_MOST_PARALLEL = 64


class UnknownTypeError(LookupError):
    """A component type that the stand-in doesn't have."""


class _Components(Provider):
    """The components of the package."""

    def construct(
        self,
        name: str,
        resource_type: str,
        inputs: Mapping[str, Any],
        options: pulumi.ResourceOptions | None = None,
    ) -> ConstructResult:
        if resource_type != vpc.TYPE:
            hint = arguments.nearest(resource_type, [vpc.TYPE])
            raise UnknownTypeError(f"the local target has no component {resource_type}; {hint}")
        sdk_costs.lighten()
        component = vpc.Vpc(name, arguments.parse(inputs), options)
        # The server awaits the URN, then reads the state, which is complete by then.
        return ConstructResult(urn=component.build(), state=component.outputs)


class AwsxServicer(provider_pb2_grpc.ResourceProviderServicer):
    """Answers every engine that is attached to the server."""

    def __init__(self) -> None:
        self._version = version(_PACKAGE)
        self._components = _Components(self._version)
        #: Where each attached engine takes log messages, by its connection; and the last that attached.
        self._engines: dict[str, str] = {}
        self._latest_engine = ""

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Agree on features, and note where the engine takes log messages."""
        self._attach(context.peer(), request.engine_address)
        return provider_pb2.ProviderHandshakeResponse(**_FEATURES)

    def Attach(self, request: Any, context: grpc.ServicerContext) -> Any:
        """The engine didn't start this process but found it running."""
        self._attach(context.peer(), request.address)
        return empty_pb2.Empty()

    def _attach(self, peer: str, engine: str) -> None:
        self._engines[peer] = self._latest_engine = engine

    def GetPluginInfo(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """The version that the installed SDK expects."""
        return plugin_pb2.PluginInfo(version=self._version)

    def GetSchema(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Only the package's name and version: the types are pulumi_awsx's."""
        return provider_pb2.GetSchemaResponse(schema=json.dumps({"name": "awsx", "version": self._version}))

    def GetMapping(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """None: no programs are converted."""
        return provider_pb2.GetMappingResponse()

    def GetMappings(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """None: no programs are converted."""
        return provider_pb2.GetMappingsResponse()

    def CheckConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """awsx has no configuration of its own: components use the ``aws`` provider that they are given."""
        unknown = sorted(name for name in request.news.fields if name != "version")
        return provider_pb2.CheckResponse(
            inputs=request.news,
            failures=[
                provider_pb2.CheckFailure(property=name, reason="awsx has no such configuration property")
                for name in unknown
            ],
        )

    def DiffConfig(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Nothing to differ in."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)

    def Configure(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """Nothing to configure."""
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, acceptResources=True, acceptOutputs=True, supportsPreview=True
        )

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> Any:  # noqa: ARG002
        """A component waits for nothing but the engine, which is what cancels."""
        return empty_pb2.Empty()

    def Construct(self, request: Any, context: grpc.ServicerContext) -> Any:
        """Make a component's children through the calling program's engine.

        Wrong arguments are INVALID_ARGUMENT, with the place of each.
        """
        engine = self._engines.get(context.peer(), self._latest_engine)
        server = ProviderServicer(self._components, [], engine_address=engine)
        try:
            return asyncio.run(_construct(server, request, context))
        except ArgumentError as error:
            details = [{"property_path": error.path, "reason": error.reason}]
            context.abort_with_status(server.create_grpc_invalid_properties_status("", details))  # type: ignore[arg-type]
            raise
        except UnknownTypeError as error:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, str(error))
            raise
        except asyncio.CancelledError:
            context.abort(grpc.StatusCode.CANCELLED, f"the engine gave up on {request.name}")
            raise
        except Exception as error:
            # The SDK raises a bare Exception for what the engine refuses, for instance when another resource has
            # failed, and RunError when the engine is gone. Anything else is a bug: gRPC logs its traceback.
            if type(error) in (Exception, pulumi.RunError) or not context.is_active():
                context.abort(grpc.StatusCode.UNKNOWN, str(error))
            raise


async def _construct(server: ProviderServicer, request: Any, context: grpc.ServicerContext) -> Any:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def cancel() -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed: it was done
            loop.call_soon_threadsafe(task.cancel)

    # Outputs of a child that the engine refused never resolve. An engine that fails ends the call.
    if not context.add_callback(cancel):
        raise asyncio.CancelledError
    workers = min(request.parallel or _DEFAULT_PARALLEL, _MOST_PARALLEL)
    loop.set_default_executor(ThreadPoolExecutor(workers, thread_name_prefix="construct"))
    # Not its Construct, which is written for another kind of server and turns every error into a traceback.
    return await server._construct(request, None)
