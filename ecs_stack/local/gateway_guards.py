"""Faults of the emulators that are mended before they see a request, each with its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import botocore.exceptions

from ecs_stack.local.gateway_messages import ApiError, Request, Response

ClientFactory = Callable[[str, str], Any]
Guard = Callable[[Request], Response | None]


def guards(clients: ClientFactory) -> Mapping[tuple[str, str], Guard]:
    """By service and operation: raise where AWS refuses and an emulator doesn't."""

    def scalable_service_must_exist(request: Request) -> None:
        """moto looks for the ECS service in its own ECS; it is asked of the one that runs it instead."""
        body = json.loads(request.body or b"{}")
        if body.get("ServiceNamespace") != "ecs":
            return
        resource = str(body.get("ResourceId", ""))
        kind, _, rest = resource.partition("/")
        cluster, _, name = rest.partition("/")
        if kind != "service" or not name:
            return  # moto words this error itself.
        try:
            found = clients("ecs", request.region).describe_services(cluster=cluster, services=[name])
        except botocore.exceptions.ClientError:
            found = {"services": []}  # The cluster isn't there either.
        if not any(service["status"] == "ACTIVE" for service in found["services"]):
            raise ApiError("ValidationException", f"ECS service doesn't exist: {resource}")

    return {("application-autoscaling", "RegisterScalableTarget"): scalable_service_must_exist}


def _gateway_endpoint_by_default(request: Request) -> Request:
    """VpcEndpointType is Gateway unless given (CreateVpcEndpoint); without it moto's can't be deleted."""
    if "VpcEndpointType" in request.parameters:
        return request
    return replace(request, body=request.body + b"&" + urlencode({"VpcEndpointType": "Gateway"}).encode())


#: By service and operation: the request that the emulator gets.
REWRITES: Mapping[tuple[str, str], Callable[[Request], Request]] = {
    ("ec2", "CreateVpcEndpoint"): _gateway_endpoint_by_default
}
