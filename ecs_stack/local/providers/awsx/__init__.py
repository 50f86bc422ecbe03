"""The stand-in ``awsx`` provider: the components of awsx that ecs-stack uses, without the real plugin."""

from __future__ import annotations

from pulumi.runtime.proto import provider_pb2_grpc


def create_servicer() -> provider_pb2_grpc.ResourceProviderServicer:
    """A servicer for a ``grpc.server`` (threads, not ``grpc.aio``). One may serve several engines at once."""
    # Imported late: it brings pulumi_aws, which takes a second.
    from ecs_stack.local.providers.awsx.servicer import AwsxServicer

    return AwsxServicer()
