"""The functions that programs and awsx call: availability zones, caller identity, region, hosted zones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .call import Call
from .errors import ProviderError
from .hosted_zones import get_zone
from .schema import Problem, nearest
from .values import without_nulls


def invoke(token: str, call: Call, arguments: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
    """The function's result, or what is wrong with its arguments; ProviderError for an unknown function."""
    if token not in _FUNCTIONS:
        raise ProviderError(
            f"the local target's stand-in for the aws provider has no function {token!r}{nearest(token, _FUNCTIONS)}"
        )
    function, allowed = _FUNCTIONS[token]
    problems = [
        Problem(name, f"the local target's stand-in for {token} has no argument {name!r}{nearest(name, allowed)}")
        for name in arguments
        if name not in allowed
    ]
    return ({}, problems) if problems else (without_nulls(function(call, arguments)), [])


def _zones(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """docs: website/docs/d/availability_zones.html.markdown; the state defaults to any, order is by zone id."""
    filters = [{"Name": f["name"], "Values": f["values"]} for f in arguments.get("filters") or ()]
    if arguments.get("state"):
        filters.append({"Name": "state", "Values": [arguments["state"]]})
    reads = call.clients.reads("ec2", call.region, call.configuration)
    found = reads.describe_availability_zones(filters, everyone=bool(arguments.get("allAvailabilityZones")))
    excluded_names = set(arguments.get("excludeNames") or ())
    excluded_ids = set(arguments.get("excludeZoneIds") or ())
    zones = sorted(
        (z for z in found if z["ZoneName"] not in excluded_names and z["ZoneId"] not in excluded_ids),
        key=lambda z: str(z["ZoneName"]),
    )
    return {
        **arguments,
        "id": call.region,
        "region": call.region,
        "names": [z["ZoneName"] for z in zones],
        "zoneIds": [z["ZoneId"] for z in zones],
        "groupNames": sorted({z["GroupName"] or call.region for z in zones}),
    }


def _identity(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """docs: website/docs/d/caller_identity.html.markdown"""
    answer = call.clients.identity(call.configuration)
    account = answer["Account"]
    return {
        **arguments,
        "id": account,
        "accountId": account,
        "arn": answer["Arn"],
        "userId": answer["UserId"],
    }


def _region(call: Call, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """docs: website/docs/d/region.html.markdown"""
    region = arguments.get("name") or call.region
    return {
        "id": region,
        "name": region,
        "region": region,
        "endpoint": f"ec2.{region}.amazonaws.com",
        "description": region,
    }


_Function = Callable[[Call, Mapping[str, Any]], dict[str, Any]]
_FUNCTIONS: Mapping[str, tuple[_Function, frozenset[str]]] = {
    "aws:index/getAvailabilityZones:getAvailabilityZones": (
        _zones,
        frozenset({"allAvailabilityZones", "excludeNames", "excludeZoneIds", "filters", "region", "state"}),
    ),
    "aws:index/getCallerIdentity:getCallerIdentity": (_identity, frozenset({"id"})),
    "aws:route53/getZone:getZone": (get_zone, frozenset({"name", "privateZone", "zoneId"})),
    "aws:index/getRegion:getRegion": (_region, frozenset({"endpoint", "id", "name", "region"})),
}
