"""The VPC endpoints of ``awsx:ec2:Vpc``.

Under strategy ``Auto``, what a spec leaves out is filled in from the VPC: route tables for a gateway
endpoint; subnets, private DNS and a security group for an interface endpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from ecs_stack.local.providers.awsx.arguments import VpcArgs, VpcEndpointSpec
from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import ISOLATED, PRIVATE, PUBLIC
from ecs_stack.local.providers.awsx.tags import merged

#: Where an interface endpoint's addresses are put, best first: one subnet a zone.
_PREFERRED_SUBNETS = (PRIVATE, ISOLATED, PUBLIC)
#: Arguments of a spec that ``aws.ec2.VpcEndpoint`` gets as they are.
_PASSED_ON = (
    "auto_accept",
    "dns_options",
    "ip_address_type",
    "policy",
    "resource_configuration_arn",
    "service_name",
    "service_network_arn",
    "service_region",
    "subnet_configurations",
    "vpc_endpoint_type",
)
_HTTPS = 443


def is_auto(args: VpcArgs) -> bool:
    """Whether specs are completed from the VPC."""
    return args.vpc_endpoint_strategy == "Auto"


def endpoint_type(spec: VpcEndpointSpec) -> str | None:
    """The type in lower case: ``gateway`` is EC2's default; None if it is an output."""
    if spec.vpc_endpoint_type is None:
        return "gateway"
    return spec.vpc_endpoint_type.lower() if isinstance(spec.vpc_endpoint_type, str) else None


def dns_attributes(args: VpcArgs) -> tuple[pulumi.Input[bool] | None, pulumi.Input[bool] | None]:
    """``enableDnsHostnames`` and ``enableDnsSupport`` of the VPC: private DNS of an endpoint needs both.

    Raises ArgumentError if one of them is off then, or an endpoint's type isn't known.
    """
    given = args.enable_dns_hostnames, args.enable_dns_support
    if not is_auto(args):
        return given
    private_dns = False
    for index, spec in enumerate(args.vpc_endpoint_specs or ()):
        kind = endpoint_type(spec)
        if kind is None:
            raise ArgumentError(
                f"vpcEndpointSpecs[{index}].vpcEndpointType",
                "vpcEndpointStrategy Auto requires it to be omitted or a plain string; use Legacy for dynamic types",
            )
        private_dns |= kind == "interface" and spec.private_dns_enabled is not False
    if not private_dns:
        return given
    for name, value in zip(("enableDnsHostnames", "enableDnsSupport"), given, strict=True):
        if value is False:
            raise ArgumentError(
                name,
                "vpcEndpointStrategy Auto requires it to be true for an Interface endpoint with private DNS",
            )
    hostnames, support = given
    return True if hostnames is None else hostnames, True if support is None else support


def make(
    args: VpcArgs,
    *,
    vpc: aws.ec2.Vpc,
    tags: Any,
    zones: Sequence[Mapping[str, aws.ec2.Subnet]],
    route_tables: Sequence[aws.ec2.RouteTable],
    warn: Callable[[str], None],
) -> list[aws.ec2.VpcEndpoint]:
    """Make the endpoints. ``zones`` has the first subnet of each type for each zone."""
    made = []
    for spec in args.vpc_endpoint_specs or ():
        kind, auto = endpoint_type(spec), is_auto(args)
        region = args.region if spec.region is None else spec.region
        endpoint_tags = merged(tags, spec.tags)
        subnet_ids, security_group_ids = spec.subnet_ids, spec.security_group_ids
        route_table_ids, private_dns = spec.route_table_ids, spec.private_dns_enabled
        if auto and kind == "interface":
            if subnet_ids is None and spec.subnet_configurations is None:
                subnet_ids = _one_subnet_per_zone(zones)
            if private_dns is None:
                private_dns = True
            if security_group_ids is None:
                security_group_ids = [_security_group(spec, region, vpc, endpoint_tags).id]
        elif auto and kind == "gateway":
            if route_table_ids is None:
                route_table_ids = [table.id for table in route_tables]
        elif not auto:
            _warn_of_omissions(spec, kind, warn)
        made.append(
            aws.ec2.VpcEndpoint(
                spec.service_name,
                private_dns_enabled=private_dns,
                region=region,
                route_table_ids=route_table_ids,
                security_group_ids=security_group_ids,
                subnet_ids=subnet_ids,
                tags=endpoint_tags,
                vpc_id=vpc.id,
                **{name: getattr(spec, name) for name in _PASSED_ON},
                opts=pulumi.ResourceOptions(parent=vpc, depends_on=[vpc]),
            )
        )
    return made


def _one_subnet_per_zone(zones: Sequence[Mapping[str, aws.ec2.Subnet]]) -> list[pulumi.Output[str]]:
    best = [next((zone[kind] for kind in _PREFERRED_SUBNETS if kind in zone), None) for zone in zones]
    return [subnet.id for subnet in best if subnet is not None]


def _security_group(
    spec: VpcEndpointSpec, region: pulumi.Input[str] | None, vpc: aws.ec2.Vpc, tags: Any
) -> aws.ec2.SecurityGroup:
    """HTTPS from anywhere in the VPC."""
    group = aws.ec2.SecurityGroup(
        f"{spec.service_name}-sg",
        region=region,
        tags=tags,
        vpc_id=vpc.id,
        opts=pulumi.ResourceOptions(parent=vpc, depends_on=[vpc]),
    )
    address_type = spec.ip_address_type
    ipv6 = isinstance(address_type, str) and address_type.lower() in ("ipv6", "dualstack")
    aws.ec2.SecurityGroupRule(
        f"{spec.service_name}-ingress",
        cidr_blocks=[vpc.cidr_block],
        from_port=_HTTPS,
        ipv6_cidr_blocks=[vpc.ipv6_cidr_block] if ipv6 else None,
        protocol="tcp",
        region=region,
        security_group_id=group.id,
        to_port=_HTTPS,
        type="ingress",
        opts=pulumi.ResourceOptions(parent=vpc, depends_on=[group]),
    )
    return group


def _warn_of_omissions(spec: VpcEndpointSpec, kind: str | None, warn: Callable[[str], None]) -> None:
    if kind == "interface" and spec.subnet_ids is None and spec.subnet_configurations is None:
        warn(
            f"VPC endpoint {spec.service_name} is an Interface endpoint without subnetIds or "
            "subnetConfigurations. Specify vpcEndpointStrategy Auto to use the VPC's own subnets."
        )
    if kind == "gateway" and spec.route_table_ids is None:
        warn(
            f"VPC endpoint {spec.service_name} is a Gateway endpoint without routeTableIds. "
            "Specify vpcEndpointStrategy Auto to use the VPC's own route tables."
        )
