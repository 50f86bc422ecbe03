"""CIDR arithmetic. Expected values: recordings of awsx, the cases of awsx's own unit tests, and AWS's rules."""

from __future__ import annotations

from ipaddress import IPv4Network
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecs_stack.local.providers.awsx import legacy_subnets, subnets
from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import ISOLATED, PRIVATE, PUBLIC, UNUSED, SubnetSpec

VPC_MASKS = st.integers(16, 24)
ZONES = st.integers(1, 6)
TYPES = st.sampled_from([PUBLIC, PRIVATE, ISOLATED])


@st.composite
def vpcs(draw: st.DrawFn) -> IPv4Network:
    mask = draw(VPC_MASKS)
    return IPv4Network((draw(st.integers(0, 2**mask - 1)) << 32 - mask, mask))


@st.composite
def spec_lists(draw: st.DrawFn) -> tuple[SubnetSpec, ...]:
    masks = draw(st.lists(st.none() | st.integers(17, 28), min_size=1, max_size=6))
    return tuple(SubnetSpec(type=draw(TYPES), name=f"s{index}", cidr_mask=mask) for index, mask in enumerate(masks))


def placed(vpc: IPv4Network, zones: int, specs: tuple[SubnetSpec, ...] | None):
    blocks = subnets.divide(str(vpc), zones, specs, None)
    return list(zip(subnets.slots("v", zones, specs or subnets.default_specs()), blocks, strict=True))


@given(vpcs(), ZONES, spec_lists())
def test_what_is_accepted_lies_in_the_vpc_and_nothing_overlaps(vpc, zones, specs) -> None:
    try:
        result = placed(vpc, zones, specs)
        subnets.check_blocks(result, str(vpc))
    except ArgumentError:
        assume(False)
    networks = [IPv4Network(block) for _, block in result]  # strict: aligned to their own masks
    assert all(network.subnet_of(vpc) for network in networks)
    in_order = sorted(networks, key=lambda n: n.network_address)
    assert all(a.broadcast_address < b.network_address for a, b in pairwise(in_order))


@given(vpcs(), ZONES, st.lists(TYPES, min_size=1, max_size=5))
def test_specs_without_masks_always_fit(vpc, zones, types) -> None:
    specs = tuple(SubnetSpec(type=kind, name=f"s{index}") for index, kind in enumerate(types))
    assume(vpc.prefixlen + subnets.new_bits(zones) + subnets.new_bits(len(specs)) <= 32)
    subnets.check_blocks(placed(vpc, zones, specs), str(vpc))


@given(vpcs(), ZONES)
def test_default_layout_is_the_same_under_auto_and_legacy(vpc, zones) -> None:
    assume(16 <= vpc.prefixlen + subnets.new_bits(zones) <= 26)
    auto = {(slot.name, block) for slot, block in placed(vpc, zones, None)}
    legacy = {(slot.name, block) for slot, block in legacy_subnets.place("v", str(vpc), zones, None)}
    assert auto == legacy


@given(vpcs(), ZONES, spec_lists())
def test_legacy_never_overlaps_unnoticed(vpc, zones, specs) -> None:
    try:
        result = legacy_subnets.place("v", str(vpc), zones, specs)
        subnets.check_blocks(result, str(vpc))
    except ArgumentError:
        return
    networks = [IPv4Network(block, strict=False) for _, block in result]
    assert sum(n.num_addresses for n in networks) <= vpc.num_addresses
    assert sorted(slot.name for slot, _ in result) == sorted(s.name for s in subnets.slots("v", zones, specs))


