"""Listeners and listener rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..resource import ResourceType, State, canonical
from ..shapes import Block, Codec, Items, Wrapped, capitalised
from .ec2 import given
from .elbv2 import ElbType, tag_list

_REDIRECT = {"host": "#{host}", "path": "/#{path}", "port": "#{port}", "protocol": "#{protocol}", "query": "#{query}"}
_LOGIN = capitalised(
    "authenticationRequestExtraParams", "onUnauthenticatedRequest", "scope", "sessionCookieName", "sessionTimeout"
)

ACTIONS = Items(
    Block(
        {
            **capitalised("order", "type", "targetGroupArn"),
            "authenticateCognito": (
                "AuthenticateCognitoConfig",
                Block({**_LOGIN, **capitalised("userPoolArn", "userPoolClientId", "userPoolDomain")}),
            ),
            "authenticateOidc": (
                "AuthenticateOidcConfig",
                Block(
                    {
                        **_LOGIN,
                        **capitalised("authorizationEndpoint", "clientId", "clientSecret", "issuer"),
                        **capitalised("tokenEndpoint", "userInfoEndpoint"),
                    }
                ),
            ),
            "fixedResponse": ("FixedResponseConfig", Block(capitalised("contentType", "messageBody", "statusCode"))),
            "forward": (
                "ForwardConfig",
                Block(
                    {
                        "targetGroups": (
                            "TargetGroups",
                            Items(Block({"arn": "TargetGroupArn", "weight": "Weight"})),
                        ),
                        "stickiness": (
                            "TargetGroupStickinessConfig",
                            Block({"duration": "DurationSeconds", "enabled": "Enabled"}),
                        ),
                    }
                ),
            ),
            "redirect": (
                "RedirectConfig",
                Block(capitalised("host", "path", "port", "protocol", "query", "statusCode")),
            ),
        }
    )
)

_CONDITIONS: Mapping[str, tuple[str, str, Codec]] = {
    "hostHeader": ("host-header", "HostHeaderConfig", Block(capitalised("values"))),
    "httpHeader": ("http-header", "HttpHeaderConfig", Block(capitalised("httpHeaderName", "values"))),
    "httpRequestMethod": ("http-request-method", "HttpRequestMethodConfig", Block(capitalised("values"))),
    "pathPattern": ("path-pattern", "PathPatternConfig", Block(capitalised("values"))),
    "queryStrings": ("query-string", "QueryStringConfig", Wrapped("Values")),
    "sourceIp": ("source-ip", "SourceIpConfig", Block(capitalised("values"))),
}


class Listener(ElbType):
    """docs: website/docs/r/lb_listener.html.markdown"""

    token = "aws:lb/listener:Listener"
    describe = ("describe_listeners", "ListenerArns", "Listeners")
    inputs = frozenset(
        {"alpnPolicy", "certificateArn", "defaultActions", "loadBalancerArn", "port", "protocol", "sslPolicy"}
    )
    blocks = {
        "defaultActions": ACTIONS,
    }
    outputs = {"loadBalancerArn": "LoadBalancerArn", "port": "Port", "protocol": "Protocol", "sslPolicy": "SslPolicy"}
    replaces = frozenset({"loadBalancerArn"})
    computed = frozenset({"protocol", "sslPolicy"})

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "defaultActions" and isinstance(old, list) and isinstance(new, list):
            return same_actions(old, new)
        return super().same(path, old, new, state)

    def create(self, call: Call, inputs: State) -> str:
        answer = call.retry(
            # A certificate that was just made or validated isn't known to the load balancer at once.
            ("CertificateNotFound", "UnsupportedCertificate"),
            call.client("elbv2").create_listener,
            LoadBalancerArn=inputs["loadBalancerArn"],
            **self._request(inputs, frozenset(self.inputs)),
            **tag_list(call),
        )
        return str(answer["Listeners"][0]["ListenerArn"])

    def _request(self, inputs: State, names: frozenset[str]) -> dict[str, Any]:
        request: dict[str, Any] = given(
            {k: v for k, v in inputs.items() if k in names},
            {"port": "Port", "protocol": "Protocol", "sslPolicy": "SslPolicy"},
        )
        if "certificateArn" in names and inputs.get("certificateArn"):
            request["Certificates"] = [{"CertificateArn": inputs["certificateArn"]}]
        if "alpnPolicy" in names and inputs.get("alpnPolicy"):
            request["AlpnPolicy"] = [inputs["alpnPolicy"]]
        if "defaultActions" in names:
            request["DefaultActions"] = actions_to_aws(inputs["defaultActions"])
        return request

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        certificates = found.get("Certificates") or []
        alpn = found.get("AlpnPolicy") or []
        return {
            "alpnPolicy": alpn[0] if alpn else None,
            "certificateArn": certificates[0].get("CertificateArn") if certificates else None,
            "defaultActions": actions_from_aws(found.get("DefaultActions") or [], state.get("defaultActions")),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        request = self._request(inputs, changed)
        if request:
            if request.keys() & {"Certificates", "SslPolicy"}:
                request.setdefault("Protocol", inputs.get("protocol") or state.get("protocol"))
            call.client("elbv2").modify_listener(ListenerArn=resource_id, **request)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        errors.if_found(call.client("elbv2").delete_listener, ListenerArn=resource_id)


class ListenerRule(ElbType):
    """docs: website/docs/r/lb_listener_rule.html.markdown"""

    token = "aws:lb/listenerRule:ListenerRule"
    describe = ("describe_rules", "RuleArns", "Rules")
    inputs = frozenset({"actions", "conditions", "listenerArn", "priority"})
    blocks = {
        "actions": ACTIONS,
        "conditions": Items(Block({name: (key, codec) for name, (_, key, codec) in _CONDITIONS.items()})),
    }
    outputs = {}
    replaces = frozenset({"listenerArn"})
    computed = frozenset({"priority"})

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        priority = inputs.get("priority")
        if isinstance(priority, int) and not 1 <= priority <= 50000:
            return [("priority", f"'priority' must be 1 to 50000, not {priority}")]
        return ()

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "actions" and isinstance(old, list) and isinstance(new, list):
            return same_actions(old, new)
        return super().same(path, old, new, state)

    def create(self, call: Call, inputs: State) -> str:
        client = call.client("elbv2")
        listener = inputs["listenerArn"]
        request = {
            "ListenerArn": listener,
            "Actions": actions_to_aws(inputs["actions"]),
            "Conditions": _conditions_to_aws(inputs["conditions"]),
            **tag_list(call),
        }
        if inputs.get("priority"):
            return str(client.create_rule(Priority=inputs["priority"], **request)["Rules"][0]["RuleArn"])
        for _ in range(10):  # somebody else may take the next free priority first
            try:
                answer = client.create_rule(Priority=_next_priority(client, listener), **request)
            except ClientError as error:
                if errors.code(error) != "PriorityInUse":
                    raise
            else:
                return str(answer["Rules"][0]["RuleArn"])
        raise ProviderError(f"no free priority was found for a rule of listener {listener}")

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        priority = found.get("Priority")
        # arn:...:listener-rule/app/NAME/LB/LISTENER/RULE
        listener = resource_id.rpartition("/")[0].replace(":listener-rule/", ":listener/")
        return {
            "actions": actions_from_aws(found.get("Actions") or [], state.get("actions")),
            "conditions": _conditions_from_aws(found.get("Conditions") or []),
            "listenerArn": listener,
            "priority": int(priority) if priority and priority != "default" else None,
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("elbv2")
        if "priority" in changed and inputs.get("priority"):
            client.set_rule_priorities(RulePriorities=[{"RuleArn": resource_id, "Priority": inputs["priority"]}])
        request: dict[str, Any] = {}
        if "actions" in changed:
            request["Actions"] = actions_to_aws(inputs["actions"])
        if "conditions" in changed:
            request["Conditions"] = _conditions_to_aws(inputs["conditions"])
        if request:
            client.modify_rule(RuleArn=resource_id, **request)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        errors.if_found(call.client("elbv2").delete_rule, RuleArn=resource_id)


def actions_to_aws(actions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Actions of a request, in their order and with a redirect's defaults."""
    result: list[dict[str, Any]] = []
    for index, action in enumerate(actions):
        filled = {"order": index + 1, **action}
        if action.get("redirect"):
            filled["redirect"] = {**_REDIRECT, **action["redirect"]}
        result.extend(ACTIONS.to_aws([filled]))
    return result


