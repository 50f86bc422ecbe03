"""An environment with `ci`: what its pipelines get, and what previews on it have from it."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from ecs_stack import ephemeral_program, spec
from ecs_stack.outputs import EphemeralOutputs, StackOutputs
from ecs_stack.program import load_sdk
from tests.components.recording import Recording, record
from tests.program.test_program import built, environment, exported

SERVICE: dict[str, Any] = {"image": "acme/api:1", "cpu": 256, "memory": 512, "port": 8080, "route": {"path": "/*"}}
HOST = environment(
    services={"api": {**SERVICE, "permissions": [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::a/*"]}]}},
    ci={"github": "acme/shop"},
    state={"backend": "s3://states/shop", "secrets": "awskms://alias/states"},
    hosts_ephemeral=True,
)
BOUNDARY = "arn:aws:Policy:dev-boundary"


def preview(host: StackOutputs) -> Recording:
    """What is made for a preview that changes the host's service."""
    resolved = spec.Ephemeral.model_validate(
        {
            "name": "pr-42",
            "host": "dev",
            "target": "aws",
            "region": "eu-west-1",
            "domain": "example.com",
            "ttl": "72h",
            "log_retention_days": 30,
            "services": {"api": {**SERVICE, "route": {"path": "/*", "host": "pr-42.example.com"}}},
        }
    )
    facts = EphemeralOutputs(
        host="dev",
        owner="me",
        created="2026-11-24T12:00:00Z",
        expires="never",
        spec=resolved.model_dump(mode="json"),
        priorities={"api": 7},
    )
    recording = record("pr-42")
    load_sdk()
    pulumi.runtime.test(lambda: ephemeral_program.build(facts, host, "shop"))()
    return recording


def test_roles_of_tasks_have_the_bounds_that_pipelines_give_them() -> None:
    recording = built(HOST)
    tasks = [role for role in recording.of("iam/role:Role") if role.name.startswith("dev-api")]
    assert len(tasks) == 2
    assert {(role["path"], role["permissionsBoundary"]) for role in tasks} == {("/ecs-stack/shop/dev/", BOUNDARY)}
    ours = [role for role in recording.of("iam/role:Role") if role not in tasks]
    assert [(role.name, role["path"]) for role in ours] == [("dev-deploy", None), ("dev-preview", None)]


def test_the_state_is_the_files() -> None:
    policy = json.loads(built(HOST).one("iam/rolePolicy:RolePolicy", "dev-preview")["policy"])
    allowed = {each["Sid"]: each for each in policy["Statement"]}
    assert allowed["State"]["Resource"] == ["arn:aws:s3:::states/shop/.pulumi/*"]
    assert allowed["StateKey"]["Condition"] == {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/states"}}
    assert allowed["HostState"]["Resource"] == ["arn:aws:s3:::states/shop/.pulumi/stacks/shop/dev.json*"]


def test_without_ci_roles_are_as_they_were() -> None:
    recording = built(HOST.model_copy(update={"ci": None}))
    assert {(role["path"], role["permissionsBoundary"]) for role in recording.of("iam/role:Role")} == {("/", None)}
    assert not recording.of("iam/policy:Policy")


def test_only_a_host_has_a_role_for_previews() -> None:
    names = [role.name for role in built(HOST.model_copy(update={"hosts_ephemeral": False})).of("iam/role:Role")]
    assert "dev-deploy" in names
    assert "dev-preview" not in names


def test_the_outputs_have_the_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    pipelines = StackOutputs.from_dict(exported(HOST, monkeypatch)).pipelines
    assert pipelines is not None
    assert (pipelines.deploy_role_arn, pipelines.preview_role_arn) == (
        "arn:aws:Role:dev-deploy",
        "arn:aws:Role:dev-preview",
    )
    assert pipelines.boundary_arn == BOUNDARY
    assert StackOutputs.from_dict(exported(HOST.model_copy(update={"ci": None}), monkeypatch)).pipelines is None


#: What makes each kind of resource of a preview, as IAM names it.
MAKES = {
    "aws:cloudwatch/logGroup:LogGroup": "logs:CreateLogGroup",
    "aws:ecs/service:Service": "ecs:CreateService",
    "aws:ecs/taskDefinition:TaskDefinition": "ecs:RegisterTaskDefinition",
    "aws:iam/role:Role": "iam:CreateRole",
    "aws:iam/rolePolicy:RolePolicy": "iam:PutRolePolicy",
    "aws:lb/listenerRule:ListenerRule": "elasticloadbalancing:CreateRule",
    "aws:lb/targetGroup:TargetGroup": "elasticloadbalancing:CreateTargetGroup",
    "aws:ec2/securityGroup:SecurityGroup": "ec2:CreateSecurityGroup",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "ec2:AuthorizeSecurityGroupIngress",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "ec2:AuthorizeSecurityGroupEgress",
}


def test_pull_requests_may_make_all_that_a_preview_consists_of(monkeypatch: pytest.MonkeyPatch) -> None:
    recording = preview(StackOutputs.from_dict(exported(HOST, monkeypatch)))
    kinds = {each.type for each in recording.all if each.type.startswith("aws:")}
    policy = json.loads(built(HOST).one("iam/rolePolicy:RolePolicy", "dev-preview")["policy"])
    allowed = {action for each in policy["Statement"] if each["Effect"] == "Allow" for action in each["Action"]}
    assert {MAKES[kind] for kind in kinds} <= allowed
    roles = recording.of("iam/role:Role")
    assert {role["path"] for role in roles} == {"/ecs-stack/shop/previews/pr-42/"}
    assert {role["permissionsBoundary"] for role in roles} == {BOUNDARY}
    untagged = {"aws:iam/rolePolicy:RolePolicy"}
    for each in recording.all:
        if each.type in kinds - untagged:
            assert each["tags"]["ecs-stack:host"] == "dev", f"without it, {each.key} couldn't be changed any more"
