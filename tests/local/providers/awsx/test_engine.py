"""The component under the real engine: previews, options, errors, and several stacks at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws
import pulumi_awsx as awsx
import pytest
from pulumi import automation as auto

from . import engine
from .echo_aws import EchoAws

pytestmark = pytest.mark.engine

VPC = ("aws:ec2/vpc:Vpc", "net")
TWO_ZONES: dict[str, Any] = {
    "number_of_availability_zones": 2,
    "nat_gateways": {"strategy": "Single"},
    "subnet_strategy": "Auto",
}


def test_preview_then_up_then_nothing_to_change_then_nothing_left(tmp_path: Path) -> None:
    def program() -> None:
        network = awsx.ec2.Vpc("net", **TWO_ZONES)
        pulumi.export("private", network.private_subnet_ids)
        pulumi.export("zone", network.subnets.apply(lambda subnets: subnets[0].urn))

    with engine.providers() as providers:
        stack = engine.stack(tmp_path, program, providers.attach)
        # The stack, the component and its 20 children.
        assert stack.preview().change_summary == {auto.OpType.CREATE: 22}
        assert providers.aws.created == []

        receipt = stack.up()
        assert receipt.outputs["private"].value == ["subnet-net-private-1", "subnet-net-private-2"]
        assert stack.preview().change_summary.keys() == {auto.OpType.SAME}

        stack.destroy()
        assert sorted(providers.aws.deleted) == sorted(providers.aws.created)
        assert engine.resources(stack) == {}


def test_options_are_honoured(tmp_path: Path) -> None:
    def name_owner(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != VPC[0]:
            return None
        return pulumi.ResourceTransformResult(
            props={**args.props, "tags": {**args.props["tags"], "owner": "us"}}, opts=args.opts
        )

    def program() -> None:
        provider = aws.Provider("ours", region="eu-west-1")
        parent = pulumi.ComponentResource("my:own:Network", "mine")
        first = aws.ec2.SecurityGroup("first", opts=pulumi.ResourceOptions(provider=provider))
        awsx.ec2.Vpc(
            "net",
            **TWO_ZONES,
            opts=pulumi.ResourceOptions(
                aliases=[pulumi.Alias(parent=parent)] if moved else None,
                depends_on=[first],
                parent=None if moved else parent,
                protect=True,
                providers={"aws": provider},
                transforms=[name_owner],
            ),
        )

    moved = False
    with engine.providers() as providers:
        stack = engine.stack(tmp_path, program, providers.attach)
        stack.up()
        made = engine.resources(stack)
        moved = True
        after_move = stack.preview().change_summary

    assert after_move.keys() == {auto.OpType.SAME}
    component = made["awsx:ec2:Vpc", "net"]
    assert component["parent"] == ("my:own:Network", "mine")
    assert component["dependencies"] == {("aws:ec2/securityGroup:SecurityGroup", "first")}
    children = {key: each for key, each in made.items() if key[0].startswith("aws:") and key[1] != "first"}
    assert len(children) == 20
    assert all("pulumi:providers:aws::ours::" in each["provider"] for each in children.values())
    assert all(each["protect"] for each in children.values())
    assert made[VPC]["inputs"]["tags"] == {"Name": "net", "owner": "us"}


def test_outputs_and_secrets_as_arguments(tmp_path: Path) -> None:
    def program() -> None:
        addresses = [aws.ec2.Eip(f"out-{zone}") for zone in (1, 2)]
        awsx.ec2.Vpc(
            "net",
            availability_zone_names=["eu-west-1b", "eu-west-1c"],
            cidr_block="10.9.0.0/16",
            enable_network_address_usage_metrics=True,
            instance_tenancy="default",
            nat_gateways={
                "strategy": "OnePerAz",
                "elastic_ip_allocation_ids": [address.allocation_id for address in addresses],
            },
            region="eu-west-1",
            subnet_name_tag_strategy="AvailabilityZone",
            subnet_specs=[
                {"type": "Public", "name": "web", "size": 256, "tags": {"role": "elb"}},
                {"type": "Private", "cidr_mask": 20},
            ],
            subnet_strategy="Auto",
            tags={"id": addresses[0].allocation_id, "key": pulumi.Output.secret("hidden")},
        )

    with engine.providers() as providers:
        stack = engine.stack(tmp_path, program, providers.attach)
        assert stack.preview().change_summary[auto.OpType.CREATE] == 24
        stack.up()
        made = engine.resources(stack)

    assert providers.aws.invokes == []
    state = tmp_path / "state" / ".pulumi" / "stacks" / engine.PROJECT / f"{engine.STACK}.json"
    assert "eip-out-1" in state.read_text()
    assert "hidden" not in state.read_text()
    assert (
        made[VPC]["inputs"].items()
        >= {
            "cidrBlock": "10.9.0.0/16",
            "enableNetworkAddressUsageMetrics": True,
            "instanceTenancy": "default",
            "region": "eu-west-1",
        }.items()
    )
    subnet = made["aws:ec2/subnet:Subnet", "net-web-2"]["inputs"]
    assert subnet["availabilityZone"] == "eu-west-1c"
    assert subnet["cidrBlock"] == "10.9.128.0/24"
    assert subnet["tags"].items() >= {"Name": "net-web-1c", "role": "elb", "id": "eip-out-1"}.items()
    table = made["aws:ec2/routeTable:RouteTable", "net-web-2"]["inputs"]["tags"]
    assert table["Name"] == "net-web-1c"
    assert "role" not in table
    gateway = made["aws:ec2/natGateway:NatGateway", "net-2"]
    assert gateway["inputs"]["allocationId"] == "eip-out-2"
    assert gateway["dependencies"] >= {("aws:ec2/eip:Eip", "out-2")}
    assert ("aws:ec2/eip:Eip", "net-1") not in made


def test_ranges_that_only_aws_knows(tmp_path: Path) -> None:
    def program() -> None:
        network = awsx.ec2.Vpc(
            "net",
            **TWO_ZONES,
            assign_generated_ipv6_cidr_block=True,
            ipv4_ipam_pool_id="ipam-pool-1",
            ipv4_netmask_length=16,
        )
        pulumi.export("layout", network.subnet_layout)

    with engine.providers() as providers:
        stack = engine.stack(tmp_path, program, providers.attach)
        stack.preview()
        layout = stack.up().outputs["layout"].value
        made = engine.resources(stack)

    subnets = {name: each["inputs"] for (kind, name), each in made.items() if kind.endswith(":Subnet")}
    assert {name: (each["cidrBlock"], each["ipv6CidrBlock"]) for name, each in subnets.items()} == {
        "net-public-1": ("10.64.64.0/19", "2600:1f13:fe4:a700::/64"),
        "net-public-2": ("10.64.192.0/19", "2600:1f13:fe4:a701::/64"),
        "net-private-1": ("10.64.0.0/18", "2600:1f13:fe4:a702::/64"),
        "net-private-2": ("10.64.128.0/18", "2600:1f13:fe4:a703::/64"),
    }
    assert all(each["assignIpv6AddressOnCreation"] for each in subnets.values())
    assert [each["type"] for each in layout] == ["Private", "Public"]


class _Component(pulumi.ComponentResource):
    """A component of the package, of any type and with any arguments."""

    def __init__(self, kind: str, name: str, **inputs: Any) -> None:
        super().__init__(kind, name, inputs, None, remote=True)


@pytest.mark.parametrize(
    ("kind", "inputs", "message"),
    [
        (
            "awsx:ec2:Vpc",
            {"numberOfAvailabilityZones": 4},
            "does not have at least 4 Availability Zones (it has us-east-1a, us-east-1b, us-east-1c)",
        ),
        ("awsx:ec2:Vpc", {"cidrBlok": "10.0.0.0/16"}, "unknown argument: did you mean cidrBlock?"),
        ("awsx:ec2:vpc", {}, "has no component awsx:ec2:vpc; did you mean awsx:ec2:Vpc?"),
    ],
)
def test_refusals(kind: str, inputs: dict[str, Any], message: str, tmp_path: Path) -> None:
    with engine.providers() as providers:
        stack = engine.stack(tmp_path, lambda: _Component(kind, "net", **inputs) and None, providers.attach)
        with pytest.raises(auto.CommandError) as caught:
            stack.up()
    assert message in str(caught.value)
    assert providers.aws.created == []


def test_a_child_that_aws_refuses(tmp_path: Path) -> None:
    refusing = EchoAws(failing=frozenset({"subnet-net-private-2"}))
    with engine.providers(refusing) as providers:
        stack = engine.stack(tmp_path, lambda: awsx.ec2.Vpc("net", **TWO_ZONES) and None, providers.attach)
        with pytest.raises(auto.CommandError) as caught:
            stack.up()
        assert "SubnetLimitExceeded: no more subnets" in str(caught.value)
        # Outputs of that child never resolve: what waits for them must end with the engine all the same.
        deadline = time.monotonic() + 10
        while providers.awsx.at_work and time.monotonic() < deadline:
            time.sleep(0.05)
        assert providers.awsx.at_work == 0


def test_four_stacks_at_once_in_one_process(tmp_path: Path) -> None:
    """One server for four engines, beside their inline programs: each has its own names, zones and log."""
    said: dict[int, str] = {}
    failures: list[BaseException] = []

    def run(number: int, attach: str) -> None:
        def program() -> None:
            network = awsx.ec2.Vpc(
                f"net{number}",
                cidr_block=f"10.{number}.0.0/16",
                number_of_availability_zones=1 + number % 3,
                nat_gateways={"strategy": "None"},
                # No strategy: awsx warns, with the layout, in this stack's log.
                subnet_specs=[{"type": "Isolated", "cidr_mask": 20 + number}],
            )
            pulumi.export("stack", pulumi.get_stack())
            pulumi.export("subnets", network.isolated_subnet_ids)

        try:
            stack = engine.stack(tmp_path / str(number), program, attach, f"dev{number}")
            receipt = stack.up()
            said[number] = receipt.stdout
            zones = range(1, 2 + number % 3)
            assert receipt.outputs["stack"].value == f"dev{number}"
            assert receipt.outputs["subnets"].value == [f"subnet-net{number}-isolated-{z}" for z in zones]
            made = engine.resources(stack)
            # The component and its VPC, its gateway; for each zone a subnet, a table and an association.
            assert len(made) == 3 + 3 * len(zones)
            assert made["aws:ec2/vpc:Vpc", f"net{number}"]["inputs"]["cidrBlock"] == f"10.{number}.0.0/16"
        except BaseException as error:
            failures.append(error)

    with engine.providers() as providers:
        threads = [threading.Thread(target=run, args=(number, providers.attach)) for number in range(1, 5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert failures == []
    for number, text in said.items():
        warned = [other for other in range(1, 5) if f'"cidrMask": {20 + other}' in text]
        assert warned == [number]
