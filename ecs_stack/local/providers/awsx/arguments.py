"""The arguments of ``awsx:ec2:Vpc``, read from what the engine sends and checked.

Names, nesting and which values must be known beforehand ("plain") are those of pulumi_awsx's own types; a
test compares them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import pulumi
from pulumi.output import Unknown

from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import SUBNET_TYPES, SubnetSpec

_Read = Callable[[str, Any], Any]


def nearest(name: str, known: Iterable[str]) -> str:
    """A sentence that names the nearest known name, or all of them."""
    names = sorted(known)
    folded = {candidate.lower(): candidate for candidate in names}
    found = difflib.get_close_matches(name.lower(), folded, n=1)
    return f"did you mean {folded[found[0]]}?" if found else f"known: {', '.join(names)}"


def wire_name(attribute: str) -> str:
    """``cidr_block`` as the engine spells it: ``cidrBlock``."""
    return re.sub(r"_(.)", lambda match: match.group(1).upper(), attribute)


def _plain(path: str, value: Any) -> Any:
    if isinstance(value, pulumi.Output | Unknown):
        raise ArgumentError(path, "must be a plain value that is known beforehand, not an output or a secret")
    return value


def _text(path: str, value: Any) -> str:
    if not isinstance(_plain(path, value), str):
        raise ArgumentError(path, f"must be a string, not {value!r}")
    return str(value)


def _boolean(path: str, value: Any) -> bool:
    if not isinstance(_plain(path, value), bool):
        raise ArgumentError(path, f"must be true or false, not {value!r}")
    return bool(value)


def _number(path: str, value: Any) -> int:
    _plain(path, value)
    if isinstance(value, bool) or not isinstance(value, int | float) or value != int(value):
        raise ArgumentError(path, f"must be a whole number, not {value!r}")
    return int(value)


def _between(lowest: int, highest: int) -> _Read:
    def read(path: str, value: Any) -> int:
        number = _number(path, value)
        if not lowest <= number <= highest:
            raise ArgumentError(path, f"must be between {lowest} and {highest}, not {number}")
        return number

    return read


def _one_of(*choices: str, unsupported: str | None = None) -> _Read:
    def read(path: str, value: Any) -> str:
        text = _text(path, value)
        if text == unsupported:
            raise ArgumentError(path, f"the local target doesn't support {text}; it supports {', '.join(choices)}")
        if text not in choices:
            raise ArgumentError(path, f"unknown value {text!r}: {nearest(text, choices)}")
        return text

    return read


def _several(read_item: _Read) -> _Read:
    def read(path: str, value: Any) -> tuple[Any, ...]:
        if not isinstance(_plain(path, value), list):
            raise ArgumentError(path, f"must be a list, not {value!r}")
        return tuple(read_item(f"{path}[{index}]", item) for index, item in enumerate(value))

    return read


def _object(kind: type[Any], plain: Mapping[str, _Read], *required: str) -> _Read:
    """Reads a mapping into a dataclass. ``plain`` has the readers of arguments that must be known beforehand;
    any other is a Pulumi input, passed on as it is.
    """
    known = {wire_name(argument.name): argument.name for argument in fields(kind)}

    def read(path: str, values: Any) -> Any:
        if not isinstance(_plain(path, values), Mapping):
            raise ArgumentError(path, f"must be an object, not {values!r}")
        prefix = f"{path}." if path else ""
        for name in values:
            if name not in known:
                raise ArgumentError(f"{prefix}{name}", f"unknown argument: {nearest(name, known)}")
        given = {name: value for name, value in values.items() if value is not None}
        for name in required:
            if name not in given:
                raise ArgumentError(f"{prefix}{name}", "is required")
        return kind(
            **{
                known[name]: plain[known[name]](f"{prefix}{name}", value) if known[name] in plain else value
                for name, value in given.items()
            }
        )

    return read


@dataclass(frozen=True, kw_only=True)
class NatGateways:
    """``natGateways``. ``elastic_ip_allocation_ids`` may hold outputs."""

    strategy: str
    elastic_ip_allocation_ids: tuple[pulumi.Input[str], ...] | None = None


@dataclass(frozen=True, kw_only=True)
class VpcEndpointSpec:
    """One of ``vpcEndpointSpecs``. What isn't plain is passed on to ``aws.ec2.VpcEndpoint``."""

    service_name: str
    auto_accept: bool | None = None
    dns_options: Any = None
    ip_address_type: pulumi.Input[str] | None = None
    policy: pulumi.Input[str] | None = None
    private_dns_enabled: bool | None = None
    region: pulumi.Input[str] | None = None
    resource_configuration_arn: pulumi.Input[str] | None = None
    route_table_ids: Any = None
    security_group_ids: Any = None
    service_network_arn: pulumi.Input[str] | None = None
    service_region: pulumi.Input[str] | None = None
    subnet_configurations: Any = None
    subnet_ids: Any = None
    tags: Any = None
    vpc_endpoint_type: pulumi.Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class VpcArgs:
    """The arguments of ``awsx:ec2:Vpc``; None for what isn't given."""

    assign_generated_ipv6_cidr_block: pulumi.Input[bool] | None = None
    availability_zone_cidr_mask: int | None = None
    availability_zone_names: tuple[str, ...] | None = None
    cidr_block: str | None = None
    enable_dns_hostnames: pulumi.Input[bool] | None = None
    enable_dns_support: pulumi.Input[bool] | None = None
    enable_network_address_usage_metrics: pulumi.Input[bool] | None = None
    instance_tenancy: pulumi.Input[str] | None = None
    ipv4_ipam_pool_id: pulumi.Input[str] | None = None
    ipv4_netmask_length: pulumi.Input[int] | None = None
    ipv6_cidr_block: pulumi.Input[str] | None = None
    ipv6_cidr_block_network_border_group: pulumi.Input[str] | None = None
    ipv6_ipam_pool_id: pulumi.Input[str] | None = None
    ipv6_netmask_length: pulumi.Input[int] | None = None
    nat_gateways: NatGateways | None = None
    number_of_availability_zones: int | None = None
    region: pulumi.Input[str] | None = None
    subnet_name_tag_strategy: str | None = None
    subnet_specs: tuple[SubnetSpec, ...] | None = None
    subnet_strategy: str | None = None
    tags: Any = None
    vpc_endpoint_specs: tuple[VpcEndpointSpec, ...] | None = None
    vpc_endpoint_strategy: str | None = None


