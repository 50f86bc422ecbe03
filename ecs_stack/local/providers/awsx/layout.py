"""Which subnets a VPC gets, from its arguments and zones. Pure; the choices are those of awsx's vpc.ts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ecs_stack.local.providers.awsx import legacy_subnets, subnets
from ecs_stack.local.providers.awsx.arguments import VpcArgs
from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import ISOLATED, PRIVATE, PUBLIC, Slot

#: awsx's default range, where neither a range nor an IPAM pool is given.
DEFAULT_CIDR = "10.0.0.0/16"
#: In a zone, public subnets are made first: a private one's route needs the NAT gateway in the public one.
_CREATION_ORDER = (PUBLIC, PRIVATE, ISOLATED)


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Subnets with their blocks, in the order of placement. ``described`` is the output ``subnetLayout``."""

    placed: tuple[tuple[Slot, str], ...]
    described: list[dict[str, Any]]


def vpc_cidr(args: VpcArgs) -> str | None:
    """The VPC's range; None if an IPAM pool will choose it."""
    if args.cidr_block is None and args.ipv4_ipam_pool_id is None:
        return DEFAULT_CIDR
    return args.cidr_block


def nat_strategy(args: VpcArgs) -> str:
    """``None``, ``Single`` or ``OnePerAz``."""
    return "OnePerAz" if args.nat_gateways is None else args.nat_gateways.strategy


def plan(vpc: str, args: VpcArgs, zone_count: int, cidr: str, *, exhaustive: bool = True) -> Layout:
    """Place and check the subnets. ``exhaustive=False`` leaves out the check for gaps, as awsx does for a
    range that an IPAM pool chose.

    Raises ArgumentError if they don't fit, overlap, leave gaps under ``Exact``, or lack what NAT gateways
    need.
    """
    strategy = args.subnet_strategy or "Legacy"
    specs = None if args.subnet_specs is None else subnets.normalize(args.subnet_specs, zone_count)
    if not is_divided(args):
        placed = legacy_subnets.place(vpc, cidr, zone_count, specs)
    else:
        if specs is not None and any(spec.cidr_blocks is not None for spec in specs):
            blocks = subnets.explicit_blocks(zone_count, specs)
        else:
            blocks = subnets.divide(cidr, zone_count, specs, args.availability_zone_cidr_mask)
        placed = list(zip(slots(vpc, args, zone_count), blocks, strict=True))
    subnets.check_blocks(placed, cidr)
    if strategy == "Exact" and exhaustive:
        subnets.check_no_gaps(placed, cidr)
    _check_nat_strategy(nat_strategy(args), [slot for slot, _ in placed])
    if strategy == "Legacy" or specs is None:
        described = subnets.placed_layout(placed, zone_count)
    else:
        described = subnets.spec_layout(specs)
    return Layout(placed=tuple(placed), described=described)


def is_divided(args: VpcArgs) -> bool:
    """Whether the subnets' names and number don't depend on the range; else awsx's ``Legacy`` places them."""
    return args.subnet_strategy == "Auto" or (args.subnet_strategy == "Exact" and args.subnet_specs is not None)


def slots(vpc: str, args: VpcArgs, zone_count: int) -> tuple[Slot, ...]:
    """The subnets in the order of ``plan``, if ``is_divided``."""
    specs = subnets.default_specs() if args.subnet_specs is None else args.subnet_specs
    return subnets.slots(vpc, zone_count, specs)


def creation_order(placed: Sequence[tuple[Slot, Any]], zone: int) -> list[tuple[Slot, Any]]:
    """The subnets of a zone as they are made; ranges that stay unused are left out."""
    made = [(slot, block) for slot, block in placed if slot.zone == zone and slot.spec.type in _CREATION_ORDER]
    return sorted(made, key=lambda subnet: _CREATION_ORDER.index(subnet[0].spec.type))


def check_elastic_ips(args: VpcArgs, zone_count: int) -> None:
    """Raise ArgumentError if the number of elastic IPs doesn't match the NAT gateways: traffic would leave
    from an address that its receivers may not expect.
    """
    given = len(args.nat_gateways.elastic_ip_allocation_ids or ()) if args.nat_gateways else 0
    strategy = nat_strategy(args)
    allowed = {"None": 0, "Single": 1, "OnePerAz": zone_count}[strategy]
    if given in (0, allowed):
        return
    reason = {
        "None": "Elastic IP allocation IDs cannot be specified when NAT Gateway strategy is 'None'",
        "Single": "Exactly one Elastic IP may be specified when NAT Gateway strategy is 'Single'",
        "OnePerAz": "The number of Elastic IPs, if specified, must match the number of availability zones "
        f"for the VPC ({zone_count}) when NAT Gateway strategy is 'OnePerAz'",
    }[strategy]
    raise ArgumentError("natGateways.elasticIpAllocationIds", reason)


def _check_nat_strategy(strategy: str, planned: Sequence[Slot]) -> None:
    types = {slot.spec.type for slot in planned}
    if strategy != "None" and not (PUBLIC in types and types & {PRIVATE, ISOLATED}):
        raise ArgumentError(
            "natGateways.strategy",
            f"If NAT Gateway strategy is '{strategy}', public subnets must be declared to host the NAT "
            "Gateway resource, along with private or isolated subnets to route through it",
        )
