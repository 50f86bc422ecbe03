"""Security group permissions: pulumi-aws's rules to EC2's IpPermission and back, compared one source at a time."""

from __future__ import annotations

import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError

DIRECTIONS = ("ingress", "egress")
#: A rule reduced to one source, so that rules written in different groupings can be compared.
Atom = tuple[tuple[str, Any], ...]
#: EC2 refuses overlapping changes of one group; terraform holds a mutex a group as well.
_locks: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)
_NUMBERS: Mapping[str, str] = {"1": "icmp", "6": "tcp", "17": "udp", "58": "icmpv6"}


def protocol(value: Any) -> str:
    """EC2's form: names in lower case where EC2 has one, -1 for all."""
    text = str(value).lower()
    return "-1" if text in ("-1", "all") else _NUMBERS.get(text, text)


def permission(rule: Mapping[str, Any], group: str) -> dict[str, Any]:
    """An IpPermission. ``group`` is the group that ``self`` means."""
    described = {} if rule.get("description") is None else {"Description": rule["description"]}
    sources = list(rule.get("securityGroups") or [])
    if rule.get("sourceSecurityGroupId"):
        sources.append(rule["sourceSecurityGroupId"])
    if rule.get("self"):
        sources.append(group)
    result: dict[str, Any] = {"IpProtocol": protocol(rule["protocol"])}
    if result["IpProtocol"] != "-1":
        result |= {"FromPort": rule["fromPort"], "ToPort": rule["toPort"]}
    ranges = {
        "IpRanges": [{"CidrIp": c, **described} for c in rule.get("cidrBlocks") or []],
        "Ipv6Ranges": [{"CidrIpv6": c, **described} for c in rule.get("ipv6CidrBlocks") or []],
        "PrefixListIds": [{"PrefixListId": p, **described} for p in rule.get("prefixListIds") or []],
        "UserIdGroupPairs": [{"GroupId": s, **described} for s in sources],
    }
    return result | {key: value for key, value in ranges.items() if value}


def atoms(rules: Iterable[Mapping[str, Any]], *, described: bool = True) -> set[Atom]:
    """The rules, one source each."""
    found: set[Atom] = set()
    for rule in rules:
        every = protocol(rule["protocol"]) == "-1"
        common: dict[str, Any] = {
            "protocol": protocol(rule["protocol"]),
            "fromPort": 0 if every else rule.get("fromPort"),
            "toPort": 0 if every else rule.get("toPort"),
        }
        if described and rule.get("description"):
            common["description"] = rule["description"]
        groups = [*(rule.get("securityGroups") or []), *filter(None, [rule.get("sourceSecurityGroupId")])]
        sources: list[tuple[str, Any]] = [
            *(("cidrBlocks", c) for c in rule.get("cidrBlocks") or []),
            *(("ipv6CidrBlocks", c) for c in rule.get("ipv6CidrBlocks") or []),
            *(("prefixListIds", p) for p in rule.get("prefixListIds") or []),
            *(("securityGroups", g) for g in groups),
            *((("self", True),) if rule.get("self") else ()),
        ]
        found |= {tuple(sorted({**common, "source": source}.items())) for source in sources}
    return found


def rule_of(atom: Atom) -> dict[str, Any]:
    """An atom as a rule again."""
    fields = dict(atom)
    kind, value = fields.pop("source")
    return {**fields, kind: value if kind == "self" else [value]}


def inline(permissions: Iterable[Mapping[str, Any]], group: str) -> list[dict[str, Any]]:
    """IpPermissions as the inline rules of a security group, one for each description."""
    rules: list[dict[str, Any]] = []
    for item in permissions:
        by_description: defaultdict[str, dict[str, Any]] = defaultdict(dict)
        for key, member, name in (
            ("IpRanges", "CidrIp", "cidrBlocks"),
            ("Ipv6Ranges", "CidrIpv6", "ipv6CidrBlocks"),
            ("PrefixListIds", "PrefixListId", "prefixListIds"),
            ("UserIdGroupPairs", "GroupId", "securityGroups"),
        ):
            for source in item.get(key) or []:
                rule = by_description[source.get("Description") or ""]
                if source[member] == group:
                    rule["self"] = True
                else:
                    rule.setdefault(name, []).append(source[member])
        for description, rule in by_description.items():
            every = item["IpProtocol"] == "-1"
            rules.append(
                {
                    "protocol": item["IpProtocol"],
                    "fromPort": 0 if every else item.get("FromPort"),
                    "toPort": 0 if every else item.get("ToPort"),
                    **({"description": description} if description else {}),
                    **rule,
                }
            )
    return rules


def inline_of_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """A SecurityGroupRule of EC2 as an inline rule."""
    group = (rule.get("ReferencedGroupInfo") or {}).get("GroupId")
    result: dict[str, Any] = {
        "protocol": rule["IpProtocol"],
        "fromPort": rule.get("FromPort"),
        "toPort": rule.get("ToPort"),
        "description": rule.get("Description"),
    }
    for key, name in (
        ("CidrIpv4", "cidrBlocks"),
        ("CidrIpv6", "ipv6CidrBlocks"),
        ("PrefixListId", "prefixListIds"),
    ):
        if rule.get(key):
            result[name] = [rule[key]]
    if group == rule.get("GroupId"):
        result["self"] = True
    elif group:
        result["securityGroups"] = [group]
    return result


def authorize(call: Call, group: str, direction: str, item: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """Add a rule to a group."""
    client = call.client("ec2")
    method = (
        client.authorize_security_group_egress if direction == "egress" else client.authorize_security_group_ingress
    )
    with _locks[group]:
        try:
            answer: dict[str, Any] = call.retry(
                ("InvalidGroup.NotFound", "InvalidGroupId.NotFound"),
                method,
                seconds=10,
                GroupId=group,
                IpPermissions=[item],
                **more,
            )
        except ClientError as error:
            if errors.code(error) == "InvalidPermission.Duplicate":
                raise ProviderError(
                    f"security group {group} already has this {direction} rule, inline or by another resource:"
                    f" {error.response['Error'].get('Message', '')}"
                ) from error
            raise
    return answer


def revoke(call: Call, group: str, direction: str, item: Mapping[str, Any]) -> None:
    """Take a rule from a group; not being there is no error."""
    client = call.client("ec2")
    method = client.revoke_security_group_egress if direction == "egress" else client.revoke_security_group_ingress
    with _locks[group]:
        errors.if_found(method, GroupId=group, IpPermissions=[item])


def revoke_by_id(call: Call, group: str, direction: str, rule: str) -> None:
    """Take a rule from a group by the rule's id; not being there is no error."""
    client = call.client("ec2")
    method = client.revoke_security_group_egress if direction == "egress" else client.revoke_security_group_ingress
    with _locks[group]:
        errors.if_found(method, GroupId=group, SecurityGroupRuleIds=[rule])


def rule_id(rule: Mapping[str, Any]) -> str:
    """The id that terraform gives a rule: a hash over the group, ports, protocol, direction and sorted sources."""
    parts = [str(rule["securityGroupId"])]
    parts += [str(port) for port in (rule.get("fromPort"), rule.get("toPort")) if port and port > 0]
    parts += [protocol(rule["protocol"]), str(rule["type"])]
    for name in ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds"):
        parts += sorted(rule.get(name) or [])
    source = rule["securityGroupId"] if rule.get("self") else rule.get("sourceSecurityGroupId")
    if source:
        parts.append(f"-{source}")
    return f"sgrule-{zlib.crc32(''.join(f'{part}-' for part in parts).encode())}"
