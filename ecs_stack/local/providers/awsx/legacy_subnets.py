"""Where awsx places subnets under its strategy ``Legacy``, which is the default.

The rules are those of awsx 3.11 (pulumi/pulumi-awsx, awsx/ec2/subnetDistributorLegacy.ts): a zone gets the
VPC's mask plus ceil(log2(zones)) bits; in a zone private subnets come first, then public, then isolated ones,
whatever the specs' order; each kind has a widest default block.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import (
    ISOLATED,
    PRIVATE,
    PUBLIC,
    Slot,
    SubnetSpec,
    cidr_text,
    default_specs,
    new_bits,
    parse_cidr,
    slots,
)

_ADDRESS_BITS = 32
#: The order in which kinds are placed, each with the widest block it gets by default.
_DEFAULT_MASKS = {PRIVATE: 19, PUBLIC: 20, ISOLATED: 24}


class _Block(NamedTuple):
    """A range by any of its addresses, as awsx carries it along."""

    address: int
    mask: int

    @property
    def size(self) -> int:
        return 1 << _ADDRESS_BITS - self.mask

    @property
    def start(self) -> int:
        return self.address // self.size * self.size

    @property
    def end(self) -> int:
        return self.start + self.size - 1

    def overlaps(self, other: _Block) -> bool:
        return self.start <= other.end and other.start <= self.end

    def part(self, bits: int, number: int) -> _Block:
        """The ``number``-th block with ``bits`` more bits of mask, counted from this one's address."""
        mask = self.mask + bits
        if mask > _ADDRESS_BITS:
            raise ArgumentError(
                "subnetSpecs",
                f"Requested {bits} new bits, but only {_ADDRESS_BITS - self.mask} are available",
            )
        return _Block(self.address + number * (1 << _ADDRESS_BITS - mask), mask)

    def following(self, mask: int) -> _Block:
        """The first aligned block of that mask after this one."""
        return _Block(_Block(self.end, mask).end + 1, mask)

    @property
    def cidr(self) -> str:
        return cidr_text(self.address, self.mask)


def place(vpc: str, cidr: str, zone_count: int, specs: Sequence[SubnetSpec] | None) -> list[tuple[Slot, str]]:
    """Every subnet and its block. ArgumentError if a mask asks for more bits than there are."""
    network = parse_cidr(cidr)
    whole = _Block(int(network.network_address), network.prefixlen)
    zones = [whole.part(new_bits(zone_count), number) for number in range(zone_count)]
    if specs is None:
        return _default_subnets(vpc, zones)
    ordered = [spec for kind in _DEFAULT_MASKS for spec in specs if spec.type == kind]
    # A spec that is alone may use the whole zone; even an Unused one keeps it from being alone.
    spare_bits = 0 if len(specs) == 1 else 1
    blocks = [block for zone in zones for block in _place_in_zone(zone, ordered, spare_bits)]
    return [(slot, block.cidr) for slot, block in zip(slots(vpc, zone_count, ordered), blocks, strict=True)]


def _place_in_zone(zone: _Block, ordered: Sequence[SubnetSpec], spare_bits: int) -> list[_Block]:
    placed: list[_Block] = []
    base, kind, number = zone, None, 0
    current = _Block(zone.start - 1, _ADDRESS_BITS)
    for spec in ordered:
        if spec.type != kind:
            kind, number = spec.type, 0
            # Each kind starts after the last block of the kinds before it.
            base = placed[-1].part(0, 1) if placed else zone
        mask = spec.cidr_mask
        if mask is None:
            mask = max(zone.mask + spare_bits, _DEFAULT_MASKS[spec.type])
        block = base.part(mask - base.mask, number)
        if current.overlaps(block):
            block = current.following(mask)
        placed.append(block)
        current = block
        number += 1
    return placed


def _default_subnets(vpc: str, zones: Sequence[_Block]) -> list[tuple[Slot, str]]:
    """Half of each zone private, the next quarter public; all private subnets first."""
    private, public = default_specs()
    halves = [zone.part(1, 0) for zone in zones]
    quarters = [half.part(0, 1).part(1, 0) for half in halves]
    return [
        (slot, block.cidr)
        for spec, blocks in ((private, halves), (public, quarters))
        for slot, block in zip(slots(vpc, len(zones), (spec,)), blocks, strict=True)
    ]