@given(st.integers(2, 28), st.data())
def test_gaps_are_filled_exactly(mask, data) -> None:
    first = IPv4Network((0x0A000000 & (0xFFFFFFFF << 32 - mask), mask))
    start = data.draw(st.integers(int(first.broadcast_address) + 1, min(2**32 - 1, 0x0AFFFFFF + first.num_addresses)))
    second = IPv4Network((start, 32))
    described = subnets.placed_layout(
        [(slot, str(n)) for slot, n in zip(subnets.slots("v", 1, _two()), (first, second), strict=True)], 1
    )
    gaps = [1 << 32 - each["cidrMask"] for each in described[1:-1]]
    assert {each["type"] for each in described[1:-1]} <= {UNUSED}
    assert sum(gaps) == start - int(first.broadcast_address) - 1


def _two() -> tuple[SubnetSpec, ...]:
    return SubnetSpec(type=PRIVATE), SubnetSpec(type=PUBLIC)


@pytest.mark.parametrize(("count", "bits"), [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (8, 3), (9, 4)])
def test_new_bits(count: int, bits: int) -> None:
    assert subnets.new_bits(count) == bits


def test_a_larger_spec_after_a_smaller_one_is_aligned() -> None:
    specs = (SubnetSpec(type=PUBLIC, cidr_mask=24), SubnetSpec(type=PRIVATE, cidr_mask=22))
    assert subnets.divide("10.20.0.0/16", 2, specs, None) == [
        "10.20.0.0/24",
        "10.20.4.0/22",
        "10.20.128.0/24",
        "10.20.132.0/22",
    ]


def test_zone_mask_moves_the_zones() -> None:
    specs = (SubnetSpec(type=PUBLIC),)
    assert subnets.divide("10.0.0.0/16", 2, specs, 19) == ["10.0.0.0/19", "10.0.32.0/19"]


@pytest.mark.parametrize("mask", range(16, 27))
def test_default_layout_of_one_zone(mask: int) -> None:
    assert [block.split("/")[1] for block in subnets.divide(f"10.0.0.0/{mask}", 1, None, None)] == [
        str(mask + 1),
        str(mask + 2),
    ]


def _error(call) -> ArgumentError:
    with pytest.raises(ArgumentError) as caught:
        call()
    return caught.value


def test_too_small_for_defaults() -> None:
    error = _error(lambda: subnets.divide("10.0.0.0/27", 1, None, None))
    assert error.path == "cidrBlock"
    assert "at least /26 available per AZ, but only /27" in error.reason


def test_specs_larger_than_a_zone() -> None:
    specs = (SubnetSpec(type=PUBLIC, cidr_mask=17), SubnetSpec(type=PRIVATE, cidr_mask=18))
    error = _error(lambda: subnets.divide("10.0.0.0/16", 2, specs, None))
    assert "32768 addresses (/17), but subnets require 49152" in error.reason


def test_more_specs_than_addresses() -> None:
    specs = tuple(SubnetSpec(type=PUBLIC, name=str(i)) for i in range(4))
    assert "don't fit in 10.0.0.0/31" in _error(lambda: subnets.divide("10.0.0.0/31", 1, specs, None)).reason


def test_no_specs() -> None:
    assert _error(lambda: subnets.divide("10.0.0.0/16", 1, (), None)).reason == "No subnets specified"


def test_padding_that_pushes_a_subnet_out_of_the_vpc_is_refused() -> None:
    specs = tuple(SubnetSpec(type=PUBLIC, name=f"s{i}", cidr_mask=m) for i, m in enumerate((26, 25, 26)))
    error = _error(lambda: subnets.check_blocks(placed(IPv4Network("10.0.0.0/24"), 1, specs), "10.0.0.0/24"))
    assert error.reason == "Subnets lie outside the VPC (10.0.0.0/24): v-s2-1: 10.0.1.0/26"


def test_overlaps_name_both_subnets() -> None:
    specs = (
        SubnetSpec(type=PUBLIC, cidr_blocks=("10.0.0.0/20",)),
        SubnetSpec(type=PRIVATE, cidr_blocks=("10.0.8.0/24",)),
    )
    pairs = list(zip(subnets.slots("v", 1, specs), subnets.explicit_blocks(1, specs), strict=True))
    reason = _error(lambda: subnets.check_blocks(pairs, "10.0.0.0/16")).reason
    assert "overlap" in reason
    assert reason.endswith("v-public-1: 10.0.0.0/20, v-private-1: 10.0.8.0/24")


