"""Target groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import errors
from ..call import Call
from ..naming import Autoname
from ..resource import ResourceType, State
from .ec2 import given
from .elbv2 import FLAG, NUMBER, WORD, AttributeCalls, Attributes, ElbType, flatten, tag_list, unflatten

#: Seconds until the listener that pointed to a group is gone (terraform's timeout).
_FREED = 120

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
_CALLS = AttributeCalls("describe_target_group_attributes", "modify_target_group_attributes", "TargetGroupArn")


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
        defaults = flatten(_GROUP, dict(self.defaults)) | {"stickiness.enabled": "false"}
        _CALLS.change(call, arn, wanted, defaults)

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        live = _CALLS.live(call, resource_id)
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


TYPES: tuple[type[ResourceType], ...] = (TargetGroup,)