_mask = _between(0, 32)

_read_nat_gateways = _object(
    NatGateways,
    {
        "strategy": _one_of("None", "Single", "OnePerAz"),
        "elastic_ip_allocation_ids": _several(lambda _path, value: value),
    },
    "strategy",
)
_read_subnet_spec = _object(
    SubnetSpec,
    {
        "type": _one_of(*SUBNET_TYPES),
        "name": _text,
        "cidr_mask": _mask,
        "cidr_blocks": _several(_text),
        "size": _number,
        "assign_ipv6_address_on_creation": _boolean,
    },
    "type",
)
_read_endpoint_spec = _object(
    VpcEndpointSpec,
    {"service_name": _text, "auto_accept": _boolean, "private_dns_enabled": _boolean},
    "serviceName",
)
_read_vpc_args = _object(
    VpcArgs,
    {
        "availability_zone_cidr_mask": _mask,
        "availability_zone_names": _several(_text),
        "cidr_block": _text,
        "nat_gateways": _read_nat_gateways,
        "number_of_availability_zones": _between(1, 26),  # a region's zones have one letter each
        "subnet_name_tag_strategy": _one_of("Legacy", "AvailabilityZone"),
        "subnet_specs": _several(_read_subnet_spec),
        "subnet_strategy": _one_of("Legacy", "Auto", "Exact", unsupported="AutoMerge"),
        "vpc_endpoint_specs": _several(_read_endpoint_spec),
        "vpc_endpoint_strategy": _one_of("Legacy", "Auto"),
    },
)


def parse(inputs: Mapping[str, Any]) -> VpcArgs:
    """The arguments from the engine's mapping.

    Raises ArgumentError for unknown names, values that don't fit, and pairs that awsx refuses.
    """
    args: VpcArgs = _read_vpc_args("", inputs)
    if args.availability_zone_names is not None:
        if args.number_of_availability_zones is not None:
            raise ArgumentError(
                "availabilityZoneNames",
                "only one of availabilityZoneNames and numberOfAvailabilityZones can be specified",
            )
        if not args.availability_zone_names:
            raise ArgumentError("availabilityZoneNames", "names no zone; leave it out to get the first zones")
        if len(set(args.availability_zone_names)) < len(args.availability_zone_names):
            raise ArgumentError("availabilityZoneNames", "a zone is named twice")
    if args.ipv4_ipam_pool_id is not None:
        if args.cidr_block is not None and args.ipv4_netmask_length is not None:
            raise ArgumentError("cidrBlock", "only one of cidrBlock, ipv4NetmaskLength is allowed")
        if args.cidr_block is None and args.ipv4_netmask_length is None:
            raise ArgumentError(
                "ipv4IpamPoolId", "if it is specified, ipv4NetmaskLength or cidrBlock must also be specified"
            )
    return args
