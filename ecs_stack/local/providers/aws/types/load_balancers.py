"""Load balancers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import errors
from ..call import Call
from ..naming import Autoname
from ..resource import ResourceType, State
from ..shapes import Block, Items
from .ec2 import given
from .elbv2 import FLAG, NUMBER, WORD, AttributeCalls, Attributes, ElbType, flatten, tag_list, unflatten

#: Seconds: terraform's timeouts.
_ACTIVE = 600
_FREED = 120


def _logs(prefix: str) -> Attributes:
    return {
        "enabled": (f"{prefix}.s3.enabled", FLAG),
        "bucket": (f"{prefix}.s3.bucket", WORD),
        "prefix": (f"{prefix}.s3.prefix", WORD),
    }


_LOGS: Mapping[str, Attributes] = {"accessLogs": _logs("access_logs"), "connectionLogs": _logs("connection_logs")}
_BALANCER: Attributes = {
    "clientKeepAlive": ("client_keep_alive.seconds", NUMBER),
    "desyncMitigationMode": ("routing.http.desync_mitigation_mode", WORD),
    "dropInvalidHeaderFields": ("routing.http.drop_invalid_header_fields.enabled", FLAG),
    "enableCrossZoneLoadBalancing": ("load_balancing.cross_zone.enabled", FLAG),
    "enableDeletionProtection": ("deletion_protection.enabled", FLAG),
    "enableHttp2": ("routing.http2.enabled", FLAG),
    "enableTlsVersionAndCipherSuiteHeaders": ("routing.http.x_amzn_tls_version_and_cipher_suite.enabled", FLAG),
    "enableWafFailOpen": ("waf.fail_open.enabled", FLAG),
    "enableXffClientPort": ("routing.http.xff_client_port.enabled", FLAG),
    "idleTimeout": ("idle_timeout.timeout_seconds", NUMBER),
    "preserveHostHeader": ("routing.http.preserve_host_header.enabled", FLAG),
    "xffHeaderProcessingMode": ("routing.http.xff_header_processing.mode", WORD),
}
_CALLS = AttributeCalls("describe_load_balancer_attributes", "modify_load_balancer_attributes", "LoadBalancerArn")


class LoadBalancer(ElbType):
    """docs: website/docs/r/lb.html.markdown"""

    token = "aws:lb/loadBalancer:LoadBalancer"
    describe = ("describe_load_balancers", "LoadBalancerArns", "LoadBalancers")
    inputs = frozenset(
        {
            *_BALANCER,
            *_LOGS,
            "internal",
            "ipAddressType",
            "loadBalancerType",
            "name",
            "namePrefix",
            "securityGroups",
            "subnetMappings",
            "subnets",
        }
    )
    blocks = {
        "subnetMappings": Items(
            Block(
                {
                    "subnetId": "SubnetId",
                    "allocationId": "AllocationId",
                    "ipv6Address": "IPv6Address",
                    "privateIpv4Address": "PrivateIPv4Address",
                }
            )
        )
    }
    outputs = {
        "dnsName": "DNSName",
        "ipAddressType": "IpAddressType",
        "loadBalancerType": "Type",
        "name": "LoadBalancerName",
        "securityGroups": "SecurityGroups",
        "vpcId": "VpcId",
        "zoneId": "CanonicalHostedZoneId",
    }
    autoname = Autoname(32)
    defaults = {
        "clientKeepAlive": 3600,
        "desyncMitigationMode": "defensive",
        "dropInvalidHeaderFields": False,
        "enableCrossZoneLoadBalancing": False,
        "enableDeletionProtection": False,
        "enableHttp2": True,
        "enableTlsVersionAndCipherSuiteHeaders": False,
        "enableWafFailOpen": False,
        "enableXffClientPort": False,
        "idleTimeout": 60,
        "loadBalancerType": "application",
        "preserveHostHeader": False,
        "xffHeaderProcessingMode": "append",
    }
    replaces = frozenset({"internal", "loadBalancerType", "name", "namePrefix", "subnetMappings"})
    computed = frozenset({"internal", "ipAddressType", "securityGroups", "subnetMappings", "subnets"})
    conflicts = (("name", "namePrefix"), ("subnets", "subnetMappings"))
    kept = frozenset({"enableCrossZoneLoadBalancing", "namePrefix"})

    def create(self, call: Call, inputs: State) -> str:
        client = call.client("elbv2")
        names = {
            "name": "Name",
            "subnets": "Subnets",
            "securityGroups": "SecurityGroups",
            "loadBalancerType": "Type",
            "ipAddressType": "IpAddressType",
        }
        request: dict[str, Any] = given(inputs, names)
        if inputs.get("internal"):
            request["Scheme"] = "internal"
        if inputs.get("subnetMappings"):
            request["SubnetMappings"] = self.to_aws("subnetMappings", inputs["subnetMappings"])
        answer = client.create_load_balancer(**request, **tag_list(call))
        arn = call.created = str(answer["LoadBalancers"][0]["LoadBalancerArn"])
        call.wait(
            lambda: ((self.find(call, arn) or {}).get("State") or {}).get("Code") in ("active", "active_impaired"),
            seconds=_ACTIVE,
            what=f"load balancer {arn} to be active",
        )
        self._set_attributes(call, arn, self._attributes(inputs))
        return arn

    def _attributes(self, inputs: State) -> dict[str, str]:
        wanted = flatten(_BALANCER, inputs)
        if inputs.get("loadBalancerType", "application") == "application":
            # An application load balancer always balances across zones; AWS refuses to be told otherwise.
            wanted.pop("load_balancing.cross_zone.enabled", None)
        for name, attributes in _LOGS.items():
            if inputs.get(name):
                wanted |= flatten(attributes, {"enabled": False, **inputs[name]})
        return wanted

    def _set_attributes(self, call: Call, arn: str, wanted: Mapping[str, str]) -> None:
        _CALLS.change(call, arn, wanted, flatten(_BALANCER, dict(self.defaults)))

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        live = _CALLS.live(call, resource_id)
        zones = found.get("AvailabilityZones") or []
        properties = unflatten(_BALANCER, live)
        properties |= {name: unflatten(attributes, live) for name, attributes in _LOGS.items()}
        if found.get("Type") == "application":
            properties.pop("enableCrossZoneLoadBalancing", None)
        return {
            **properties,
            "arnSuffix": resource_id.partition(":loadbalancer/")[2],
            "internal": found.get("Scheme") == "internal",
            "securityGroups": sorted(found.get("SecurityGroups") or []),
            "subnets": sorted(z["SubnetId"] for z in zones),
            "subnetMappings": [_mapping(z) for z in zones],
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("elbv2")
        if changed & {*_BALANCER, *_LOGS}:
            self._set_attributes(call, resource_id, self._attributes(inputs))
            for name in _LOGS:
                if name in changed and not inputs.get(name):
                    self._set_attributes(call, resource_id, flatten(_LOGS[name], {"enabled": False}))
        if "securityGroups" in changed:
            client.set_security_groups(LoadBalancerArn=resource_id, SecurityGroups=inputs.get("securityGroups") or [])
        if "subnets" in changed and inputs.get("subnets"):
            client.set_subnets(LoadBalancerArn=resource_id, Subnets=inputs["subnets"])
        if "ipAddressType" in changed and inputs.get("ipAddressType"):
            client.set_ip_address_type(LoadBalancerArn=resource_id, IpAddressType=inputs["ipAddressType"])

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        errors.if_found(call.client("elbv2").delete_load_balancer, LoadBalancerArn=resource_id)
        call.wait(
            lambda: self.find(call, resource_id) is None,
            seconds=_FREED,
            what=f"load balancer {resource_id} to be deleted",
        )


def _mapping(zone: Mapping[str, Any]) -> dict[str, Any]:
    addresses = (zone.get("LoadBalancerAddresses") or [{}])[0]
    return {
        "subnetId": zone["SubnetId"],
        **given(
            addresses,
            {"AllocationId": "allocationId", "IPv6Address": "ipv6Address", "PrivateIPv4Address": "privateIpv4Address"},
        ),
    }


TYPES: tuple[type[ResourceType], ...] = (LoadBalancer,)
