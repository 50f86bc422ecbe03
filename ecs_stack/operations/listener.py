"""What is on a load balancer's listener already, and whether more has room beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecs_stack.errors import RefusedError

_RULES = "rules-per-application-load-balancer"
_TARGET_GROUPS = "target-groups-per-application-load-balancer"
#: AWS's defaults, where DescribeAccountLimits doesn't name a limit.
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
_DEFAULTS = {_RULES: 100, _TARGET_GROUPS: 100}
_CALLED = {
    _RULES: ("listener rules", "Rules per Application Load Balancer"),
    _TARGET_GROUPS: ("target groups", "Target Groups per Application Load Balancer"),
}


@dataclass(frozen=True)
class Listener:
    """``rules`` are ARNs by priority, ``places`` ARNs by host (in lower case) and path; without the default rule."""

    rules: Mapping[int, str]
    places: Mapping[tuple[str, str], str]
    target_groups: int
    limits: Mapping[str, int]

    def refuse_full(self, load_balancer: str, name: str, *, rules: int, target_groups: int) -> None:
        """Raises RefusedError if the load balancer hasn't room for so many more."""
        for limit, there, needed in (
            (_RULES, len(self.rules), rules),
            (_TARGET_GROUPS, self.target_groups, target_groups),
        ):
            most = self.limits[limit]
            if needed and there + needed > most:
                what, quota = _CALLED[limit]
                raise RefusedError(
                    f"the load balancer of {load_balancer} has {there} of {most} {what}, and {name} needs {needed}",
                    hint="Take down what nobody needs (`ecs-stack ephemeral list`, `ecs-stack ephemeral down NAME`), "
                    f"or have the quota '{quota}' raised in Service Quotas.",
                )


def look(elbv2: Any, *, load_balancer_arn: str, listener_arn: str) -> Listener:
    """The listener as it is now."""
    rules: dict[int, str] = {}
    places: dict[tuple[str, str], str] = {}
    for page in elbv2.get_paginator("describe_rules").paginate(ListenerArn=listener_arn):
        for rule in page["Rules"]:
            if rule["Priority"] == "default":
                continue
            rules[int(rule["Priority"])] = rule["RuleArn"]
            hosts, paths = _values(rule, "host-header"), _values(rule, "path-pattern")
            places |= {(host.lower(), path): rule["RuleArn"] for host in hosts for path in paths}
    pages = elbv2.get_paginator("describe_target_groups").paginate(LoadBalancerArn=load_balancer_arn)
    answered = {
        limit["Name"]: int(limit["Max"])
        for page in elbv2.get_paginator("describe_account_limits").paginate()
        for limit in page["Limits"]
    }
    return Listener(
        rules,
        places,
        target_groups=sum(len(page["TargetGroups"]) for page in pages),
        limits={name: answered.get(name, usual) for name, usual in _DEFAULTS.items()},
    )


def _values(rule: Mapping[str, Any], field: str) -> list[str]:
    """The values of a condition; the API has them in two places."""
    config = {"host-header": "HostHeaderConfig", "path-pattern": "PathPatternConfig"}[field]
    return [
        value
        for condition in rule["Conditions"]
        if condition["Field"] == field
        for value in (condition.get(config) or {}).get("Values") or condition.get("Values") or ()
    ]
