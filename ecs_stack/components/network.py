"""The network: a VPC with public and private subnets, a way out, and endpoints for AWS's services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import pulumi
import pulumi_awsx as awsx

from ecs_stack.rules import endpoints

_NAT = {
    "none": awsx.ec2.NatGatewayStrategy.NONE,
    "single": awsx.ec2.NatGatewayStrategy.SINGLE,
    "per-zone": awsx.ec2.NatGatewayStrategy.ONE_PER_AZ,
}


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """``endpoints`` are short names (see ``ecs_stack.rules.endpoints``); ``region`` completes them.

    awsx names an endpoint's resources after its service alone, so of two Networks in one program only one can
    have an endpoint for the same service.
    """

    region: str
    cidr: str = "10.0.0.0/16"
    zones: int = 2
    nat: Literal["none", "single", "per-zone"] = "single"
    endpoints: Sequence[str] = ()
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class Network(pulumi.ComponentResource):
    """A VPC over several zones, each with a public and a private subnet."""

    vpc_id: pulumi.Output[str]
    public_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets whose way out is the internet gateway: for load balancers and NAT."""
    private_subnet_ids: pulumi.Output[Sequence[str]]
    """Subnets that nothing from outside reaches: for tasks."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:Network", name, {}, opts)
        specs = [
            awsx.ec2.VpcEndpointSpecArgs(
                service_name=endpoints.service_name(args.region, service),
                vpc_endpoint_type=kind,
                private_dns_enabled=True if kind == "Interface" else None,
            )
            for kind, service in endpoints.services(args.endpoints)
        ]
        vpc = awsx.ec2.Vpc(
            name,
            cidr_block=args.cidr,
            number_of_availability_zones=args.zones,
            nat_gateways=awsx.ec2.NatGatewayConfigurationArgs(strategy=_NAT[args.nat]),
            subnet_strategy=awsx.ec2.SubnetAllocationStrategy.AUTO,
            # Interface endpoints are found by the services' own DNS names.
            enable_dns_hostnames=True,
            vpc_endpoint_specs=specs or None,
            # awsx makes the endpoints' security groups: HTTPS from within the VPC.
            vpc_endpoint_strategy=awsx.ec2.VpcEndpointStrategy.AUTO if specs else None,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.vpc_id = vpc.vpc_id
        self.public_subnet_ids = vpc.public_subnet_ids
        self.private_subnet_ids = vpc.private_subnet_ids
        self.register_outputs(
            {
                "vpc_id": self.vpc_id,
                "public_subnet_ids": self.public_subnet_ids,
                "private_subnet_ids": self.private_subnet_ids,
            }
        )
