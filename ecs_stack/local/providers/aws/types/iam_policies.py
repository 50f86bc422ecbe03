"""Managed policies, and the identity providers whose tokens IAM trusts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import errors
from ..call import Call
from ..naming import Autoname
from ..resource import ResourceType, State
from ..tags import from_pairs, pairs
from .ec2 import given
from .iam import document

#: AWS keeps that many of a policy: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
_MAX_VERSIONS = 5


class Policy(ResourceType):
    """docs: website/docs/r/iam_policy.html.markdown"""

    token = "aws:iam/policy:Policy"
    inputs = frozenset({"description", "name", "namePrefix", "path", "policy"})
    autoname = Autoname(128)
    defaults = {"path": "/"}
    replaces = frozenset({"description", "name", "namePrefix", "path"})
    documents = frozenset({"policy"})
    conflicts = (("name", "namePrefix"),)
    kept = frozenset({"namePrefix"})
    regional = False

    def create(self, call: Call, inputs: State) -> str:
        answer = call.client("iam").create_policy(
            PolicyName=inputs["name"],
            PolicyDocument=inputs["policy"],
            Tags=pairs(call.tags),
            **given(inputs, {"description": "Description", "path": "Path"}),
        )
        arn = call.created = str(answer["Policy"]["Arn"])
        return arn

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        client = call.client("iam")
        answer = errors.if_found(client.get_policy, PolicyArn=resource_id)
        if answer is None:
            return None
        policy = answer["Policy"]
        version = client.get_policy_version(PolicyArn=resource_id, VersionId=policy["DefaultVersionId"])
        return {
            "arn": policy["Arn"],
            "attachmentCount": policy.get("AttachmentCount", 0),
            "description": policy.get("Description", ""),
            "name": policy["PolicyName"],
            "path": policy["Path"],
            "policy": document(version["PolicyVersion"]["Document"]),
            "policyId": policy["PolicyId"],
            "tagsAll": from_pairs(policy.get("Tags", [])),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("iam")
        if "policy" not in changed:
            return
        old = [version for version in self._versions(client, resource_id) if not version["IsDefaultVersion"]]
        if len(old) >= _MAX_VERSIONS - 1:
            oldest = min(old, key=lambda version: version["CreateDate"])
            client.delete_policy_version(PolicyArn=resource_id, VersionId=oldest["VersionId"])
        client.create_policy_version(PolicyArn=resource_id, PolicyDocument=inputs["policy"], SetAsDefault=True)

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("iam")
        if drop:
            client.untag_policy(PolicyArn=resource_id, TagKeys=drop)
        if add:
            client.tag_policy(PolicyArn=resource_id, Tags=pairs(add))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        client = call.client("iam")
        if errors.if_found(client.get_policy, PolicyArn=resource_id) is None:
            return
        for version in self._versions(client, resource_id):
            if not version["IsDefaultVersion"]:
                client.delete_policy_version(PolicyArn=resource_id, VersionId=version["VersionId"])
        # A role that has it as its boundary may still be on its way out.
        call.retry(("DeleteConflict",), errors.if_found, call=client.delete_policy, PolicyArn=resource_id)

    def _versions(self, client: Any, arn: str) -> list[dict[str, Any]]:
        return [
            each
            for page in client.get_paginator("list_policy_versions").paginate(PolicyArn=arn)
            for each in page["Versions"]
        ]


class OpenIdConnectProvider(ResourceType):
    """docs: website/docs/r/iam_openid_connect_provider.html.markdown"""

    token = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"
    inputs = frozenset({"clientIdLists", "thumbprintLists", "url"})
    replaces = frozenset({"url"})
    computed = frozenset({"thumbprintLists"})
    ordered = frozenset({"thumbprintLists"})
    regional = False

    def create(self, call: Call, inputs: State) -> str:
        answer = call.client("iam").create_open_id_connect_provider(
            Url=inputs["url"],
            ClientIDList=inputs["clientIdLists"],
            Tags=pairs(call.tags),
            **given(inputs, {"thumbprintLists": "ThumbprintList"}),
        )
        arn = call.created = str(answer["OpenIDConnectProviderArn"])
        return arn

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        client = call.client("iam")
        answer = errors.if_found(client.get_open_id_connect_provider, OpenIDConnectProviderArn=resource_id)
        if answer is None:
            return None
        return {
            "arn": resource_id,
            "clientIdLists": answer["ClientIDList"],
            "thumbprintLists": answer["ThumbprintList"],
            # AWS answers without the scheme.
            "url": answer["Url"].removeprefix("https://"),
            "tagsAll": from_pairs(answer.get("Tags", [])),
        }

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "url":
            return str(old).removeprefix("https://") == str(new).removeprefix("https://")
        return super().same(path, old, new, state)

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        client = call.client("iam")
        if "thumbprintLists" in changed and inputs.get("thumbprintLists"):
            client.update_open_id_connect_provider_thumbprint(
                OpenIDConnectProviderArn=resource_id, ThumbprintList=inputs["thumbprintLists"]
            )
        if "clientIdLists" in changed:
            live, wanted = set(state.get("clientIdLists") or []), set(inputs["clientIdLists"])
            for each in sorted(wanted - live):
                client.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=resource_id, ClientID=each)
            for each in sorted(live - wanted):
                client.remove_client_id_from_open_id_connect_provider(
                    OpenIDConnectProviderArn=resource_id, ClientID=each
                )

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("iam")
        if drop:
            client.untag_open_id_connect_provider(OpenIDConnectProviderArn=resource_id, TagKeys=drop)
        if add:
            client.tag_open_id_connect_provider(OpenIDConnectProviderArn=resource_id, Tags=pairs(add))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        client = call.client("iam")
        errors.if_found(client.delete_open_id_connect_provider, OpenIDConnectProviderArn=resource_id)


TYPES: tuple[type[ResourceType], ...] = (Policy, OpenIdConnectProvider)
