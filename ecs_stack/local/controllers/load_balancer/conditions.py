"""A rule's conditions as Caddy's matchers.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any


def matcher(condition: Mapping[str, Any]) -> dict[str, Any]:
    """The matcher of one condition. Raises ValueError for a condition that no ALB has."""
    kind = condition["Field"]
    if kind == "host-header":
        values = condition.get("HostHeaderConfig", condition).get("Values", [])
        return {"vars_regexp": {"{http.request.host}": {"pattern": _wildcards(values, ignore_case=True)}}}
    if kind == "path-pattern":
        values = condition.get("PathPatternConfig", condition).get("Values", [])
        return {"vars_regexp": {"{http.request.uri.path}": {"pattern": _wildcards(values)}}}
    if kind == "http-header":
        config = condition["HttpHeaderConfig"]
        pattern = _wildcards(config["Values"], ignore_case=True)
        return {"header_regexp": {config["HttpHeaderName"]: {"pattern": pattern}}}
    if kind == "query-string":
        pattern = _query_pattern(condition["QueryStringConfig"]["Values"])
        return {"vars_regexp": {"{http.request.uri.query}": {"pattern": pattern}}}
    if kind == "http-request-method":
        return {"method": condition["HttpRequestMethodConfig"]["Values"]}
    if kind == "source-ip":
        return {"remote_ip": {"ranges": condition["SourceIpConfig"]["Values"]}}
    raise ValueError(f"a rule's condition on {kind} isn't known")


def _wildcards(values: Sequence[str], *, ignore_case: bool = False) -> str:
    """``*`` is any number of characters, ``?`` is one."""
    alternatives = "|".join(_wildcard(value) for value in values)
    return f"(?s{'i' if ignore_case else ''})^(?:{alternatives})$"


def _wildcard(value: str, any_character: str = ".") -> str:
    escaped = re.escape(value)
    return escaped.replace(r"\*", f"{any_character}*").replace(r"\?", any_character)


def _query_pattern(values: Sequence[Mapping[str, str]]) -> str:
    """A key may be left out: then the value may belong to any."""
    alternatives = []
    for pair in values:
        key = _wildcard(pair["Key"], "[^&=]") if pair.get("Key") else "[^&=]*"
        alternatives.append(f"{key}={_wildcard(pair['Value'], '[^&]')}")
    return f"(?si)(?:^|&)(?:{'|'.join(alternatives)})(?:&|$)"
