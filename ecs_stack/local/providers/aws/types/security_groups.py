"""Security groups and their rules: inline, by the older rule resource, and one resource a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..naming import Autoname
from ..resource import ResourceType, State
from ..tags import from_pairs, pairs
from . import permissions
from .ec2 import Ec2Type, given, retag
from .permissions import DIRECTIONS, protocol


class SecurityGroup(Ec2Type):
    """docs: website/docs/r/security_group.html.markdown"""

    token = "aws:ec2/securityGroup:SecurityGroup"
    noun = "security-group"
    describe = ("describe_security_groups", "GroupIds", "SecurityGroups")
    inputs = frozenset({"description", "egress", "ingress", "name", "namePrefix", "revokeRulesOnDelete", "vpcId"})
    outputs = {"description": "Description", "name": "GroupName", "ownerId": "OwnerId", "vpcId": "VpcId"}
    autoname = Autoname(255)
    # pulumi-aws's own words in place of terraform's.
    defaults = {"description": "Managed by Pulumi", "revokeRulesOnDelete": False}
    replaces = frozenset({"description", "name", "namePrefix", "vpcId"})
    computed = frozenset({"egress", "ingress", "vpcId"})
    conflicts = (("name", "namePrefix"),)
    kept = frozenset({"namePrefix", "revokeRulesOnDelete"})

    def create(self, call: Call, inputs: State) -> str:
        client = call.client("ec2")
        answer = client.create_security_group(
            GroupName=inputs["name"],
            Description=inputs["description"],
            **given(inputs, {"vpcId": "VpcId"}),
            **self.specification(call),
        )
        group = call.created = str(answer["GroupId"])
        # AWS lets everything out of a new group; terraform and pulumi-aws take that rule away.
        for item in (self.find(call, group) or {}).get("IpPermissionsEgress") or []:
            errors.if_found(client.revoke_security_group_egress, GroupId=group, IpPermissions=[item])
        for direction in DIRECTIONS:
            for rule in inputs.get(direction) or []:
                permissions.authorize(call, group, direction, permissions.permission(rule, group))
        return group

    def details(self, call: Call, resource_id: str, found: Mapping[str, Any], state: State) -> State:
        return {
            "arn": found.get("SecurityGroupArn") or call.arn("ec2", f"security-group/{resource_id}"),
            "ingress": permissions.inline(found.get("IpPermissions") or [], resource_id),
            "egress": permissions.inline(found.get("IpPermissionsEgress") or [], resource_id),
        }

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path in DIRECTIONS and isinstance(old, list) and isinstance(new, list):
            return permissions.atoms(old) == permissions.atoms(new)
        return super().same(path, old, new, state)

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        for direction in DIRECTIONS:
            if direction not in changed:
                continue
            live, wanted = (
                permissions.atoms(state.get(direction) or []),
                permissions.atoms(inputs.get(direction) or []),
            )
            for atom in sorted(live - wanted, key=repr):
                permissions.revoke(
                    call,
                    resource_id,
                    direction,
                    permissions.permission(permissions.rule_of(atom), resource_id),
                )
            for atom in sorted(wanted - live, key=repr):
                permissions.authorize(
                    call,
                    resource_id,
                    direction,
                    permissions.permission(permissions.rule_of(atom), resource_id),
                )

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        client = call.client("ec2")
        if state.get("revokeRulesOnDelete"):
            found = self.find(call, resource_id) or {}
            for direction, key in (("ingress", "IpPermissions"), ("egress", "IpPermissionsEgress")):
                for item in found.get(key) or []:
                    permissions.revoke(call, resource_id, direction, item)
        # Network interfaces of tasks and load balancers go a little after what they belonged to.
        call.retry(
            ("DependencyViolation", "InvalidGroup.InUse"),
            errors.if_found,
            seconds=120,
            call=client.delete_security_group,
            GroupId=resource_id,
        )


class SecurityGroupRule(ResourceType):
    """docs: website/docs/r/security_group_rule.html.markdown; ids: internal/service/ec2/vpc_security_group_rule.go"""

    token = "aws:ec2/securityGroupRule:SecurityGroupRule"
    inputs = frozenset(
        {
            "cidrBlocks",
            "description",
            "fromPort",
            "ipv6CidrBlocks",
            "prefixListIds",
            "protocol",
            "securityGroupId",
            "self",
            "sourceSecurityGroupId",
            "toPort",
            "type",
        }
    )
    defaults = {"self": False}
    replaces = inputs - {"description"}
    computed = frozenset({"sourceSecurityGroupId"})
    conflicts = (
        ("cidrBlocks", "self"),
        ("ipv6CidrBlocks", "self"),
        ("cidrBlocks", "sourceSecurityGroupId"),
        ("ipv6CidrBlocks", "sourceSecurityGroupId"),
        ("self", "sourceSecurityGroupId"),
    )
    tagged = False
    delete_before_replace = True
    _SOURCES = ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds", "self", "sourceSecurityGroupId")

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        problems = []
        if not any(inputs.get(name) for name in self._SOURCES):
            problems.append(("cidrBlocks", f"a security group rule needs one of {', '.join(self._SOURCES)}"))
        if isinstance(inputs.get("type"), str) and inputs["type"] not in DIRECTIONS:
            problems.append(("type", f"'type' must be ingress or egress, not {inputs['type']!r}"))
        return problems

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "protocol":
            return protocol(old) == protocol(new)
        if path in ("fromPort", "toPort") and protocol(state.get("protocol")) == "-1":
            return True
        return super().same(path, old, new, state)

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        parts = import_id.split("_")
        if len(parts) < 6 or parts[1] not in DIRECTIONS:
            raise ProviderError(
                f"import a rule by SECURITYGROUPID_TYPE_PROTOCOL_FROMPORT_TOPORT_SOURCE[_SOURCE]*, not {import_id!r}"
            )
        group, direction, protocol, low, high, *sources = parts
        state: State = {
            "securityGroupId": group,
            "type": direction,
            "protocol": protocol,
            "fromPort": int(low),
            "toPort": int(high),
            "self": "self" in sources,
            "cidrBlocks": [s for s in sources if "." in s],
            "ipv6CidrBlocks": [s for s in sources if ":" in s],
            "prefixListIds": [s for s in sources if s.startswith("pl-")],
            "sourceSecurityGroupId": next((s for s in sources if s.startswith("sg-")), None),
        }
        return import_id, {k: v for k, v in state.items() if v not in (None, [])}

    def create(self, call: Call, inputs: State) -> str:
        group = inputs["securityGroupId"]
        permissions.authorize(call, group, inputs["type"], permissions.permission(inputs, group))
        return permissions.rule_id(inputs)

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        group, egress = state["securityGroupId"], state["type"] == "egress"
        answer = errors.if_found(
            call.client("ec2").describe_security_group_rules,
            Filters=[{"Name": "group-id", "Values": [group]}],
        )
        wanted = permissions.atoms([state], described=False)
        found = [
            rule
            for rule in (answer or {}).get("SecurityGroupRules") or []
            if bool(rule.get("IsEgress")) == egress
            and permissions.atoms([permissions.inline_of_rule(rule)], described=False) & wanted
        ]
        live = permissions.atoms(map(permissions.inline_of_rule, found), described=False)
        if not wanted or wanted - live:
            return None
        kept = {name: state.get(name) for name in (*self._SOURCES, "fromPort", "toPort", "protocol", "type")}
        return {
            **kept,
            "id": permissions.rule_id(state),
            "protocol": protocol(found[0].get("IpProtocol")),
            "securityGroupId": group,
            "self": bool(state.get("self")),
            "description": next((r.get("Description") for r in found if r.get("Description")), None),
            "securityGroupRuleId": found[0]["SecurityGroupRuleId"] if len(found) == 1 else None,
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("ec2")
        method = (
            client.update_security_group_rule_descriptions_egress
            if inputs["type"] == "egress"
            else client.update_security_group_rule_descriptions_ingress
        )
        group = inputs["securityGroupId"]
        method(GroupId=group, IpPermissions=[permissions.permission({"description": "", **inputs}, group)])

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        group = state["securityGroupId"]
        permissions.revoke(call, group, state["type"], permissions.permission(state, group))


class SecurityGroupVpcRule(ResourceType):
    """One rule, by its own id; the base of the ingress and egress resources."""

    egress: ClassVar[bool]
    inputs = frozenset(
        {
            "cidrIpv4",
            "cidrIpv6",
            "description",
            "fromPort",
            "ipProtocol",
            "prefixListId",
            "referencedSecurityGroupId",
            "securityGroupId",
            "toPort",
        }
    )
    replaces = frozenset({"securityGroupId"})
    conflicts = (("cidrIpv4", "cidrIpv6", "prefixListId", "referencedSecurityGroupId"),)
    _SOURCES: ClassVar[Mapping[str, str]] = {
        "cidrIpv4": "CidrIpv4",
        "cidrIpv6": "CidrIpv6",
        "prefixListId": "PrefixListId",
        "referencedSecurityGroupId": "ReferencedGroupId",
    }

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        if not any(name in inputs for name in self._SOURCES):
            return [("cidrIpv4", f"a security group rule needs one of {', '.join(self._SOURCES)}")]
        return ()

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "ipProtocol":
            return protocol(old) == protocol(new)
        return super().same(path, old, new, state)

    def create(self, call: Call, inputs: State) -> str:
        group = inputs["securityGroupId"]
        specification = (
            {"TagSpecifications": [{"ResourceType": "security-group-rule", "Tags": pairs(call.tags)}]}
            if call.tags
            else {}
        )
        rule = {
            "protocol": inputs["ipProtocol"],
            "fromPort": inputs.get("fromPort", -1),
            "toPort": inputs.get("toPort", -1),
            "description": inputs.get("description"),
            "cidrBlocks": [inputs["cidrIpv4"]] if inputs.get("cidrIpv4") else [],
            "ipv6CidrBlocks": [inputs["cidrIpv6"]] if inputs.get("cidrIpv6") else [],
            "prefixListIds": [inputs["prefixListId"]] if inputs.get("prefixListId") else [],
            "sourceSecurityGroupId": inputs.get("referencedSecurityGroupId"),
        }
        direction = "egress" if self.egress else "ingress"
        answer = permissions.authorize(call, group, direction, permissions.permission(rule, group), **specification)
        return str(answer["SecurityGroupRules"][0]["SecurityGroupRuleId"])

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        answer = errors.if_found(call.client("ec2").describe_security_group_rules, SecurityGroupRuleIds=[resource_id])
        rules = (answer or {}).get("SecurityGroupRules") or []
        if not rules:
            return None
        rule = rules[0]
        all_ports = rule.get("IpProtocol") == "-1"
        referenced = (rule.get("ReferencedGroupInfo") or {}).get("GroupId")
        return {
            "arn": call.arn("ec2", f"security-group-rule/{resource_id}"),
            "securityGroupRuleId": resource_id,
            "securityGroupId": rule.get("GroupId"),
            "ipProtocol": protocol(rule.get("IpProtocol")),
            "fromPort": state.get("fromPort") if all_ports else rule.get("FromPort"),
            "toPort": state.get("toPort") if all_ports else rule.get("ToPort"),
            "cidrIpv4": rule.get("CidrIpv4"),
            "cidrIpv6": rule.get("CidrIpv6"),
            "prefixListId": rule.get("PrefixListId"),
            "referencedSecurityGroupId": referenced,
            "description": rule.get("Description"),
            "tagsAll": from_pairs(rule.get("Tags")),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        if changed <= {"tags"}:
            return
        rule: dict[str, Any] = {
            "IpProtocol": protocol(inputs["ipProtocol"]),
            "FromPort": inputs.get("fromPort", -1),
            "ToPort": inputs.get("toPort", -1),
            "Description": inputs.get("description", ""),
            **given(inputs, self._SOURCES),
        }
        call.client("ec2").modify_security_group_rules(
            GroupId=inputs["securityGroupId"],
            SecurityGroupRules=[{"SecurityGroupRuleId": resource_id, "SecurityGroupRule": rule}],
        )

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        retag(call, resource_id, add, drop)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        direction = "egress" if self.egress else "ingress"
        permissions.revoke_by_id(call, state["securityGroupId"], direction, resource_id)


class SecurityGroupIngressRule(SecurityGroupVpcRule):
    """docs: website/docs/r/vpc_security_group_ingress_rule.html.markdown"""

    token = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
    egress = False


class SecurityGroupEgressRule(SecurityGroupVpcRule):
    """docs: website/docs/r/vpc_security_group_egress_rule.html.markdown"""

    token = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"
    egress = True


TYPES: tuple[type[ResourceType], ...] = (
    SecurityGroup,
    SecurityGroupRule,
    SecurityGroupIngressRule,
    SecurityGroupEgressRule,
)