def actions_from_aws(live: Sequence[Mapping[str, Any]], given_before: Any) -> list[dict[str, Any]]:
    """Actions of an answer. ECS moves weights and AWS answers a forward in two forms: the state's form is kept."""
    actions: list[dict[str, Any]] = ACTIONS.from_aws(sorted(live, key=lambda a: int(a.get("Order") or 0)))
    for action in actions:
        groups = (action.get("forward") or {}).get("targetGroups") or []
        sticky = (action.get("forward") or {}).get("stickiness") or {}
        if len(groups) == 1 and not sticky.get("enabled"):
            action["targetGroupArn"] = groups[0]["arn"]
            del action["forward"]
        elif groups:
            action.pop("targetGroupArn", None)
    if isinstance(given_before, list) and same_actions(given_before, actions):
        return given_before
    return actions


def same_actions(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> bool:
    """Whether two lists of actions do the same."""
    return bool(_normal_actions(old) == _normal_actions(new))


def _normal_actions(actions: Sequence[Mapping[str, Any]]) -> list[Any]:
    result = []
    for index, action in enumerate(actions):
        normal = {k: v for k, v in action.items() if k not in ("forward", "targetGroupArn", "order")}
        if action.get("redirect"):
            normal["redirect"] = {**_REDIRECT, **action["redirect"]}
        if action.get("fixedResponse"):
            normal["fixedResponse"] = {"messageBody": "", **action["fixedResponse"]}
        if action.get("type") == "forward":
            forward = action.get("forward") or {}
            groups = forward.get("targetGroups") or [{"arn": action.get("targetGroupArn")}]
            sticky = forward.get("stickiness") or {}
            normal["groups"] = [{"arn": g.get("arn"), "weight": g.get("weight", 1)} for g in groups]
            normal["sticky"] = sticky.get("duration") if sticky.get("enabled") else None
            if len(groups) == 1:
                normal["groups"][0]["weight"] = 1
        result.append((action.get("order") or index + 1, canonical(normal)))
    return [normal for _, normal in sorted(result, key=lambda pair: pair[0])]


def _conditions_to_aws(conditions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"Field": field, key: codec.to_aws(condition[name])}
        for condition in conditions
        for name, (field, key, codec) in _CONDITIONS.items()
        if condition.get(name)
    ]


def _conditions_from_aws(conditions: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    result = []
    for condition in conditions:
        for name, (field, key, codec) in _CONDITIONS.items():
            if condition.get("Field") == field:
                config = condition.get(key) or {"Values": condition.get("Values") or []}
                value = codec.from_aws(config)
                if isinstance(value, list):
                    value = [{k[:1].lower() + k[1:]: v for k, v in item.items()} for item in value]
                result.append({name: value})
    return result


def _next_priority(client: Any, listener: str) -> int:
    pages = client.get_paginator("describe_rules").paginate(ListenerArn=listener)
    taken = [int(r["Priority"]) for page in pages for r in page["Rules"] if r["Priority"] != "default"]
    return max(taken, default=0) + 1


TYPES: tuple[type[ResourceType], ...] = (Listener, ListenerRule)