@pytest.mark.parametrize(
    ("blocks", "gap"),
    [
        (("10.0.128.0/17",), "the beginning of the VPC (10.0.0.0/16) <=> v-s0-1 (10.0.128.0/17)"),
        (("10.0.0.0/18", "10.0.128.0/17"), "v-s0-1 (10.0.0.0/18) <=> v-s1-1 (10.0.128.0/17)"),
        (("10.0.0.0/17",), "v-s0-1 (10.0.0.0/17) ends before VPC ends (at 10.0.255.255)"),
        ((), "the beginning of the VPC (10.0.0.0/16) ends before VPC ends (at 10.0.255.255)"),
    ],
)
def test_exact_refuses_gaps(blocks: tuple[str, ...], gap: str) -> None:
    specs = tuple(SubnetSpec(type=PUBLIC, name=f"s{i}") for i in range(len(blocks)))
    pairs = list(zip(subnets.slots("v", 1, specs), blocks, strict=True))
    assert _error(lambda: subnets.check_no_gaps(pairs, "10.0.0.0/16")).reason.endswith(gap)


def test_exact_accepts_a_full_vpc() -> None:
    specs = (SubnetSpec(type=PUBLIC), SubnetSpec(type=UNUSED))
    pairs = list(zip(subnets.slots("v", 1, specs), ("10.0.0.0/17", "10.0.128.0/17"), strict=True))
    subnets.check_no_gaps(pairs, "10.0.0.0/16")


@pytest.mark.parametrize(
    ("given_spec", "mask", "size"),
    [
        ({"size": 1024}, 22, 1024),
        ({"cidr_mask": 23}, 23, 512),
        ({"cidr_mask": 24, "size": 256}, 24, 256),
        ({}, None, None),
        ({"cidr_mask": 32}, 32, None),
    ],
)
def test_mask_and_size_follow_from_each_other(given_spec, mask, size) -> None:
    (spec,) = subnets.normalize((SubnetSpec(type=PUBLIC, **given_spec),), 1)
    assert (spec.cidr_mask, spec.size) == (mask, size)


@pytest.mark.parametrize(
    ("specs", "problem"),
    [
        ([{"size": 100}], "subnetSpecs[0].size is 100, which is no valid subnet size"),
        ([{"size": 2}], "no valid subnet size"),
        (
            [{"size": 4096, "cidr_mask": 21}],
            "Subnet size 4096 does not match the expected size for a /21 subnet (2048)",
        ),
        ([{}, {}], "Multiple subnet specs of type Public require unique names"),
        ([{"name": "a"}, {"name": "a"}], "Multiple subnet specs of type Public require unique names"),
        ([{"cidr_blocks": ("10.0.0.0/16",)}], "must match the number of availability zones (2)"),
        (
            [{"cidr_blocks": ("10.0.0.0/17", "10.0.128.0/17")}, {"name": "b"}],
            "all subnets must have explicit cidrBlocks",
        ),
        (
            [{"cidr_blocks": ("10.0.0.0/17", "10.0.128.0/17"), "cidr_mask": 18}],
            "The cidrMask in subnetSpecs[0] must match all cidrBlocks",
        ),
        (
            [{"cidr_blocks": ("10.0.0.0/17", "10.0.128.0/17"), "size": 256}],
            "The size in subnetSpecs[0] must match all cidrBlocks",
        ),
    ],
)
def test_specs_that_contradict_themselves(specs, problem) -> None:
    error = _error(lambda: subnets.normalize([SubnetSpec(type=PUBLIC, **spec) for spec in specs], 2))
    assert error.path == "subnetSpecs"
    assert problem in error.reason


