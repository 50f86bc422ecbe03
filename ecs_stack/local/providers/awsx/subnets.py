"""Where awsx places the subnets of a VPC. Pure arithmetic on IPv4 ranges.

The rules are those of awsx 3.11 (pulumi/pulumi-awsx, awsx/ec2/subnetDistributorNew.ts and vpc.ts), seen
also in recordings of the real provider: a zone gets the VPC's mask plus ceil(log2(zones)) bits; in a zone the
specs are placed in their order, each aligned to its own mask; a spec without a mask gets the zone's mask plus
ceil(log2(specs)) bits. ``legacy_subnets`` has the older strategy, ``Legacy``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from ecs_stack.local.providers.awsx.errors import ArgumentError

PUBLIC, PRIVATE, ISOLATED, UNUSED = SUBNET_TYPES = ("Public", "Private", "Isolated", "Unused")

#: Below /26 a zone would get default subnets smaller than /28, the smallest that AWS allows.
_SMALLEST_DEFAULT_ZONE = 26
#: Default subnets use at most a /16 of a zone; the rest is left to the user.
_WIDEST_DEFAULT_ZONE = 16
_ADDRESS_BITS = 32
#: ``us-east-`` in ``us-east-1a``, ``us-gov-west-`` in ``us-gov-west-1a``.
_REGION_OF_ZONE = re.compile(r"^[a-z]{2}(?:-[a-z]+)+-")


@dataclass(frozen=True, kw_only=True)
class SubnetSpec:
    """One kind of subnet that every zone gets. ``tags`` is passed on as it is: it may hold Pulumi outputs."""

    type: str
    name: str | None = None
    cidr_mask: int | None = None
    cidr_blocks: tuple[str, ...] | None = None
    size: int | None = None
    assign_ipv6_address_on_creation: bool | None = None
    tags: Any = None

    @property
    def label(self) -> str:
        """What names of the spec's resources contain."""
        return self.type.lower() if self.name is None else self.name


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A subnet to make: a spec in a zone. ``name`` is its logical name, ``zone`` counts from 0."""

    name: str
    spec: SubnetSpec
    zone: int


def new_bits(count: int) -> int:
    """How many bits tell ``count`` ranges apart."""
    return max(count - 1, 0).bit_length()


def subnet_name(vpc: str, spec: SubnetSpec, suffix: object) -> str:
    """``VPC-SPEC-SUFFIX``."""
    return f"{vpc}-{spec.label}-{suffix}"


def zone_suffixes(zones: Sequence[str]) -> list[str]:
    """What is left of each zone's name without its region: ``1a`` of ``us-east-1a``; a name that doesn't look
    like a zone's stays whole. ArgumentError if two are the same.
    """
    suffixes = [_REGION_OF_ZONE.sub("", zone) for zone in zones]
    for index, suffix in enumerate(suffixes):
        first = suffixes.index(suffix)
        if first != index:
            raise ArgumentError(
                "subnetNameTagStrategy",
                "AvailabilityZone requires availability zones with distinct suffixes, but "
                f"{zones[first]} and {zones[index]} both reduce to {suffix}",
            )
    return suffixes


def slots(vpc: str, zone_count: int, specs: Sequence[SubnetSpec]) -> tuple[Slot, ...]:
    """Every spec in every zone, zone by zone."""
    return tuple(
        Slot(name=subnet_name(vpc, spec, zone + 1), spec=spec, zone=zone)
        for zone in range(zone_count)
        for spec in specs
    )


def parse_cidr(cidr: str, path: str = "cidrBlock") -> IPv4Network:
    """An IPv4 range; ArgumentError if it is none."""
    try:
        return IPv4Network(cidr, strict=False)
    except ValueError as error:
        raise ArgumentError(path, f"{cidr!r} is not an IPv4 CIDR block: {error}") from None


def cidr_text(address: int, mask: int) -> str:
    """A block in CIDR notation; ArgumentError for one past the last IPv4 address."""
    if address + _size(mask) > 1 << _ADDRESS_BITS:
        raise ArgumentError("subnetSpecs", "Subnets are too large for VPC: they reach past 255.255.255.255")
    return f"{IPv4Address(address)}/{mask}"


def normalize(specs: Sequence[SubnetSpec], zone_count: int) -> tuple[SubnetSpec, ...]:
    """The specs with mask and size both set where either is given.

    Raises ArgumentError with every problem: two specs of a type that would get the same names, sizes that are
    no power of two or contradict a mask, explicit blocks for some specs only or not one for each zone.
    """
    problems = _name_clashes(specs)
    problems += [
        f"subnetSpecs[{index}].size is {spec.size}, which is no valid subnet size: "
        "it must be a power of two, at least 4"
        for index, spec in enumerate(specs)
        if spec.size is not None and _mask_of(spec.size) is None
    ]
    if any(spec.cidr_blocks is not None for spec in specs):
        for index, spec in enumerate(specs):
            problems += _explicit_problems(index, spec, zone_count)
        normalized = tuple(specs)
    else:
        normalized = tuple(_with_mask_and_size(spec) for spec in specs)
        problems += [
            f"Subnet size {spec.size} does not match the expected size for a /{spec.cidr_mask} subnet "
            f"({_size(spec.cidr_mask)})"
            for spec in specs
            if spec.size is not None and spec.cidr_mask and spec.size != _size(spec.cidr_mask)
        ]
    if problems:
        raise ArgumentError("subnetSpecs", "Invalid subnet specifications: " + "; ".join(problems))
    return normalized


def default_specs(zone_mask: int | None = None) -> tuple[SubnetSpec, ...]:
    """The specs of a VPC that names none: half of each zone private, a quarter public."""
    if zone_mask is None:
        return SubnetSpec(type=PRIVATE), SubnetSpec(type=PUBLIC)
    if zone_mask > _SMALLEST_DEFAULT_ZONE:
        raise ArgumentError(
            "cidrBlock",
            f"Automatic subnet creation requires a VPC with at least /{_SMALLEST_DEFAULT_ZONE} available per "
            f"AZ, but only /{zone_mask} is available. Specify very small subnets explicitly in subnetSpecs",
        )
    widest = max(zone_mask, _WIDEST_DEFAULT_ZONE)
    return SubnetSpec(type=PRIVATE, cidr_mask=widest + 1), SubnetSpec(type=PUBLIC, cidr_mask=widest + 2)


def divide(cidr: str, zone_count: int, specs: Sequence[SubnetSpec] | None, zone_mask: int | None) -> list[str]:
    """Strategies ``Auto`` and ``Exact``: a block for each of ``slots``.

    ``zone_mask`` is the zones' own mask, None for the widest that fits. Raises ArgumentError if the specs are
    larger than a zone.
    """
    vpc = parse_cidr(cidr)
    mask = vpc.prefixlen + new_bits(zone_count) if zone_mask is None else zone_mask
    if specs is None:
        specs = default_specs(mask)
    if not specs:
        raise ArgumentError("subnetSpecs", "No subnets specified")
    default_mask = mask + new_bits(len(specs))
    if default_mask > _ADDRESS_BITS:
        raise ArgumentError("subnetSpecs", f"{len(specs)} subnets in each of {zone_count} zones don't fit in {vpc}")
    masks = [default_mask if spec.cidr_mask is None else spec.cidr_mask for spec in specs]
    zone_size, wanted = _size(mask), sum(_size(m) for m in masks)
    if wanted > zone_size:
        raise ArgumentError(
            "subnetSpecs",
            f"Subnets are too large for VPC. Each availability zone has {zone_size} addresses (/{mask}), but "
            f"subnets require {wanted} addresses",
        )
    base = int(IPv4Network((vpc.network_address, mask), strict=False).network_address)
    blocks: list[str] = []
    for zone in range(zone_count):
        address = base + zone * zone_size
        for subnet_mask in masks:
            address = -(-address // _size(subnet_mask)) * _size(subnet_mask)
            blocks.append(cidr_text(address, subnet_mask))
            address += _size(subnet_mask)
    return blocks


def explicit_blocks(zone_count: int, specs: Sequence[SubnetSpec]) -> list[str]:
    """The blocks that the specs name, in the order of ``slots``."""
    return [(spec.cidr_blocks or ())[zone] for zone in range(zone_count) for spec in specs]


def check_blocks(placed: Sequence[tuple[Slot, str]], vpc_cidr: str | None) -> None:
    """Raise ArgumentError if subnets overlap, or one lies outside the VPC (EC2 refuses that:
    ``InvalidSubnet.Range``). The CIDR is None if only AWS will know it.
    """
    named = [(slot.name, parse_cidr(block, "subnetSpecs")) for slot, block in placed]
    overlapping = [
        f"{name}: {block}"
        for index, (name, block) in enumerate(named)
        if any(block.overlaps(other) for i, (_, other) in enumerate(named) if i != index)
    ]
    if overlapping:
        raise ArgumentError(
            "subnetSpecs",
            "The following subnets overlap with at least one other subnet. Make the CIDR for the VPC larger, "
            "reduce the size of the subnets per AZ, or use less Availability Zones: " + ", ".join(overlapping),
        )
    if vpc_cidr is None:
        return
    vpc = parse_cidr(vpc_cidr)
    outside = [
        f"{slot.name}: {block}"
        for (slot, _), (_, block) in zip(placed, named, strict=True)
        if slot.spec.type != UNUSED and not block.subnet_of(vpc)
    ]
    if outside:
        raise ArgumentError("subnetSpecs", f"Subnets lie outside the VPC ({vpc}): {', '.join(outside)}")


def check_no_gaps(placed: Sequence[tuple[Slot, str]], vpc_cidr: str) -> None:
    """Strategy ``Exact``: raise ArgumentError if the subnets leave a part of the VPC unused."""
    vpc = parse_cidr(vpc_cidr)
    gaps: list[str] = []
    end = int(vpc.network_address) - 1
    before = f"the beginning of the VPC ({vpc})"
    for slot, block in placed:
        network = parse_cidr(block, "subnetSpecs")
        if int(network.network_address) != end + 1:
            gaps.append(f"{before} <=> {slot.name} ({block})")
        end, before = int(network.broadcast_address), f"{slot.name} ({block})"
    if end != int(vpc.broadcast_address):
        gaps.append(f"{before} ends before VPC ends (at {vpc.broadcast_address})")
    if gaps:
        raise ArgumentError(
            "subnetSpecs",
            "There are gaps in the subnet ranges. Fill the following gaps with specs of type Unused: "
            + ", ".join(gaps),
        )


def ipv6_block(vpc_cidr: str, index: int) -> str:
    """The ``index``-th /64 of a VPC's /56, which is what AWS gives a VPC.

    Raises ArgumentError for another size, or more than 256 subnets.
    """
    address, _, mask = vpc_cidr.partition("/")
    hextets = address.split(":")
    if mask != "56" or len(hextets) < 4 or not hextets[3]:
        raise ArgumentError("ipv6CidrBlock", f"the VPC must have a /56 IPv6 block, not {vpc_cidr}")
    if not 0 <= index <= 0xFF:
        raise ArgumentError("subnetSpecs", "a /56 IPv6 block has room for 256 subnets")
    last = int(hextets[3], 16) & 0xFF00 | index
    return f"{':'.join(hextets[:3])}:{last:x}::/64"


def spec_layout(specs: Sequence[SubnetSpec]) -> list[dict[str, Any]]:
    """The component's output ``subnetLayout`` where the specs are placed in their own order."""
    return [
        {
            wire: value
            for wire, value in (
                ("name", spec.name),
                ("type", spec.type),
                ("cidrBlocks", None if spec.cidr_blocks is None else list(spec.cidr_blocks)),
                ("cidrMask", spec.cidr_mask),
                ("size", spec.size),
            )
            if value
        }
        for spec in specs
    ]


