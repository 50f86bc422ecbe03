"""IAM roles and their inline policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..naming import Autoname
from ..resource import ResourceType, State, same_document
from ..shapes import Block, Items
from ..tags import from_pairs, pairs
from .ec2 import given

#: IAM answers so while another change of the same role is under way.
_BUSY = ("ConcurrentModification", "ConcurrentModificationException")


class Role(ResourceType):
    """docs: website/docs/r/iam_role.html.markdown"""

    token = "aws:iam/role:Role"
    inputs = frozenset(
        {
            "assumeRolePolicy",
            "description",
            "forceDetachPolicies",
            "inlinePolicies",
            "managedPolicyArns",
            "maxSessionDuration",
            "name",
            "namePrefix",
            "path",
            "permissionsBoundary",
        }
    )
    blocks = {"inlinePolicies": Items(Block({"name": "name", "policy": "policy"}))}
    autoname = Autoname(64)
    defaults = {"forceDetachPolicies": False, "maxSessionDuration": 3600, "path": "/"}
    replaces = frozenset({"name", "namePrefix", "path"})
    computed = frozenset({"inlinePolicies", "managedPolicyArns"})
    documents = frozenset({"assumeRolePolicy", "inlinePolicies.policy"})
    conflicts = (("name", "namePrefix"),)
    kept = frozenset({"forceDetachPolicies", "namePrefix"})
    regional = False

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        policies = inputs.get("inlinePolicies")
        return [
            (f"inlinePolicies[{index}].name", "an inline policy needs a name: the stand-in makes none up")
            for index, policy in enumerate(policies if isinstance(policies, list) else ())
            if isinstance(policy, Mapping) and policy.get("policy") and not policy.get("name")
        ]

    def create(self, call: Call, inputs: State) -> str:
        client = call.client("iam")
        names = {
            "description": "Description",
            "maxSessionDuration": "MaxSessionDuration",
            "path": "Path",
            "permissionsBoundary": "PermissionsBoundary",
        }
        answer = call.retry_if(
            _passing,
            client.create_role,
            seconds=5,
            RoleName=inputs["name"],
            AssumeRolePolicyDocument=inputs["assumeRolePolicy"],
            Tags=pairs(call.tags),
            **given(inputs, names),
        )
        role = call.created = str(answer["Role"]["RoleName"])
        self._put_inline(call, role, [], inputs.get("inlinePolicies") or [])
        for arn in inputs.get("managedPolicyArns") or []:
            client.attach_role_policy(RoleName=role, PolicyArn=arn)
        return role

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        client = call.client("iam")
        answer = errors.if_found(client.get_role, RoleName=resource_id)
        if answer is None:
            return None
        role = answer["Role"]
        attached = client.list_attached_role_policies(RoleName=resource_id)["AttachedPolicies"]
        return {
            "arn": role["Arn"],
            "assumeRolePolicy": document(role["AssumeRolePolicyDocument"]),
            "createDate": role["CreateDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
            "description": role.get("Description", ""),
            "maxSessionDuration": role.get("MaxSessionDuration", 3600),
            "name": role["RoleName"],
            "path": role["Path"],
            "permissionsBoundary": (role.get("PermissionsBoundary") or {}).get("PermissionsBoundaryArn"),
            "uniqueId": role["RoleId"],
            "managedPolicyArns": sorted(p["PolicyArn"] for p in attached),
            "inlinePolicies": [
                {
                    "name": n,
                    "policy": document(client.get_role_policy(RoleName=resource_id, PolicyName=n)["PolicyDocument"]),
                }
                for n in client.list_role_policies(RoleName=resource_id)["PolicyNames"]
            ],
            "tagsAll": from_pairs(client.list_role_tags(RoleName=resource_id)["Tags"]),
        }

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "inlinePolicies" and isinstance(old, list) and isinstance(new, list):
            before, after = ({p["name"]: p.get("policy", "") for p in items if p.get("name")} for items in (old, new))
            return before.keys() == after.keys() and all(same_document(before[n], after[n]) for n in before)
        return super().same(path, old, new, state)

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("iam")
        if "assumeRolePolicy" in changed:
            call.retry_if(
                _passing,
                client.update_assume_role_policy,
                seconds=5,
                RoleName=resource_id,
                PolicyDocument=inputs["assumeRolePolicy"],
            )
        if changed & {"description", "maxSessionDuration"}:
            client.update_role(
                RoleName=resource_id,
                Description=inputs.get("description", ""),
                MaxSessionDuration=inputs["maxSessionDuration"],
            )
        if "permissionsBoundary" in changed:
            if inputs.get("permissionsBoundary"):
                client.put_role_permissions_boundary(
                    RoleName=resource_id, PermissionsBoundary=inputs["permissionsBoundary"]
                )
            else:
                errors.if_found(client.delete_role_permissions_boundary, RoleName=resource_id)
        if "inlinePolicies" in changed:
            self._put_inline(call, resource_id, state.get("inlinePolicies") or [], inputs.get("inlinePolicies") or [])
        if "managedPolicyArns" in changed:
            live, wanted = (
                set(state.get("managedPolicyArns") or []),
                set(inputs.get("managedPolicyArns") or []),
            )
            for arn in sorted(wanted - live):
                client.attach_role_policy(RoleName=resource_id, PolicyArn=arn)
            for arn in sorted(live - wanted):
                errors.if_found(client.detach_role_policy, RoleName=resource_id, PolicyArn=arn)

    def _put_inline(self, call: Call, role: str, live: list[dict[str, str]], wanted: list[dict[str, str]]) -> None:
        client = call.client("iam")
        for name in {p["name"] for p in live} - {p.get("name") for p in wanted}:
            errors.if_found(client.delete_role_policy, RoleName=role, PolicyName=name)
        for policy in wanted:
            if policy.get("name"):
                client.put_role_policy(RoleName=role, PolicyName=policy["name"], PolicyDocument=policy["policy"])

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("iam")
        if drop:
            client.untag_role(RoleName=resource_id, TagKeys=drop)
        if add:
            client.tag_role(RoleName=resource_id, Tags=pairs(add))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        client = call.client("iam")
        if errors.if_found(client.get_role, RoleName=resource_id) is None:
            return
        profiles = client.list_instance_profiles_for_role(RoleName=resource_id)["InstanceProfiles"]
        for profile in profiles:
            errors.if_found(
                client.remove_role_from_instance_profile,
                RoleName=resource_id,
                InstanceProfileName=profile["InstanceProfileName"],
            )
        # Policies that this role's own inputs put there go with it; others only when the user forces it.
        forced = bool(state.get("forceDetachPolicies"))
        if forced or state.get("managedPolicyArns"):
            for policy in client.list_attached_role_policies(RoleName=resource_id)["AttachedPolicies"]:
                if forced or policy["PolicyArn"] in state["managedPolicyArns"]:
                    errors.if_found(client.detach_role_policy, RoleName=resource_id, PolicyArn=policy["PolicyArn"])
        own = {p["name"] for p in state.get("inlinePolicies") or []}
        if forced or own:
            for name in client.list_role_policies(RoleName=resource_id)["PolicyNames"]:
                if forced or name in own:
                    errors.if_found(client.delete_role_policy, RoleName=resource_id, PolicyName=name)
        call.retry(("DeleteConflict", *_BUSY), errors.if_found, call=client.delete_role, RoleName=resource_id)


class RolePolicy(ResourceType):
    """docs: website/docs/r/iam_role_policy.html.markdown"""

    token = "aws:iam/rolePolicy:RolePolicy"
    inputs = frozenset({"name", "namePrefix", "policy", "role"})
    autoname = Autoname(128)
    replaces = frozenset({"name", "namePrefix", "role"})
    documents = frozenset({"policy"})
    conflicts = (("name", "namePrefix"),)
    kept = frozenset({"namePrefix"})
    tagged = False
    regional = False

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        if ":" not in import_id:
            raise ProviderError(f"import a role policy by ROLE:POLICY, not {import_id!r}")
        return import_id, {}

    def create(self, call: Call, inputs: State) -> str:
        self._put(call, inputs)
        return f"{inputs['role']}:{inputs['name']}"

    def _put(self, call: Call, inputs: State) -> None:
        call.retry(
            ("NoSuchEntity", *_BUSY),
            call.client("iam").put_role_policy,
            seconds=5,
            RoleName=inputs["role"],
            PolicyName=inputs["name"],
            PolicyDocument=inputs["policy"],
        )

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        role, _, name = resource_id.partition(":")
        answer = errors.if_found(call.client("iam").get_role_policy, RoleName=role, PolicyName=name)
        if answer is None:
            return None
        return {"name": name, "role": role, "policy": document(answer["PolicyDocument"])}

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        self._put(call, inputs)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        role, _, name = resource_id.partition(":")
        errors.if_found(call.client("iam").delete_role_policy, RoleName=role, PolicyName=name)


def _passing(error: ClientError) -> bool:
    """Whether another change is under way, or a principal that was just made isn't known to IAM yet."""
    return errors.code(error) in _BUSY or (
        errors.code(error) == "MalformedPolicyDocument" and "Invalid principal" in str(error)
    )


def document(value: Any) -> str:
    """A policy as text: botocore decodes it where the service encodes it in a way that botocore knows."""
    return json.dumps(value) if isinstance(value, Mapping) else unquote(str(value))


TYPES: tuple[type[ResourceType], ...] = (Role, RolePolicy)
