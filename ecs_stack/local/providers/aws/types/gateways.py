"""Elastic IP, NAT gateway, VPC endpoint: what VPCs reach the outside by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import errors
from ..call import Call
from ..resource import ResourceType, State
from ..shapes import Block
from .ec2 import Ec2Type, first, given

#: Seconds. A NAT gateway takes AWS about two minutes, an endpoint one (terraform waits 10 minutes).
_SLOW = 600


class Eip(Ec2Type):
    """docs: website/docs/r/eip.html.markdown"""

    token = "aws:ec2/eip:Eip"
    noun = "elastic-ip"
    describe = ("describe_addresses", "AllocationIds", "Addresses")
    inputs = frozenset({"domain", "networkBorderGroup", "publicIpv4Pool"})
    outputs = {
        "allocationId": "AllocationId",
        "associationId": "AssociationId",
        "domain": "Domain",
        "networkBorderGroup": "NetworkBorderGroup",
        "networkInterface": "NetworkInterfaceId",
        "instance": "InstanceId",
        "privateIp": "PrivateIpAddress",
        "publicIp": "PublicIp",
        "publicIpv4Pool": "PublicIpv4Pool",
    }
    replaces = frozenset({"domain", "networkBorderGroup", "publicIpv4Pool"})
    computed = frozenset({"domain", "networkBorderGroup", "publicIpv4Pool", "instance", "networkInterface"})

    def create(self, call: Call, inputs: State) -> str:
        names = {"networkBorderGroup": "NetworkBorderGroup", "publicIpv4Pool": "PublicIpv4Pool"}
        answer = call.client("ec2").allocate_address(
            Domain=inputs.get("domain", "vpc"), **given(inputs, names), **self.specification(call)
        )
        return str(answer["AllocationId"])

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        public = str(found.get("PublicIp", "")).replace(".", "-")
        # The names that VPC's DNS gives: https://docs.aws.amazon.com/vpc/latest/userguide/vpc-dns.html
        zone = "compute-1" if call.region == "us-east-1" else f"{call.region}.compute"
        properties: State = {
            "arn": call.arn("ec2", f"elastic-ip/{resource_id}"),
            "publicDns": f"ec2-{public}.{zone}.amazonaws.com",
        }
        if found.get("PrivateIpAddress"):
            private = str(found["PrivateIpAddress"]).replace(".", "-")
            inner = "ec2.internal" if call.region == "us-east-1" else f"{call.region}.compute.internal"
            properties["privateDns"] = f"ip-{private}.{inner}"
        return properties

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        # An address in use is freed a little after the NAT gateway that had it.
        call.retry(
            ("AuthFailure", "InvalidIPAddress.InUse"),
            errors.if_found,
            call=call.client("ec2").release_address,
            AllocationId=resource_id,
        )


class NatGateway(Ec2Type):
    """docs: website/docs/r/nat_gateway.html.markdown"""

    token = "aws:ec2/natGateway:NatGateway"
    noun = "natgateway"
    describe = ("describe_nat_gateways", "NatGatewayIds", "NatGateways")
    inputs = frozenset({"allocationId", "connectivityType", "privateIp", "subnetId"})
    outputs = {"connectivityType": "ConnectivityType", "subnetId": "SubnetId", "vpcId": "VpcId"}
    defaults = {"connectivityType": "public"}
    replaces = frozenset({"allocationId", "connectivityType", "privateIp", "subnetId"})
    computed = frozenset({"privateIp"})

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        problems = []
        if not inputs.get("subnetId"):
            problems.append(("subnetId", "a zonal NAT gateway needs a subnetId"))
        if inputs.get("connectivityType") == "public" and not inputs.get("allocationId"):
            problems.append(("allocationId", "a public NAT gateway needs an allocationId"))
        return problems

    def create(self, call: Call, inputs: State) -> str:
        names = {
            "subnetId": "SubnetId",
            "allocationId": "AllocationId",
            "connectivityType": "ConnectivityType",
            "privateIp": "PrivateIpAddress",
        }
        answer = call.client("ec2").create_nat_gateway(**given(inputs, names), **self.specification(call))
        gateway = call.created = str(answer["NatGateway"]["NatGatewayId"])

        def ready() -> bool:
            found = self.find(call, gateway) or {}
            if found.get("State") == "failed":
                reason = found.get("FailureMessage", "no reason given")
                raise errors.ProviderError(f"NAT gateway {gateway} failed: {reason}")
            return found.get("State") == "available"

        call.wait(ready, seconds=_SLOW, what=f"NAT gateway {gateway} to be available")
        return gateway

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        addresses = found.get("NatGatewayAddresses") or [{}]
        primary = next((a for a in addresses if a.get("IsPrimary")), addresses[0])
        return {
            "allocationId": primary.get("AllocationId"),
            "associationId": primary.get("AssociationId"),
            "networkInterfaceId": primary.get("NetworkInterfaceId"),
            "privateIp": primary.get("PrivateIp"),
            "publicIp": primary.get("PublicIp"),
        }

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        if errors.if_found(call.client("ec2").delete_nat_gateway, NatGatewayId=resource_id) is None:
            return
        call.wait(
            lambda: (self.find(call, resource_id) or {}).get("State") in (None, "deleted"),
            seconds=_SLOW,
            what=f"NAT gateway {resource_id} to be deleted",
        )


class VpcEndpoint(Ec2Type):
    """docs: website/docs/r/vpc_endpoint.html.markdown"""

    token = "aws:ec2/vpcEndpoint:VpcEndpoint"
    noun = "vpc-endpoint"
    describe = ("describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints")
    inputs = frozenset(
        {
            "dnsOptions",
            "ipAddressType",
            "policy",
            "privateDnsEnabled",
            "routeTableIds",
            "securityGroupIds",
            "serviceName",
            "subnetIds",
            "vpcEndpointType",
            "vpcId",
        }
    )
    blocks = {
        "dnsOptions": Block(
            {
                "dnsRecordIpType": "DnsRecordIpType",
                "privateDnsOnlyForInboundResolverEndpoint": "PrivateDnsOnlyForInboundResolverEndpoint",
            }
        )
    }
    outputs = {
        "ipAddressType": "IpAddressType",
        "networkInterfaceIds": "NetworkInterfaceIds",
        "ownerId": "OwnerId",
        "policy": "PolicyDocument",
        "privateDnsEnabled": "PrivateDnsEnabled",
        "requesterManaged": "RequesterManaged",
        "serviceName": "ServiceName",
        "state": "State",
        "vpcEndpointType": "VpcEndpointType",
        "vpcId": "VpcId",
    }
    defaults = {"vpcEndpointType": "Gateway"}
    replaces = frozenset({"serviceName", "vpcEndpointType", "vpcId"})
    computed = frozenset(
        {
            "dnsOptions",
            "ipAddressType",
            "policy",
            "privateDnsEnabled",
            "routeTableIds",
            "securityGroupIds",
            "subnetIds",
        }
    )
    documents = frozenset({"policy"})

    _CREATE: Mapping[str, str] = {
        "vpcId": "VpcId",
        "serviceName": "ServiceName",
        "vpcEndpointType": "VpcEndpointType",
        "policy": "PolicyDocument",
        "routeTableIds": "RouteTableIds",
        "subnetIds": "SubnetIds",
        "securityGroupIds": "SecurityGroupIds",
        "privateDnsEnabled": "PrivateDnsEnabled",
        "ipAddressType": "IpAddressType",
    }
    #: What ModifyVpcEndpoint adds to and removes from.
    _SETS: Mapping[str, str] = {
        "routeTableIds": "RouteTableIds",
        "subnetIds": "SubnetIds",
        "securityGroupIds": "SecurityGroupIds",
    }

    def create(self, call: Call, inputs: State) -> str:
        options = {"DnsOptions": self.to_aws("dnsOptions", inputs["dnsOptions"])} if inputs.get("dnsOptions") else {}
        answer = call.client("ec2").create_vpc_endpoint(
            **given(inputs, self._CREATE), **options, **self.specification(call)
        )
        endpoint = call.created = str(answer["VpcEndpoint"]["VpcEndpointId"])
        call.wait(
            lambda: str((self.find(call, endpoint) or {}).get("State")).lower() in ("available", "pendingacceptance"),
            seconds=_SLOW,
            what=f"VPC endpoint {endpoint} to be available",
        )
        return endpoint

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        properties: State = {
            "arn": call.arn("ec2", f"vpc-endpoint/{resource_id}"),
            "routeTableIds": sorted(found.get("RouteTableIds") or []),
            "subnetIds": sorted(found.get("SubnetIds") or []),
            "securityGroupIds": sorted(g["GroupId"] for g in found.get("Groups") or []),
            "dnsEntries": [
                {"dnsName": e.get("DnsName"), "hostedZoneId": e.get("HostedZoneId")}
                for e in found.get("DnsEntries") or []
            ],
            "dnsOptions": self.from_aws("dnsOptions", found.get("DnsOptions")),
        }
        if found.get("VpcEndpointType") == "Gateway":
            lists = call.client("ec2").describe_prefix_lists(
                Filters=[{"Name": "prefix-list-name", "Values": [found["ServiceName"]]}]
            )["PrefixLists"]
            properties["prefixListId"] = first(lists, "PrefixListId")
            properties["cidrBlocks"] = lists[0].get("Cidrs") if lists else []
        return properties

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        modify: dict[str, Any] = {}
        for name, key in self._SETS.items():
            if name in changed:
                live, wanted = set(state.get(name) or []), set(inputs.get(name) or [])
                modify |= {f"Add{key}": sorted(wanted - live), f"Remove{key}": sorted(live - wanted)}
        if "policy" in changed:
            modify |= {"PolicyDocument": inputs["policy"]} if inputs.get("policy") else {"ResetPolicy": True}
        if "privateDnsEnabled" in changed:
            modify["PrivateDnsEnabled"] = bool(inputs.get("privateDnsEnabled"))
        if "ipAddressType" in changed:
            modify["IpAddressType"] = inputs.get("ipAddressType")
        if "dnsOptions" in changed:
            modify["DnsOptions"] = self.to_aws("dnsOptions", inputs.get("dnsOptions") or {})
        modify = {k: v for k, v in modify.items() if v not in (None, [])}
        if modify:
            call.client("ec2").modify_vpc_endpoint(VpcEndpointId=resource_id, **modify)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        found = self.find(call, resource_id)
        if found is None or not self.alive(found):
            return
        # DeleteVpcEndpoints answers 200 and lists what it couldn't delete.
        answer = call.client("ec2").delete_vpc_endpoints(VpcEndpointIds=[resource_id])
        for item in answer.get("Unsuccessful") or []:
            problem = item.get("Error") or {}
            if not str(problem.get("Code", "")).endswith("NotFound"):
                raise errors.ProviderError(f"VPC endpoint {resource_id}: {problem.get('Message')}")
        call.wait(
            lambda: str((self.find(call, resource_id) or {}).get("State", "deleted")).lower() == "deleted",
            seconds=_SLOW,
            what=f"VPC endpoint {resource_id} to be deleted",
        )


TYPES: tuple[type[ResourceType], ...] = (Eip, NatGateway, VpcEndpoint)
