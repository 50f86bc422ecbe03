"""CIDR blocks: what a VPC takes, and whether its subnets fit.

The arithmetic is that of awsx.ec2.Vpc's ``Auto`` strategy: the block is halved until there is a part for each
zone; one half of that is the private subnet, a half of the other the public one.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence

#: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-cidr-blocks.html
LARGEST_VPC = 16
#: A load balancer's subnet has to be /27 or larger.
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
SMALLEST_SUBNET = 27

#: This host, loopback, link-local, multicast and the rest above it.
#: https://www.iana.org/assignments/iana-ipv4-special-registry/iana-ipv4-special-registry.xhtml
_RESERVED = tuple(
    ipaddress.IPv4Network(block) for block in ("0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3")
)


def public_prefix(vpc_prefix: int, zones: int) -> int:
    """The prefix length of the public subnets, which are the smaller ones."""
    return vpc_prefix + math.ceil(math.log2(zones)) + 2


def cidr_problem(cidr: str) -> str | None:
    """What is wrong with an IPv4 block as text, and what would be right; None if nothing is."""
    try:
        block = ipaddress.IPv4Network(cidr, strict=False)
    except ValueError:
        return f"'{cidr}' isn't an IPv4 CIDR block. Write one like 10.20.0.0/16."
    if "/" not in cidr:
        return f"'{cidr}' has no prefix length. For this one address: {cidr}/32."
    if str(block) != cidr:
        return f"'{cidr}' is an address inside a block. The block is {block}."
    return None


def overlaps(blocks: Sequence[str]) -> list[tuple[int, str]]:
    """Which of several blocks lie inside an other one or are the same: the place of each and what is wrong with it.

    Blocks that are no blocks are left out.
    """
    networks = {i: ipaddress.IPv4Network(block) for i, block in enumerate(blocks) if cidr_problem(block) is None}
    found = []
    for place, block in networks.items():
        for other, wider in networks.items():
            if place == other or not block.subnet_of(wider):
                continue
            if block != wider:
                found.append((place, f"{block} is inside {wider}: keep one"))
                break
            if other < place:
                found.append((place, f"'{block}' is here twice"))
                break
    return found


def vpc_cidr_problem(cidr: str, zones: int) -> str | None:
    """What is wrong with a VPC's block for that many zones; None if nothing is."""
    problem = cidr_problem(cidr)
    if problem:
        return problem
    block = ipaddress.IPv4Network(cidr)
    if kept := next((kept for kept in _RESERVED if block.overlaps(kept)), None):
        return f"{cidr} overlaps {kept}, which isn't for networks. Write one like 10.20.0.0/16."
    prefix = block.prefixlen
    smallest = SMALLEST_SUBNET - public_prefix(0, zones)
    if prefix < LARGEST_VPC:
        return f"{cidr} is larger than a VPC can be. Write a /{LARGEST_VPC} to /{smallest}."
    if public_prefix(prefix, zones) > SMALLEST_SUBNET:
        return (
            f"{cidr} is too small: the public subnets of {zones} zones would be "
            f"/{public_prefix(prefix, zones)}, and a load balancer needs /{SMALLEST_SUBNET}. "
            f"Write a /{LARGEST_VPC} to /{smallest}."
        )
    return None