def placed_layout(placed: Sequence[tuple[Slot, str]], zone_count: int) -> list[dict[str, Any]]:
    """The component's output ``subnetLayout`` where the placement decides: the first zone's subnets with
    their masks, and the gaps between them. Names are not in it, as in awsx.
    """
    layout: list[dict[str, Any]] = []
    previous: IPv4Network | None = None
    for slot, block in placed[: len(placed) // zone_count if zone_count else 0]:
        network = IPv4Network(block, strict=False)
        if previous is not None:
            first, second = sorted((previous, network))
            layout += [{"type": UNUSED, "cidrMask": mask} for mask in _gap_masks(first, second)]
        layout.append({"type": slot.spec.type, "cidrMask": network.prefixlen})
        previous = network
    return layout


def _gap_masks(first: IPv4Network, second: IPv4Network) -> list[int]:
    """The widest aligned blocks that fill the space between two ranges."""
    masks: list[int] = []
    address, end = int(first.broadcast_address) + 1, int(second.network_address)
    while address < end:
        size = min(address & -address, 1 << (end - address).bit_length() - 1)
        masks.append(_ADDRESS_BITS - size.bit_length() + 1)
        address += size
    return masks


def _size(mask: int) -> int:
    return 1 << _ADDRESS_BITS - mask


def _mask_of(size: int) -> int | None:
    """The mask of a block of ``size`` addresses, None if there is none (awsx knows /0 to /30)."""
    mask = _ADDRESS_BITS - size.bit_length() + 1
    return mask if size >= 4 and size == _size(mask) else None


def _with_mask_and_size(spec: SubnetSpec) -> SubnetSpec:
    mask = _mask_of(spec.size) if spec.cidr_mask is None and spec.size is not None else spec.cidr_mask
    size = _size(mask) if mask and mask <= _ADDRESS_BITS - 2 else None
    return replace(spec, cidr_mask=mask, size=size)


def _name_clashes(specs: Sequence[SubnetSpec]) -> list[str]:
    problems = []
    for kind in dict.fromkeys(spec.type for spec in specs):
        names = [spec.name for spec in specs if spec.type == kind]
        if len(set(names)) < len(names):
            problems.append(f"Multiple subnet specs of type {kind} require unique names; at most one may have no name")
    return problems


def _explicit_problems(index: int, spec: SubnetSpec, zone_count: int) -> list[str]:
    if spec.cidr_blocks is None:
        return ["If any subnet spec has explicit cidrBlocks, all subnets must have explicit cidrBlocks"]
    if len(spec.cidr_blocks) != zone_count:
        return [
            f"The number of CIDR blocks in subnetSpecs[{index}] must match the number of availability zones "
            f"({zone_count})"
        ]
    blocks = [parse_cidr(block, f"subnetSpecs[{index}].cidrBlocks") for block in spec.cidr_blocks]
    problems = []
    rule = f"in subnetSpecs[{index}] must match all cidrBlocks or be left undefined"
    if spec.cidr_mask is not None and any(b.prefixlen != spec.cidr_mask for b in blocks):
        problems.append(f"The cidrMask {rule}")
    if spec.size is not None and any(b.num_addresses != spec.size for b in blocks):
        problems.append(f"The size {rule}")
    return problems