def test_every_problem_is_told() -> None:
    specs = [SubnetSpec(type=PUBLIC, size=100), SubnetSpec(type=PUBLIC, size=50)]
    reason = _error(lambda: subnets.normalize(specs, 1)).reason
    assert "unique names" in reason
    assert "size is 100" in reason
    assert "size is 50" in reason


def test_a_block_that_is_no_range() -> None:
    specs = [SubnetSpec(type=PUBLIC, cidr_blocks=("10.0.0/16",))]
    error = _error(lambda: subnets.normalize(specs, 1))
    assert error.path == "subnetSpecs[0].cidrBlocks"
    assert "is not an IPv4 CIDR block" in error.reason


# awsx's own expectations for Legacy (subnetDistributorLegacy.test.ts and the schema's description)
@pytest.mark.parametrize(
    ("cidr", "zones", "specs", "expected"),
    [
        (
            "10.0.0.0/16",
            1,
            [(PUBLIC, None), (PRIVATE, None), (ISOLATED, None)],
            {"private-1": "10.0.0.0/19", "public-1": "10.0.32.0/20", "isolated-1": "10.0.48.0/24"},
        ),
        ("10.0.0.0/24", 1, [(PUBLIC, None)], {"public-1": "10.0.0.0/24"}),
        (
            "10.0.0.0/16",
            2,
            [(PRIVATE, 20), (PUBLIC, 18)],
            {
                "private-1": "10.0.0.0/20",
                "public-1": "10.0.64.0/18",
                "private-2": "10.0.128.0/20",
                "public-2": "10.0.192.0/18",
            },
        ),
    ],
)
def test_legacy(cidr, zones, specs, expected) -> None:
    given_specs = [SubnetSpec(type=kind, cidr_mask=mask) for kind, mask in specs]
    result = legacy_subnets.place("v", cidr, zones, given_specs)
    assert {slot.name.removeprefix("v-"): block for slot, block in result} == expected


def test_legacy_places_several_of_a_type_after_each_other() -> None:
    specs = [SubnetSpec(type=PUBLIC, name=name, cidr_mask=24) for name in ("a", "b")]
    assert [block for _, block in legacy_subnets.place("v", "10.0.0.0/16", 1, specs)] == [
        "10.0.0.0/24",
        "10.0.1.0/24",
    ]


def test_legacy_without_room() -> None:
    error = _error(lambda: legacy_subnets.place("v", "10.0.0.0/32", 2, None))
    assert error.reason == "Requested 1 new bits, but only 0 are available"


@pytest.mark.parametrize(
    ("zones", "suffixes"),
    [
        (["us-east-1a", "us-east-1b"], ["1a", "1b"]),
        (["us-gov-west-1a"], ["1a"]),
        (["us-west-2-lax-1a"], ["2-lax-1a"]),
        (["zone"], ["zone"]),
    ],
)
def test_zone_suffixes(zones, suffixes) -> None:
    assert subnets.zone_suffixes(zones) == suffixes


def test_zone_suffixes_that_collide() -> None:
    error = _error(lambda: subnets.zone_suffixes(["us-east-1a", "us-west-1a"]))
    assert error.path == "subnetNameTagStrategy"
    assert "us-east-1a and us-west-1a both reduce to 1a" in error.reason


def test_ipv6_blocks() -> None:
    assert subnets.ipv6_block("2600:1f13:fe4:a700::/56", 0) == "2600:1f13:fe4:a700::/64"
    assert subnets.ipv6_block("2600:1f13:fe4:a700::/56", 255) == "2600:1f13:fe4:a7ff::/64"


@pytest.mark.parametrize(("cidr", "index"), [("2600:1f13:fe4:a700::/48", 0), ("2600::/56", 0), ("x", 0)])
def test_ipv6_blocks_of_another_size(cidr: str, index: int) -> None:
    assert _error(lambda: subnets.ipv6_block(cidr, index)).path == "ipv6CidrBlock"


def test_ipv6_blocks_run_out() -> None:
    assert "256" in _error(lambda: subnets.ipv6_block("2600:1f13:fe4:a700::/56", 256)).reason
