"""Route table, its associations, routes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..resource import ResourceType, State
from .ec2 import Ec2Type, given

_DESTINATIONS: Mapping[str, str] = {
    "destinationCidrBlock": "DestinationCidrBlock",
    "destinationIpv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
}
_TARGETS: Mapping[str, str] = {
    "carrierGatewayId": "CarrierGatewayId",
    "coreNetworkArn": "CoreNetworkArn",
    "egressOnlyGatewayId": "EgressOnlyInternetGatewayId",
    "gatewayId": "GatewayId",
    "localGatewayId": "LocalGatewayId",
    "natGatewayId": "NatGatewayId",
    "networkInterfaceId": "NetworkInterfaceId",
    "transitGatewayId": "TransitGatewayId",
    "vpcEndpointId": "VpcEndpointId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
}
#: The names inside a route table's own ``routes`` differ for two destinations.
_INLINE: Mapping[str, str] = {
    "cidrBlock": "DestinationCidrBlock",
    "ipv6CidrBlock": "DestinationIpv6CidrBlock",
    "destinationPrefixListId": "DestinationPrefixListId",
    **_TARGETS,
}
#: Seconds until a target that was just made can be routed to.
_TARGET_READY = 60
_NOT_READY = ("InvalidParameterException", "InvalidTransitGatewayID.NotFound")


class RouteTable(Ec2Type):
    """docs: website/docs/r/route_table.html.markdown"""

    token = "aws:ec2/routeTable:RouteTable"
    noun = "route-table"
    describe = ("describe_route_tables", "RouteTableIds", "RouteTables")
    inputs = frozenset({"routes", "vpcId"})
    outputs = {"ownerId": "OwnerId", "vpcId": "VpcId"}
    replaces = frozenset({"vpcId"})
    computed = frozenset({"routes"})

    def create(self, call: Call, inputs: State) -> str:
        answer = call.client("ec2").create_route_table(VpcId=inputs["vpcId"], **self.specification(call))
        table = call.created = str(answer["RouteTable"]["RouteTableId"])
        for route in inputs.get("routes") or []:
            _put(call, table, given(route, _INLINE))
        return table

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        return {
            "arn": call.arn("ec2", f"route-table/{resource_id}"),
            "ownerId": found.get("OwnerId") or call.account,
            "routes": [
                {name: route[key] for name, key in _INLINE.items() if route.get(key)}
                for route in found.get("Routes") or []
                if route.get("GatewayId") != "local" and route.get("Origin") == "CreateRoute"
            ],
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        if "routes" not in changed:
            return
        live = [given(route, _INLINE) for route in state.get("routes") or []]
        wanted = [given(route, _INLINE) for route in inputs.get("routes") or []]
        for route in (r for r in live if r not in wanted):
            if not any(_destination(route) == _destination(w) for w in wanted):
                errors.if_found(call.client("ec2").delete_route, RouteTableId=resource_id, **_destination(route))
        for route in (w for w in wanted if w not in live):
            _put(call, resource_id, route, replace=any(_destination(route) == _destination(r) for r in live))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        found = self.find(call, resource_id)
        if found is None:
            return
        client = call.client("ec2")
        for association in found.get("Associations") or []:
            if not association.get("Main"):
                errors.if_found(client.disassociate_route_table, AssociationId=association["RouteTableAssociationId"])
        call.retry(
            ("DependencyViolation",),
            errors.if_found,
            call=client.delete_route_table,
            RouteTableId=resource_id,
        )


class RouteTableAssociation(ResourceType):
    """docs: website/docs/r/route_table_association.html.markdown

    Replacing an association gives it a new id, which the engine can't take up in an update. It is found by its subnet
    or gateway then, of which each has one association.
    """

    token = "aws:ec2/routeTableAssociation:RouteTableAssociation"
    inputs = frozenset({"gatewayId", "routeTableId", "subnetId"})
    replaces = frozenset({"gatewayId", "subnetId"})
    conflicts = (("subnetId", "gatewayId"),)
    tagged = False

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        if "subnetId" not in inputs and "gatewayId" not in inputs:
            return [("subnetId", "a route table association needs a subnetId or a gatewayId")]
        return ()

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        target, _, table = import_id.partition("/")
        if not table:
            return import_id, {}
        return import_id, {
            "subnetId" if target.startswith("subnet-") else "gatewayId": target,
            "routeTableId": table,
        }

    def create(self, call: Call, inputs: State) -> str:
        names = {"routeTableId": "RouteTableId", "subnetId": "SubnetId", "gatewayId": "GatewayId"}
        answer = call.client("ec2").associate_route_table(**given(inputs, names))
        return str(answer["AssociationId"])

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = self._find(call, resource_id, state)
        if found is None:
            return None
        return {
            "id": found["RouteTableAssociationId"],
            "routeTableId": found["RouteTableId"],
            "subnetId": found.get("SubnetId"),
            "gatewayId": found.get("GatewayId"),
        }

    def _find(self, call: Call, resource_id: str, state: State) -> dict[str, Any] | None:
        tests = [("association.route-table-association-id", resource_id)]
        if state.get("subnetId"):
            tests.append(("association.subnet-id", state["subnetId"]))
        if state.get("gatewayId"):
            tests.append(("association.gateway-id", state["gatewayId"]))
        for name, value in tests:
            tables = call.client("ec2").describe_route_tables(Filters=[{"Name": name, "Values": [value]}])
            for table in tables["RouteTables"]:
                for association in table.get("Associations") or []:
                    if value in (
                        association.get("RouteTableAssociationId"),
                        association.get("SubnetId"),
                        association.get("GatewayId"),
                    ):
                        return {"RouteTableId": table["RouteTableId"], **association}
        return None

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        found = self._find(call, resource_id, state)
        if found is None:
            raise ProviderError(f"route table association {resource_id} isn't there any more; run a refresh")
        call.client("ec2").replace_route_table_association(
            AssociationId=found["RouteTableAssociationId"], RouteTableId=inputs["routeTableId"]
        )

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        found = self._find(call, resource_id, state)
        if found:
            errors.if_found(call.client("ec2").disassociate_route_table, AssociationId=found["RouteTableAssociationId"])


class Route(ResourceType):
    """docs: website/docs/r/route.html.markdown; the id is internal/service/ec2/id.go's: r-, the table, a hash."""

    token = "aws:ec2/route:Route"
    inputs = frozenset({*_DESTINATIONS, *_TARGETS, "routeTableId"})
    replaces = frozenset({*_DESTINATIONS, "routeTableId"})
    computed = frozenset({"networkInterfaceId"})
    conflicts = (tuple(_DESTINATIONS), tuple(_TARGETS))
    tagged = False
    moved_by = {"state": frozenset(_TARGETS)}

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        problems = []
        if not any(name in inputs for name in _DESTINATIONS):
            problems.append(("destinationCidrBlock", f"a route needs one of {', '.join(_DESTINATIONS)}"))
        if not any(name in inputs for name in _TARGETS):
            problems.append(("gatewayId", f"a route needs one of {', '.join(_TARGETS)}"))
        return problems

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        table, _, destination = import_id.partition("_")
        if not destination:
            raise ProviderError(f"import a route by ROUTETABLEID_DESTINATION, not {import_id!r}")
        if destination.startswith("pl-"):
            name = "destinationPrefixListId"
        else:
            name = "destinationIpv6CidrBlock" if ":" in destination else "destinationCidrBlock"
        return import_id, {"routeTableId": table, name: destination}

    def create(self, call: Call, inputs: State) -> str:
        table = inputs["routeTableId"]
        _put(call, table, given(inputs, _DESTINATIONS) | given(inputs, _TARGETS))
        return _route_id(table, given(inputs, _DESTINATIONS))

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        table, wanted = state["routeTableId"], given(state, _DESTINATIONS)
        answer = errors.if_found(call.client("ec2").describe_route_tables, RouteTableIds=[table])
        for route in answer["RouteTables"][0].get("Routes") or [] if answer and answer["RouteTables"] else []:
            if _destination(route) == wanted:
                properties: State = {"id": _route_id(table, wanted), "routeTableId": table}
                for name, key in {**_DESTINATIONS, **_TARGETS}.items():
                    properties[name] = route.get(key)
                return properties | {
                    "instanceId": route.get("InstanceId"),
                    "instanceOwnerId": route.get("InstanceOwnerId"),
                    "origin": route.get("Origin"),
                    "state": route.get("State"),
                }
        return None

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        _put(call, inputs["routeTableId"], given(inputs, _DESTINATIONS) | given(inputs, _TARGETS), replace=True)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        errors.if_found(
            call.client("ec2").delete_route, RouteTableId=state["routeTableId"], **given(state, _DESTINATIONS)
        )


def _put(call: Call, table: str, route: Mapping[str, Any], *, replace: bool = False) -> None:
    client = call.client("ec2")
    method = client.replace_route if replace else client.create_route
    try:
        call.retry(_NOT_READY, method, seconds=_TARGET_READY, RouteTableId=table, **route)
    except ClientError as error:
        if errors.code(error) == "RouteAlreadyExists":
            raise ProviderError(
                f"route table {table} already has a route to {' '.join(_destination(route).values())}: import it"
            ) from error
        raise


def _destination(route: Mapping[str, Any]) -> dict[str, Any]:
    return {key: route[key] for key in _DESTINATIONS.values() if route.get(key)}


def _route_id(table: str, destination: Mapping[str, Any]) -> str:
    text = next(iter(destination.values()))
    return f"r-{table}{zlib.crc32(str(text).encode())}"


TYPES: tuple[type[ResourceType], ...] = (RouteTable, RouteTableAssociation, Route)
