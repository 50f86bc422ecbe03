"""What the component accepts, and how it says no."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import pulumi
import pulumi_awsx as awsx
import pytest
from pulumi.output import Unknown

from ecs_stack.local.providers.awsx import arguments, layout
from ecs_stack.local.providers.awsx.arguments import NatGateways, VpcArgs, VpcEndpointSpec
from ecs_stack.local.providers.awsx.errors import ArgumentError
from ecs_stack.local.providers.awsx.subnets import SUBNET_TYPES, SubnetSpec


@pytest.mark.parametrize(
    ("ours", "sdk"),
    [
        (VpcArgs, awsx.ec2.VpcArgs),
        (NatGateways, awsx.ec2.NatGatewayConfigurationArgs),
        (SubnetSpec, awsx.ec2.SubnetSpecArgs),
        (VpcEndpointSpec, awsx.ec2.VpcEndpointSpecArgs),
    ],
)
def test_arguments_are_those_of_the_sdk(ours: type, sdk: type) -> None:
    theirs = {name for name, member in vars(sdk).items() if isinstance(member, property)}
    assert {field.name for field in fields(ours)} == theirs


def test_choices_are_those_of_the_sdk() -> None:
    assert set(SUBNET_TYPES) == {kind.value for kind in awsx.ec2.SubnetType}


def test_names_on_the_wire_are_those_of_the_sdk() -> None:
    translations = pulumi._types.input_type_py_to_pulumi_names(awsx.ec2.VpcArgs)
    assert {arguments.wire_name(f.name) for f in fields(VpcArgs)} == set(translations.values())


def test_parse() -> None:
    args = arguments.parse(
        {
            "cidrBlock": "10.0.0.0/16",
            "numberOfAvailabilityZones": 2.0,
            "natGateways": {"strategy": "Single", "elasticIpAllocationIds": ["eipalloc-1"]},
            "subnetSpecs": [{"type": "Public", "cidrMask": 24.0, "tags": {"a": "b"}}],
            "vpcEndpointSpecs": [{"serviceName": "com.amazonaws.eu-west-1.s3"}],
            "enableDnsSupport": None,
        }
    )
    assert args == VpcArgs(
        cidr_block="10.0.0.0/16",
        number_of_availability_zones=2,
        nat_gateways=NatGateways(strategy="Single", elastic_ip_allocation_ids=("eipalloc-1",)),
        subnet_specs=(SubnetSpec(type="Public", cidr_mask=24, tags={"a": "b"}),),
        vpc_endpoint_specs=(VpcEndpointSpec(service_name="com.amazonaws.eu-west-1.s3"),),
    )


@pytest.mark.parametrize(
    ("inputs", "path", "reason"),
    [
        ({"cidrBlok": "10.0.0.0/16"}, "cidrBlok", "unknown argument: did you mean cidrBlock?"),
        ({"zzz": 1}, "zzz", "unknown argument: known: assignGeneratedIpv6CidrBlock, "),
        ({"cidrBlock": 10.0}, "cidrBlock", "must be a string, not 10.0"),
        ({"numberOfAvailabilityZones": 0}, "numberOfAvailabilityZones", "must be between 1 and 26, not 0"),
        ({"numberOfAvailabilityZones": 1.5}, "numberOfAvailabilityZones", "must be a whole number, not 1.5"),
        ({"numberOfAvailabilityZones": True}, "numberOfAvailabilityZones", "must be a whole number"),
        ({"availabilityZoneCidrMask": 33}, "availabilityZoneCidrMask", "must be between 0 and 32, not 33"),
        ({"availabilityZoneNames": "eu-west-1a"}, "availabilityZoneNames", "must be a list"),
        ({"availabilityZoneNames": []}, "availabilityZoneNames", "names no zone"),
        ({"availabilityZoneNames": ["a", "a"]}, "availabilityZoneNames", "a zone is named twice"),
        ({"availabilityZoneNames": ["a", 1]}, "availabilityZoneNames[1]", "must be a string, not 1"),
        ({"natGateways": {}}, "natGateways.strategy", "is required"),
        ({"natGateways": "Single"}, "natGateways", "must be an object"),
        (
            {"natGateways": {"strategy": "single"}},
            "natGateways.strategy",
            "unknown value 'single': did you mean Single?",
        ),
        (
            {"subnetStrategy": "AutoMerge"},
            "subnetStrategy",
            "the local target doesn't support AutoMerge; it supports Legacy, Auto, Exact",
        ),
        ({"subnetStrategy": "Even"}, "subnetStrategy", "unknown value 'Even': "),
        ({"subnetSpecs": [{"name": "a"}]}, "subnetSpecs[0].type", "is required"),
        ({"subnetSpecs": [{"type": "Public", "mask": 1}]}, "subnetSpecs[0].mask", "unknown argument: "),
        (
            {"subnetSpecs": [{"type": "Public", "assignIpv6AddressOnCreation": "yes"}]},
            "subnetSpecs[0].assignIpv6AddressOnCreation",
            "must be true or false, not 'yes'",
        ),
        ({"vpcEndpointSpecs": [{}]}, "vpcEndpointSpecs[0].serviceName", "is required"),
        (
            {"availabilityZoneNames": ["a"], "numberOfAvailabilityZones": 1},
            "availabilityZoneNames",
            "only one of availabilityZoneNames and numberOfAvailabilityZones can be specified",
        ),
        (
            {"ipv4IpamPoolId": "p", "cidrBlock": "10.0.0.0/16", "ipv4NetmaskLength": 16},
            "cidrBlock",
            "only one of cidrBlock, ipv4NetmaskLength is allowed",
        ),
        ({"ipv4IpamPoolId": "p"}, "ipv4IpamPoolId", "must also be specified"),
    ],
)
def test_refusals(inputs: dict[str, Any], path: str, reason: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        arguments.parse(inputs)
    assert caught.value.path == path
    assert reason in caught.value.reason


def test_an_unknown_value_where_a_plain_one_is_needed() -> None:
    with pytest.raises(ArgumentError, match=r"cidrBlock: must be a plain value"):
        arguments.parse({"cidrBlock": Unknown()})


@pulumi.runtime.test
async def test_an_output_where_a_plain_one_is_needed() -> None:
    secret = pulumi.Output.secret("10.0.0.0/16")
    with pytest.raises(ArgumentError, match=r"cidrBlock: must be a plain value"):
        arguments.parse({"cidrBlock": secret})


def _plan(**inputs: Any) -> layout.Layout:
    args = arguments.parse({"natGateways": {"strategy": "None"}, **inputs})
    return layout.plan("v", args, 2, layout.vpc_cidr(args) or "")


def test_layout_of_explicit_blocks() -> None:
    planned = _plan(
        subnetStrategy="Auto",
        subnetSpecs=[{"type": "Public", "name": "web", "cidrBlocks": ["10.0.0.0/24", "10.0.1.0/24"]}],
    )
    assert [(slot.name, block) for slot, block in planned.placed] == [
        ("v-web-1", "10.0.0.0/24"),
        ("v-web-2", "10.0.1.0/24"),
    ]
    assert planned.described == [{"name": "web", "type": "Public", "cidrBlocks": ["10.0.0.0/24", "10.0.1.0/24"]}]


def test_layout_of_exact() -> None:
    planned = _plan(
        subnetStrategy="Exact",
        subnetSpecs=[{"type": "Public", "cidrMask": 18}, {"type": "Unused", "cidrMask": 18}],
    )
    assert [block for _, block in planned.placed] == [
        "10.0.0.0/18",
        "10.0.64.0/18",
        "10.0.128.0/18",
        "10.0.192.0/18",
    ]
    assert [slot.name for slot, _ in layout.creation_order(planned.placed, 0)] == ["v-public-1"]


def test_exact_names_gaps() -> None:
    with pytest.raises(ArgumentError, match=r"v-public-1 .* <=> v-public-2"):
        _plan(subnetStrategy="Exact", subnetSpecs=[{"type": "Public", "cidrMask": 18}])


def test_layout_of_legacy_tells_the_gaps() -> None:
    planned = _plan(
        subnetSpecs=[
            {"type": "Public", "name": "a", "cidrMask": 24},
            {"type": "Public", "name": "b", "cidrMask": 20},
        ]
    )
    assert planned.described == [
        {"type": "Public", "cidrMask": 24},
        {"type": "Unused", "cidrMask": 24},
        {"type": "Unused", "cidrMask": 23},
        {"type": "Unused", "cidrMask": 22},
        {"type": "Unused", "cidrMask": 21},
        {"type": "Public", "cidrMask": 20},
    ]


@pytest.mark.parametrize("strategy", ["Single", "OnePerAz"])
@pytest.mark.parametrize("types", [["Public"], ["Private"], ["Private", "Isolated"]])
def test_nat_gateways_need_public_and_other_subnets(strategy: str, types: list[str]) -> None:
    with pytest.raises(ArgumentError, match=f"If NAT Gateway strategy is '{strategy}', public subnets"):
        _plan(
            subnetStrategy="Auto",
            natGateways={"strategy": strategy},
            subnetSpecs=[{"type": kind} for kind in types],
        )


@pytest.mark.parametrize(
    ("strategy", "count", "reason"),
    [
        ("None", 1, "cannot be specified when NAT Gateway strategy is 'None'"),
        ("Single", 2, "Exactly one Elastic IP may be specified"),
        ("OnePerAz", 1, "must match the number of availability zones for the VPC \\(2\\)"),
    ],
)
def test_elastic_ips_match_the_strategy(strategy: str, count: int, reason: str) -> None:
    args = arguments.parse({"natGateways": {"strategy": strategy, "elasticIpAllocationIds": ["eipalloc-1"] * count}})
    with pytest.raises(ArgumentError, match=reason):
        layout.check_elastic_ips(args, 2)


def test_nearest() -> None:
    assert arguments.nearest("awsx:ec2:vpc", ["awsx:ec2:Vpc"]) == "did you mean awsx:ec2:Vpc?"
    assert arguments.nearest("x", ["b", "a"]) == "known: a, b"
