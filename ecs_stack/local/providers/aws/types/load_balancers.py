"""Load balancers and target groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import errors
from ..call import Call
from ..naming import Autoname
from ..resource import ResourceType, State
from ..shapes import Block, Items
from .ec2 import given
from .elbv2 import FLAG, NUMBER, WORD, Attributes, ElbType, flatten, tag_list, unflatten

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
        client = call.client("elbv2")
        live = self._live_attributes(call, arn)
        defaults = flatten(_BALANCER, dict(self.defaults))
        differing = {k: v for k, v in wanted.items() if live.get(k, defaults.get(k)) != v}
        if differing:
            client.modify_load_balancer_attributes(
                LoadBalancerArn=arn, Attributes=[{"Key": k, "Value": v} for k, v in sorted(differing.items())]
            )

    def _live_attributes(self, call: Call, arn: str) -> dict[str, str]:
        answer = call.client("elbv2").describe_load_balancer_attributes(LoadBalancerArn=arn)
        return {a["Key"]: a.get("Value", "") for a in answer["Attributes"]}

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        live = self._live_attributes(call, resource_id)
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


_GROUP: Attributes = {
    "connectionTermination": ("deregistration_delay.connection_termination.enabled", FLAG),
    "deregistrationDelay": ("deregistration_delay.timeout_seconds", NUMBER),
    "lambdaMultiValueHeadersEnabled": ("lambda.multi_value_headers.enabled", FLAG),
    "loadBalancingAlgorithmType": ("load_balancing.algorithm.type", WORD),
    "loadBalancingAnomalyMitigation": ("load_balancing.algorithm.anomaly_mitigation", WORD),
    "loadBalancingCrossZoneEnabled": ("load_balancing.cross_zone.enabled", WORD),
    "preserveClientIp": ("preserve_client_ip.enabled", WORD),
    "proxyProtocolV2": ("proxy_protocol_v2.enabled", FLAG),
    "slowStart": ("slow_start.duration_seconds", NUMBER),
}
_HEALTH: Mapping[str, str] = {
    "enabled": "HealthCheckEnabled",
    "healthyThreshold": "HealthyThresholdCount",
    "interval": "HealthCheckIntervalSeconds",
    "path": "HealthCheckPath",
    "port": "HealthCheckPort",
    "protocol": "HealthCheckProtocol",
    "timeout": "HealthCheckTimeoutSeconds",
    "unhealthyThreshold": "UnhealthyThresholdCount",
}


class TargetGroup(ElbType):
    """docs: website/docs/r/lb_target_group.html.markdown"""

    token = "aws:lb/targetGroup:TargetGroup"
    describe = ("describe_target_groups", "TargetGroupArns", "TargetGroups")
    inputs = frozenset(
        {
            *_GROUP,
            "healthCheck",
            "ipAddressType",
            "name",
            "namePrefix",
            "port",
            "protocol",
            "protocolVersion",
            "stickiness",
            "targetType",
            "vpcId",
        }
    )
    outputs = {
        "ipAddressType": "IpAddressType",
        "loadBalancerArns": "LoadBalancerArns",
        "name": "TargetGroupName",
        "port": "Port",
        "protocol": "Protocol",
        "protocolVersion": "ProtocolVersion",
        "targetType": "TargetType",
        "vpcId": "VpcId",
    }
    autoname = Autoname(32)
    defaults = {
        "deregistrationDelay": 300,
        "healthCheck.enabled": True,
        "healthCheck.healthyThreshold": 3,
        "healthCheck.interval": 30,
        "healthCheck.port": "traffic-port",
        "healthCheck.protocol": "HTTP",
        "healthCheck.unhealthyThreshold": 3,
        "lambdaMultiValueHeadersEnabled": False,
        "proxyProtocolV2": False,
        "slowStart": 0,
        "stickiness.cookieDuration": 86400,
        "stickiness.enabled": True,
        "targetType": "instance",
    }
    replaces = frozenset(
        {"ipAddressType", "name", "namePrefix", "port", "protocol", "protocolVersion", "targetType", "vpcId"}
    )
    computed = frozenset(
        {
            "connectionTermination",
            "healthCheck",
            "healthCheck.matcher",
            "healthCheck.path",
            "healthCheck.timeout",
            "ipAddressType",
            "loadBalancingAlgorithmType",
            "loadBalancingAnomalyMitigation",
            "loadBalancingCrossZoneEnabled",
            "preserveClientIp",
            "protocolVersion",
            "stickiness",
        }
    )
    conflicts = (("name", "namePrefix"),)
    kept = frozenset({"lambdaMultiValueHeadersEnabled", "namePrefix", "proxyProtocolV2"})

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        if inputs.get("targetType") == "lambda":
            return ()
        return [
            (name, f"{name!r} is needed unless 'targetType' is lambda")
            for name in ("port", "protocol", "vpcId")
            if name not in inputs
        ]

    def create(self, call: Call, inputs: State) -> str:
        names = {
            "name": "Name",
            "port": "Port",
            "protocol": "Protocol",
            "protocolVersion": "ProtocolVersion",
            "targetType": "TargetType",
            "vpcId": "VpcId",
            "ipAddressType": "IpAddressType",
        }
        answer = call.client("elbv2").create_target_group(
            **given(inputs, names), **self._health(inputs), **tag_list(call)
        )
        arn = call.created = str(answer["TargetGroups"][0]["TargetGroupArn"])
        self._set_attributes(call, arn, inputs, frozenset({*_GROUP, "stickiness"}))
        return arn

    def _health(self, inputs: State) -> dict[str, Any]:
        check = inputs.get("healthCheck")
        if not check:
            return {}
        filled = self.filled("healthCheck", check)
        request: dict[str, Any] = given(filled, _HEALTH)
        if check.get("matcher"):
            key = "GrpcCode" if inputs.get("protocolVersion") == "GRPC" else "HttpCode"
            request["Matcher"] = {key: check["matcher"]}
        return request

    def _set_attributes(self, call: Call, arn: str, inputs: State, names: frozenset[str]) -> None:
        wanted = flatten(_GROUP, {k: v for k, v in inputs.items() if k in names})
        if "stickiness" in names:
            wanted |= _stickiness(self.filled("stickiness", inputs.get("stickiness")))
        live = self._live_attributes(call, arn)
        defaults = flatten(_GROUP, dict(self.defaults)) | {"stickiness.enabled": "false"}
        differing = {k: v for k, v in wanted.items() if live.get(k, defaults.get(k)) != v}
        if differing:
            call.client("elbv2").modify_target_group_attributes(
                TargetGroupArn=arn, Attributes=[{"Key": k, "Value": v} for k, v in sorted(differing.items())]
            )

    def _live_attributes(self, call: Call, arn: str) -> dict[str, str]:
        answer = call.client("elbv2").describe_target_group_attributes(TargetGroupArn=arn)
        return {a["Key"]: a.get("Value", "") for a in answer["Attributes"]}

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        live = self._live_attributes(call, resource_id)
        matcher = found.get("Matcher") or {}
        health = {name: found[key] for name, key in _HEALTH.items() if found.get(key) is not None}
        health["matcher"] = matcher.get("HttpCode") or matcher.get("GrpcCode")
        return {
            **unflatten(_GROUP, live),
            "arnSuffix": resource_id.rpartition(":")[2],
            "healthCheck": health,
            "stickiness": _stickiness_of(live),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        if "healthCheck" in changed and inputs.get("healthCheck"):
            call.client("elbv2").modify_target_group(TargetGroupArn=resource_id, **self._health(inputs))
        names = changed & {*_GROUP, "stickiness"}
        if names:
            self._set_attributes(call, resource_id, inputs, names)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        # In use until the listener that pointed to it is gone.
        call.retry(
            ("ResourceInUse",),
            errors.if_found,
            seconds=_FREED,
            call=call.client("elbv2").delete_target_group,
            TargetGroupArn=resource_id,
        )


def _stickiness(block: Mapping[str, Any] | None) -> dict[str, str]:
    if not block:
        return {"stickiness.enabled": "false"}
    kind = block.get("type", "lb_cookie")
    wanted = {"stickiness.enabled": FLAG.to_aws(block["enabled"]), "stickiness.type": kind}
    if kind in ("lb_cookie", "app_cookie"):
        wanted[f"stickiness.{kind}.duration_seconds"] = str(block["cookieDuration"])
    if kind == "app_cookie":
        wanted["stickiness.app_cookie.cookie_name"] = block.get("cookieName", "")
    return wanted


def _stickiness_of(live: Mapping[str, str]) -> dict[str, Any] | None:
    if "stickiness.enabled" not in live:
        return None
    kind = live.get("stickiness.type", "lb_cookie")
    duration = live.get(f"stickiness.{kind}.duration_seconds")
    return {
        "enabled": live["stickiness.enabled"] == "true",
        "type": kind,
        "cookieDuration": int(duration) if duration else None,
        "cookieName": live.get("stickiness.app_cookie.cookie_name") or None,
    }


TYPES: tuple[type[ResourceType], ...] = (LoadBalancer, TargetGroup)
