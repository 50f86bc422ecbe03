"""``awsx:ec2:Vpc``: a VPC with subnets in several zones, made of the same resources as the real component's.

Names, parents, inputs, order and dependencies are those of recordings of awsx 3.11 and of its vpc.ts.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from ecs_stack.local.providers.awsx import endpoints, layout, subnets
from ecs_stack.local.providers.awsx.arguments import VpcArgs
from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import ISOLATED, PRIVATE, PUBLIC, Slot
from ecs_stack.local.providers.awsx.tags import merged

TYPE = "awsx:ec2:Vpc"
#: How many zones awsx uses if no number is given.
_DEFAULT_ZONES = 3
_ANYWHERE = "0.0.0.0/0"
#: Arguments that ``aws.ec2.Vpc`` gets as they are.
_PASSED_ON = (
    "assign_generated_ipv6_cidr_block",
    "enable_network_address_usage_metrics",
    "instance_tenancy",
    "ipv4_ipam_pool_id",
    "ipv4_netmask_length",
    "ipv6_cidr_block",
    "ipv6_cidr_block_network_border_group",
    "ipv6_ipam_pool_id",
    "ipv6_netmask_length",
    "region",
)
_SubnetOfType = tuple[str, aws.ec2.Subnet]


class Vpc(pulumi.ComponentResource):
    """The component. ``build`` makes its children and fills ``outputs``."""

    def __init__(self, name: str, args: VpcArgs, opts: pulumi.ResourceOptions | None) -> None:
        super().__init__(TYPE, name, {}, opts)
        self.outputs: dict[str, Any] = {}
        self._name = name
        self._args = args
        self._tags = merged({"Name": name}, args.tags)
        self._route_tables: list[aws.ec2.RouteTable] = []
        self._associations: list[aws.ec2.RouteTableAssociation] = []
        self._routes: list[aws.ec2.Route] = []
        self._nat_gateways: list[aws.ec2.NatGateway] = []
        self._eips: list[aws.ec2.Eip] = []

    async def build(self) -> str:
        """Make the children; the value is the component's URN.

        Raises ArgumentError if the arguments don't fit the zones that there are.
        """
        args = self._args
        dns = endpoints.dns_attributes(args)
        zones = args.availability_zone_names or await self._default_zones()
        layout.check_elastic_ips(args, len(zones))
        suffixes: Sequence[object] = range(1, len(zones) + 1)
        if args.subnet_name_tag_strategy == "AvailabilityZone":
            suffixes = subnets.zone_suffixes(zones)

        cidr = layout.vpc_cidr(args)
        if cidr is not None:
            planned = layout.plan(self._name, args, len(zones), cidr)
            placed: Sequence[tuple[Slot, pulumi.Input[str]]] = planned.placed
            described: pulumi.Input[list[dict[str, Any]]] = planned.described
            vpc = self._make_vpc(cidr, *dns)
        else:
            vpc = self._make_vpc(None, *dns)
            placed, described = self._plan_later(vpc, len(zones))
        self._warn_of_default_strategy(described)

        gateway = aws.ec2.InternetGateway(
            self._name,
            region=args.region,
            tags=self._tags,
            vpc_id=vpc.id,
            opts=pulumi.ResourceOptions(parent=vpc, depends_on=[vpc]),
        )
        made: list[list[_SubnetOfType]] = []
        for index, zone in enumerate(zones):
            made.append([])
            for number, (slot, block) in enumerate(layout.creation_order(placed, index)):
                tags = {
                    "Name": subnets.subnet_name(self._name, slot.spec, suffixes[index]),
                    "SubnetType": slot.spec.type,
                }
                subnet = self._make_subnet(vpc, slot, zone, block, tags, index + number * len(zones))
                made[-1].append((slot.spec.type, subnet))
                self._make_routes(vpc, gateway, slot, subnet, tags)
        vpc_endpoints = endpoints.make(
            args,
            vpc=vpc,
            tags=self._tags,
            zones=[dict(reversed(zone_subnets)) for zone_subnets in made],
            route_tables=self._route_tables,
            warn=lambda message: pulumi.log.warn(message, self),
        )
        self.register_outputs({})
        self._set_outputs(vpc, gateway, [each for zone in made for each in zone], described, vpc_endpoints)
        urn = await self.urn.future()
        assert urn is not None
        return urn

    async def _default_zones(self) -> Sequence[str]:
        """The first zones of the region, in AWS's order."""
        region = self._args.region
        if region is not None and not isinstance(region, str):
            raise ArgumentError("region", "must be a plain string when availabilityZoneNames is not set")
        found = aws.get_availability_zones_output(region=region, opts=pulumi.InvokeOutputOptions(parent=self))
        zones = await found.apply(lambda result: result.names).future()
        if not zones:
            raise ArgumentError(
                "availabilityZoneNames",
                "the region has no availability zones for this account: enable it, or name the zones",
            )
        wanted = self._args.number_of_availability_zones or _DEFAULT_ZONES
        if len(zones) < wanted:
            raise ArgumentError(
                "numberOfAvailabilityZones",
                f"The configured region for this provider does not have at least {wanted} Availability Zones "
                f"(it has {', '.join(zones)}). Either specify an explicit list of zones in "
                f"availabilityZoneNames or choose a region with at least {wanted} AZs",
            )
        return zones[:wanted]

    def _make_vpc(
        self, cidr: str | None, hostnames: pulumi.Input[bool] | None, support: pulumi.Input[bool] | None
    ) -> aws.ec2.Vpc:
        return aws.ec2.Vpc(
            self._name,
            cidr_block=cidr,
            enable_dns_hostnames=hostnames,
            enable_dns_support=support,
            tags=self._tags,
            opts=pulumi.ResourceOptions(parent=self),
            **{name: getattr(self._args, name) for name in _PASSED_ON},
        )

    def _plan_later(
        self, vpc: aws.ec2.Vpc, zone_count: int
    ) -> tuple[list[tuple[Slot, pulumi.Input[str]]], pulumi.Input[list[dict[str, Any]]]]:
        """The subnets of a VPC whose range an IPAM pool chooses."""
        args = self._args
        if not layout.is_divided(args):
            raise ArgumentError(
                "subnetStrategy",
                "a range that an IPAM pool allocates is not supported with strategy Legacy; use Auto",
            )
        planned = vpc.cidr_block.apply(lambda cidr: layout.plan(self._name, args, zone_count, cidr, exhaustive=False))
        placed: list[tuple[Slot, pulumi.Input[str]]] = [
            (slot, planned.apply(lambda plan, index=index: plan.placed[index][1]))  # type: ignore[misc]
            for index, slot in enumerate(layout.slots(self._name, args, zone_count))
        ]
        return placed, planned.apply(lambda plan: plan.described)

    def _make_subnet(
        self,
        vpc: aws.ec2.Vpc,
        slot: Slot,
        zone: str,
        block: pulumi.Input[str],
        tags: Mapping[str, str],
        ipv6_index: int,
    ) -> aws.ec2.Subnet:
        assign: pulumi.Input[bool] | None = slot.spec.assign_ipv6_address_on_creation
        if assign is None:
            assign = self._args.assign_generated_ipv6_cidr_block or False
        return aws.ec2.Subnet(
            slot.name,
            assign_ipv6_address_on_creation=assign,
            availability_zone=zone,
            cidr_block=block,
            ipv6_cidr_block=_ipv6_block(vpc, assign, ipv6_index),
            map_public_ip_on_launch=slot.spec.type == PUBLIC,
            region=self._args.region,
            tags=merged(self._tags, slot.spec.tags, tags),
            vpc_id=vpc.id,
            opts=pulumi.ResourceOptions(parent=vpc, depends_on=[vpc]),
        )

    def _make_routes(
        self,
        vpc: aws.ec2.Vpc,
        gateway: aws.ec2.InternetGateway,
        slot: Slot,
        subnet: aws.ec2.Subnet,
        tags: Mapping[str, str],
    ) -> None:
        """The subnet's route table and its way out; in a public subnet also the zone's NAT gateway."""
        region = self._args.region
        table = aws.ec2.RouteTable(
            slot.name,
            region=region,
            tags=merged(self._tags, tags),
            vpc_id=vpc.id,
            opts=pulumi.ResourceOptions(parent=subnet, depends_on=[subnet]),
        )
        self._route_tables.append(table)
        below_table = pulumi.ResourceOptions(parent=table, depends_on=[table])
        self._associations.append(
            aws.ec2.RouteTableAssociation(
                slot.name, region=region, route_table_id=table.id, subnet_id=subnet.id, opts=below_table
            )
        )
        strategy = layout.nat_strategy(self._args)
        wanted = {"None": 0, "Single": 1, "OnePerAz": slot.zone + 1}[strategy]
        if slot.spec.type == PUBLIC and len(self._nat_gateways) < wanted:
            self._make_nat_gateway(slot.zone, subnet)
        target: dict[str, pulumi.Input[str]] = {}
        if slot.spec.type == PUBLIC:
            target = {"gateway_id": gateway.id}
        elif slot.spec.type == PRIVATE and strategy != "None":
            nat_gateway = self._nat_gateways[0 if strategy == "Single" else slot.zone]
            target = {"nat_gateway_id": nat_gateway.id}
        if target:
            self._routes.append(
                aws.ec2.Route(
                    slot.name,
                    destination_cidr_block=_ANYWHERE,
                    region=region,
                    route_table_id=table.id,
                    opts=below_table,
                    **target,
                )
            )

    def _make_nat_gateway(self, zone: int, subnet: aws.ec2.Subnet) -> None:
        args = self._args
        name = f"{self._name}-{zone + 1}"
        tags = merged(args.tags, {"Name": name})
        below_subnet = pulumi.ResourceOptions(parent=subnet, depends_on=[subnet])
        allocations = args.nat_gateways.elastic_ip_allocation_ids if args.nat_gateways else None
        if allocations:
            allocation = allocations[zone]
        else:
            eip = aws.ec2.Eip(name, region=args.region, tags=tags, opts=below_subnet)
            self._eips.append(eip)
            allocation = eip.allocation_id
        self._nat_gateways.append(
            aws.ec2.NatGateway(
                name,
                allocation_id=allocation,
                region=args.region,
                subnet_id=subnet.id,
                tags=tags,
                opts=below_subnet,
            )
        )

    def _warn_of_default_strategy(self, described: pulumi.Input[list[dict[str, Any]]]) -> None:
        args = self._args
        if args.subnet_strategy is None and any(s.cidr_blocks is None for s in args.subnet_specs or ()):
            pulumi.Output.from_input(described).apply(
                lambda specs: pulumi.log.warn(
                    "The default subnetStrategy will change from Legacy to Auto in the next major version of "
                    "awsx. Please specify the subnetStrategy explicitly. The current subnet layout can be "
                    f"specified via Auto as:\n\n{json.dumps(specs)}",
                    self,
                )
            )

    def _set_outputs(
        self,
        vpc: aws.ec2.Vpc,
        gateway: aws.ec2.InternetGateway,
        made: Sequence[_SubnetOfType],
        described: pulumi.Input[list[dict[str, Any]]],
        vpc_endpoints: Sequence[aws.ec2.VpcEndpoint],
    ) -> None:
        by_type = {
            kind: [subnet for its_type, subnet in made if its_type == kind] for kind in (PUBLIC, PRIVATE, ISOLATED)
        }
        values: dict[str, Any] = {
            "eips": self._eips,
            "internetGateway": gateway,
            "natGateways": self._nat_gateways,
            "routeTableAssociations": self._associations,
            "routeTables": self._route_tables,
            "routes": self._routes,
            "subnetLayout": described,
            "subnets": [subnet for _, subnet in made],
            "vpc": vpc,
            "vpcEndpoints": vpc_endpoints,
            "vpcId": vpc.id,
        }
        for kind, subnets_of_type in by_type.items():
            values[f"{kind.lower()}Subnets"] = subnets_of_type
            values[f"{kind.lower()}SubnetIds"] = [subnet.id for subnet in subnets_of_type]
        dependencies = [vpc, *(subnet for _, subnet in made)]
        self.outputs.update({name: _depending_on(value, dependencies) for name, value in values.items()})


def _ipv6_block(vpc: aws.ec2.Vpc, assign: pulumi.Input[bool], index: int) -> pulumi.Output[str | None] | None:
    """A subnet's /64, if it gets IPv6 addresses. AWS chooses the VPC's /56, so it is known only then."""
    if assign is False:
        return None

    def block(values: list[Any]) -> str | None:
        cidr, assigned = values
        if not assigned:
            return None
        if not cidr:
            raise ArgumentError(
                "assignGeneratedIpv6CidrBlock",
                "subnets with assignIpv6AddressOnCreation require the VPC to have an IPv6 CIDR block: set it "
                "to true, or give ipv6CidrBlock",
            )
        return subnets.ipv6_block(cidr, index)

    return pulumi.Output.all(vpc.ipv6_cidr_block, assign).apply(block)


def _depending_on(value: Any, resources: Iterable[pulumi.Resource]) -> pulumi.Output[Any]:
    """An output of a value that may hold other outputs. In awsx each depends on the VPC and all subnets."""
    resolved: asyncio.Future[Any] = asyncio.Future()
    resolved.set_result(value)
    known: asyncio.Future[bool] = asyncio.Future()
    known.set_result(True)
    return pulumi.Output(set(resources), resolved, known)
