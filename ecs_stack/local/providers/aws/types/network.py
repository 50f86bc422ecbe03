"""VPC, internet gateway, subnet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import errors
from ..call import Call
from ..resource import ResourceType, State
from .ec2 import Ec2Type, first, given

#: What still hangs on to a resource for a moment after it was deleted.
_IN_USE = ("DependencyViolation",)


class Vpc(Ec2Type):
    """docs: website/docs/r/vpc.html.markdown"""

    token = "aws:ec2/vpc:Vpc"
    noun = "vpc"
    describe = ("describe_vpcs", "VpcIds", "Vpcs")
    inputs = frozenset(
        {
            "assignGeneratedIpv6CidrBlock",
            "cidrBlock",
            "enableDnsHostnames",
            "enableDnsSupport",
            "enableNetworkAddressUsageMetrics",
            "instanceTenancy",
        }
    )
    outputs = {
        "cidrBlock": "CidrBlock",
        "instanceTenancy": "InstanceTenancy",
        "dhcpOptionsId": "DhcpOptionsId",
        "ownerId": "OwnerId",
    }
    defaults = {"assignGeneratedIpv6CidrBlock": False, "enableDnsSupport": True, "instanceTenancy": "default"}
    replaces = frozenset({"cidrBlock"})
    computed = frozenset({"cidrBlock", "enableDnsHostnames", "enableNetworkAddressUsageMetrics"})

    _ATTRIBUTES: Mapping[str, str] = {
        "enableDnsSupport": "EnableDnsSupport",
        "enableDnsHostnames": "EnableDnsHostnames",
        "enableNetworkAddressUsageMetrics": "EnableNetworkAddressUsageMetrics",
    }

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        if "cidrBlock" not in inputs:
            return [("cidrBlock", "a VPC needs a cidrBlock: there is no IPAM on the local target")]
        return ()

    def replacement(self, path: str, new: Any, inputs: State, state: State) -> bool:
        # A VPC may go from dedicated to default in place, not the other way round.
        return super().replacement(path, new, inputs, state) or (path == "instanceTenancy" and new != "default")

    def create(self, call: Call, inputs: State) -> str:
        client = call.client("ec2")
        answer = client.create_vpc(
            AmazonProvidedIpv6CidrBlock=inputs["assignGeneratedIpv6CidrBlock"],
            **given(inputs, {"cidrBlock": "CidrBlock", "instanceTenancy": "InstanceTenancy"}),
            **self.specification(call),
        )
        vpc_id = call.created = str(answer["Vpc"]["VpcId"])
        call.wait(
            lambda: (self.find(call, vpc_id) or {}).get("State") == "available",
            seconds=60,
            what=f"VPC {vpc_id}",
        )
        # On a new VPC DNS support is on, the rest is off.
        wanted = {k: inputs[k] for k in self._ATTRIBUTES if k in inputs and inputs[k] != (k == "enableDnsSupport")}
        self._modify(call, vpc_id, wanted)
        return vpc_id

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        client = call.client("ec2")
        properties: State = {
            name: client.describe_vpc_attribute(VpcId=resource_id, Attribute=key[:1].lower() + key[1:])[key]["Value"]
            for name, key in self._ATTRIBUTES.items()
        }
        by_vpc = [{"Name": "vpc-id", "Values": [resource_id]}]
        groups = client.describe_security_groups(Filters=[*by_vpc, {"Name": "group-name", "Values": ["default"]}])
        tables = client.describe_route_tables(Filters=[*by_vpc, {"Name": "association.main", "Values": ["true"]}])
        acls = client.describe_network_acls(Filters=[*by_vpc, {"Name": "default", "Values": ["true"]}])
        main = first(tables["RouteTables"], "RouteTableId")
        ipv6 = _ipv6(found)
        properties |= {
            "arn": call.arn("ec2", f"vpc/{resource_id}"),
            "assignGeneratedIpv6CidrBlock": bool(ipv6),
            "ipv6AssociationId": ipv6.get("AssociationId"),
            "ipv6CidrBlock": ipv6.get("Ipv6CidrBlock"),
            "defaultSecurityGroupId": first(groups["SecurityGroups"], "GroupId"),
            "mainRouteTableId": main,
            "defaultRouteTableId": main,
            "defaultNetworkAclId": first(acls["NetworkAcls"], "NetworkAclId"),
        }
        return properties

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        self._modify(
            call,
            resource_id,
            {k: bool(inputs.get(k, k == "enableDnsSupport")) for k in self._ATTRIBUTES if k in changed},
        )
        client = call.client("ec2")
        if "assignGeneratedIpv6CidrBlock" in changed:
            if inputs["assignGeneratedIpv6CidrBlock"]:
                client.associate_vpc_cidr_block(VpcId=resource_id, AmazonProvidedIpv6CidrBlock=True)
            else:
                errors.if_found(client.disassociate_vpc_cidr_block, AssociationId=state["ipv6AssociationId"])
        if "instanceTenancy" in changed:
            client.modify_vpc_tenancy(VpcId=resource_id, InstanceTenancy=inputs["instanceTenancy"])

    def _modify(self, call: Call, vpc_id: str, wanted: Mapping[str, bool]) -> None:
        # DNS host names need DNS support: switch support on first and off last. One attribute a call (API).
        for name in sorted(wanted, key=lambda n: (n == "enableDnsSupport") != wanted[n]):
            call.client("ec2").modify_vpc_attribute(VpcId=vpc_id, **{self._ATTRIBUTES[name]: {"Value": wanted[name]}})

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        call.retry(_IN_USE, errors.if_found, call=call.client("ec2").delete_vpc, VpcId=resource_id)


class InternetGateway(Ec2Type):
    """docs: website/docs/r/internet_gateway.html.markdown"""

    token = "aws:ec2/internetGateway:InternetGateway"
    noun = "internet-gateway"
    describe = ("describe_internet_gateways", "InternetGatewayIds", "InternetGateways")
    inputs = frozenset({"vpcId"})
    outputs = {"ownerId": "OwnerId"}
    computed = frozenset({"vpcId"})

    def create(self, call: Call, inputs: State) -> str:
        answer = call.client("ec2").create_internet_gateway(**self.specification(call))
        gateway = call.created = str(answer["InternetGateway"]["InternetGatewayId"])
        self._attach(call, gateway, inputs.get("vpcId"))
        return gateway

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        return {
            "arn": call.arn("ec2", f"internet-gateway/{resource_id}"),
            "ownerId": found.get("OwnerId") or call.account,
            "vpcId": first(found.get("Attachments") or [], "VpcId"),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        if "vpcId" in changed:
            self._detach(call, resource_id, state.get("vpcId"))
            self._attach(call, resource_id, inputs.get("vpcId"))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        found = self.find(call, resource_id)
        if found is None:
            return
        self._detach(call, resource_id, first(found.get("Attachments") or [], "VpcId"))
        call.retry(
            _IN_USE,
            errors.if_found,
            call=call.client("ec2").delete_internet_gateway,
            InternetGatewayId=resource_id,
        )

    def _attach(self, call: Call, gateway: str, vpc_id: str | None) -> None:
        if vpc_id:
            call.retry(
                ("InvalidInternetGatewayID.NotFound",),
                call.client("ec2").attach_internet_gateway,
                InternetGatewayId=gateway,
                VpcId=vpc_id,
            )

    def _detach(self, call: Call, gateway: str, vpc_id: str | None) -> None:
        if vpc_id:
            # A VPC with mapped public addresses keeps its gateway until they are gone.
            call.retry(
                _IN_USE,
                errors.ignoring,
                codes=("Gateway.NotAttached",),
                call=call.client("ec2").detach_internet_gateway,
                InternetGatewayId=gateway,
                VpcId=vpc_id,
            )


class Subnet(Ec2Type):
    """docs: website/docs/r/subnet.html.markdown"""

    token = "aws:ec2/subnet:Subnet"
    noun = "subnet"
    describe = ("describe_subnets", "SubnetIds", "Subnets")
    inputs = frozenset(
        {
            "assignIpv6AddressOnCreation",
            "availabilityZone",
            "availabilityZoneId",
            "cidrBlock",
            "ipv6CidrBlock",
            "mapPublicIpOnLaunch",
            "vpcId",
        }
    )
    outputs = {
        "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
        "availabilityZone": "AvailabilityZone",
        "availabilityZoneId": "AvailabilityZoneId",
        "cidrBlock": "CidrBlock",
        "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
        "ownerId": "OwnerId",
        "vpcId": "VpcId",
    }
    defaults = {"assignIpv6AddressOnCreation": False, "mapPublicIpOnLaunch": False}
    replaces = frozenset({"availabilityZone", "availabilityZoneId", "cidrBlock", "vpcId"})
    computed = frozenset({"availabilityZone", "availabilityZoneId"})
    conflicts = (("availabilityZone", "availabilityZoneId"),)

    _ATTRIBUTES: Mapping[str, str] = {
        "assignIpv6AddressOnCreation": "AssignIpv6AddressOnCreation",
        "mapPublicIpOnLaunch": "MapPublicIpOnLaunch",
    }

    def create(self, call: Call, inputs: State) -> str:
        names = {
            "vpcId": "VpcId",
            "cidrBlock": "CidrBlock",
            "ipv6CidrBlock": "Ipv6CidrBlock",
            "availabilityZone": "AvailabilityZone",
            "availabilityZoneId": "AvailabilityZoneId",
        }
        answer = call.client("ec2").create_subnet(**given(inputs, names), **self.specification(call))
        subnet = call.created = str(answer["Subnet"]["SubnetId"])
        call.wait(
            lambda: (self.find(call, subnet) or {}).get("State") == "available",
            seconds=60,
            what=f"subnet {subnet}",
        )
        self._modify(call, subnet, {k: True for k in self._ATTRIBUTES if inputs.get(k)})
        return subnet

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        ipv6 = _ipv6(found)
        return {
            "arn": found.get("SubnetArn") or call.arn("ec2", f"subnet/{resource_id}"),
            "ipv6CidrBlock": ipv6.get("Ipv6CidrBlock"),
            "ipv6CidrBlockAssociationId": ipv6.get("AssociationId"),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("ec2")
        wanted = {k: bool(inputs.get(k)) for k in self._ATTRIBUTES if k in changed}
        # A subnet gives out IPv6 addresses only while it has a block: stop before it goes, start after it came.
        self._modify(call, resource_id, {k: v for k, v in wanted.items() if not v})
        if "ipv6CidrBlock" in changed:
            if state.get("ipv6CidrBlockAssociationId"):
                errors.if_found(
                    client.disassociate_subnet_cidr_block, AssociationId=state["ipv6CidrBlockAssociationId"]
                )
            if inputs.get("ipv6CidrBlock"):
                client.associate_subnet_cidr_block(SubnetId=resource_id, Ipv6CidrBlock=inputs["ipv6CidrBlock"])
        self._modify(call, resource_id, {k: v for k, v in wanted.items() if v})

    def _modify(self, call: Call, subnet: str, wanted: Mapping[str, bool]) -> None:
        for name, value in wanted.items():  # one attribute a call (API)
            call.client("ec2").modify_subnet_attribute(SubnetId=subnet, **{self._ATTRIBUTES[name]: {"Value": value}})

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        # Network interfaces of tasks and load balancers go a little after what they belonged to.
        call.retry(_IN_USE, errors.if_found, seconds=120, call=call.client("ec2").delete_subnet, SubnetId=resource_id)


def _ipv6(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The IPv6 block that is associated, or nothing. VPCs and subnets answer in the same form."""
    for association in found.get("Ipv6CidrBlockAssociationSet") or []:
        state = str((association.get("Ipv6CidrBlockState") or {}).get("State", ""))
        if not state.startswith(("disassociat", "fail")):
            return dict(association)
    return {}


TYPES: tuple[type[ResourceType], ...] = (Vpc, InternetGateway, Subnet)
