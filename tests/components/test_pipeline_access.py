"""What pipelines are given: who is trusted, what they may do, and what they can't give themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import pulumi
import pytest

from ecs_stack.components import Grant, PipelineAccess, PipelineAccessArgs
from ecs_stack.rules import pipeline_permissions, pipelines
from tests.components.recording import ACCOUNT, REGION, Recording

GITHUB = pipelines.Pipelines.github("acme/shop", branch="main", environment="dev")
IMAGE = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/acme/api:1"
ARGS = PipelineAccessArgs(
    project="shop",
    environment="dev",
    pipelines=GITHUB,
    previews=True,
    grants=[
        Grant(
            image=IMAGE,
            secrets=["ssm:/shop/db"],
            permissions=[{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::assets/*"]}],
        )
    ],
    state="states/shop/",
    key_alias="alias/states",
    tags={"ecs-stack:project": "shop"},
)
PLACE = pipeline_permissions.Place(
    project="shop",
    environment="dev",
    region=REGION,
    account=ACCOUNT,
    boundary_arn=f"arn:aws:iam::{ACCOUNT}:policy/dev-boundary",
    repositories=[f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/acme/api"],
    state="states/shop/",
    key_alias="alias/states",
)
WITH_DOMAIN = replace(PLACE, domain=True)


@pulumi.runtime.test
def _settled(args: PipelineAccessArgs = ARGS) -> None:
    PipelineAccess("dev", args)


def trusted(built: Recording, role: str) -> list[dict[str, Any]]:
    policy = json.loads(built.one("iam/role:Role", f"dev-{role}")["assumeRolePolicy"])
    return policy["Statement"]  # type: ignore[no-any-return]


def subjects(built: Recording, role: str) -> set[str]:
    found: set[str] = set()
    for statement in trusted(built, role):
        assert statement["Condition"]["StringEquals"]["token.actions.githubusercontent.com:aud"] == "sts.amazonaws.com"
        for test in statement["Condition"].values():
            of = test.get("token.actions.githubusercontent.com:sub", [])
            found.update([of] if isinstance(of, str) else of)
    return found


def test_only_the_environments_own_runs_may_deploy(built: Recording) -> None:
    _settled()
    assert subjects(built, "deploy") == {"repo:acme/shop:environment:dev"}
    assert subjects(built, "preview") == {"repo:acme/shop:pull_request", "repo:acme/shop:ref:refs/heads/main"}
    (statement,) = trusted(built, "deploy")
    assert statement["Action"] == "sts:AssumeRoleWithWebIdentity"
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    assert statement["Principal"] == {"Federated": provider}


def test_the_identity_provider_is_for_aws_only(built: Recording) -> None:
    _settled()
    provider = built.one("iam/openIdConnectProvider:OpenIdConnectProvider")
    assert provider["url"] == GITHUB.issuer
    assert provider["clientIdLists"] == ["sts.amazonaws.com"]
    # AWS takes no token of an issuer that it doesn't know yet.
    assert provider.key in built.one("iam/role:Role", "dev-deploy").dependencies


def test_an_account_keeps_the_provider_it_has(built: Recording) -> None:
    _settled(PipelineAccessArgs(project="shop", environment="dev", pipelines=GITHUB, new_provider=False))
    assert not built.of("iam/openIdConnectProvider:OpenIdConnectProvider")
    assert [role.name for role in built.of("iam/role:Role")] == ["dev-deploy"], "no role for previews was asked for"


def test_the_names_of_roles_are_known_beforehand(built: Recording) -> None:
    _settled()
    assert built.one("iam/role:Role", "dev-deploy")["name"] == pipelines.role_name("shop", "dev", "deploy")
    assert len(pipelines.role_name("s" * 90, "dev", "deploy")) <= 64


def test_the_boundary_is_what_the_services_have(built: Recording) -> None:
    _settled()
    statements = json.loads(built.one("iam/policy:Policy", "dev-boundary")["policy"])["Statement"]
    allowed = {(action, resource) for each in statements for action in each["Action"] for resource in each["Resource"]}
    assert ("s3:GetObject", "arn:aws:s3:::assets/*") in allowed
    assert ("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/shop/db") in allowed
    assert ("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/*:*") in allowed
    assert {action for action, resource in allowed if resource == "*"} == {"ecr:GetAuthorizationToken"}


def test_a_boundary_that_aws_would_refuse_is_refused_before() -> None:
    many = [
        {"Action": ["s3:GetObject"], "Resource": [f"arn:aws:s3:::a-bucket-with-a-long-name-{number}/*"]}
        for number in range(80)
    ]
    with pytest.raises(ValueError, match="AWS takes 6144"):
        pipeline_permissions.boundary(many)


@pytest.mark.parametrize(
    ("document", "limit"),
    [
        (pipeline_permissions.deploy(PLACE), pipeline_permissions.INLINE_POLICIES),
        (pipeline_permissions.preview(PLACE), pipeline_permissions.INLINE_POLICIES),
        (pipeline_permissions.network(PLACE), pipeline_permissions.MANAGED_POLICY),
        (pipeline_permissions.deploy(WITH_DOMAIN), pipeline_permissions.INLINE_POLICIES),
    ],
)
def test_policies_fit(document: dict[str, Any], limit: int) -> None:
    """With room for the longer names of others, and more repositories."""
    assert len(json.dumps(document, separators=(",", ":"))) <= limit * 0.9
    sids = [statement["Sid"] for statement in document["Statement"]]
    assert len(sids) == len(set(sids))
    assert all(sid.isalnum() for sid in sids)


def allowing(document: dict[str, Any], action: str) -> Iterator[dict[str, Any]]:
    for statement in document["Statement"]:
        if statement["Effect"] == "Allow" and any(fnmatchcase(action, each) for each in statement["Action"]):
            yield statement


DANGEROUS = (
    "iam:CreateRole",
    "iam:PutRolePolicy",
    "iam:PassRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:DeleteRole",
)


@pytest.mark.parametrize("action", DANGEROUS)
def test_roles_are_those_of_tasks_only(action: str) -> None:
    """With any other role, a pipeline could take all rights of the account: its own role's included."""
    for document, path in (
        (pipeline_permissions.deploy(PLACE), "/ecs-stack/shop/dev/*"),
        (pipeline_permissions.preview(PLACE), "/ecs-stack/shop/previews/*/*"),
    ):
        (statement,) = allowing(document, action)
        assert statement["Resource"] == [f"arn:aws:iam::{ACCOUNT}:role{path}"]


@pytest.mark.parametrize("action", ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy"])
def test_rights_are_given_within_the_boundary_only(action: str) -> None:
    for document in (pipeline_permissions.deploy(PLACE), pipeline_permissions.preview(PLACE)):
        (statement,) = allowing(document, action)
        assert statement["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": PLACE.boundary_arn}}


@pytest.mark.parametrize(
    "action",
    ["iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:PutRolePermissionsBoundary", "iam:CreateUser"],
)
def test_nobody_takes_the_bounds_away(action: str) -> None:
    for document in (pipeline_permissions.deploy(PLACE), pipeline_permissions.preview(PLACE)):
        assert not list(allowing(document, action))


@pytest.mark.parametrize(
    "action",
    [
        "ec2:DeleteSubnet",
        "ec2:DeleteVpc",
        "ecs:DeleteCluster",
        "elasticloadbalancing:DeleteListener",
        "elasticloadbalancing:DeleteLoadBalancer",
        "elasticloadbalancing:ModifyListener",
        "iam:CreatePolicyVersion",
    ],
)
def test_pull_requests_cannot_change_the_host(action: str) -> None:
    deploying = (pipeline_permissions.deploy(PLACE), pipeline_permissions.network(PLACE))
    assert any(list(allowing(each, action)) for each in deploying)
    assert not list(allowing(pipeline_permissions.preview(PLACE), action))


@pytest.mark.parametrize(
    "action",
    [
        "ec2:AuthorizeSecurityGroupIngress",
        "ec2:DeleteSecurityGroup",
        "ec2:RevokeSecurityGroupEgress",
        "ecs:UpdateService",
        "ecs:DeleteService",
        "elasticloadbalancing:DeleteRule",
        "elasticloadbalancing:ModifyTargetGroup",
        "elasticloadbalancing:DeleteTargetGroup",
        "logs:DeleteLogGroup",
        "logs:GetLogEvents",
        "application-autoscaling:DeregisterScalableTarget",
    ],
)
def test_pull_requests_change_previews_of_this_host_only(action: str) -> None:
    for statement in allowing(pipeline_permissions.preview(PLACE), action):
        (test,) = statement["Condition"].values()
        assert {key.partition("/")[2]: value for key, value in test.items()} == {
            "ecs-stack:project": "shop",
            "ecs-stack:host": "dev",
        }


def test_tags_that_decide_are_given_to_new_things_only() -> None:
    for action in ("ec2:CreateTags", "ecs:TagResource", "elasticloadbalancing:AddTags"):
        for statement in allowing(pipeline_permissions.preview(PLACE), action):
            keys = {key for test in statement["Condition"].values() for key in test}
            assert any(key.endswith(":CreateAction") for key in keys) or "aws:ResourceTag/ecs-stack:host" in keys


@pytest.mark.parametrize(
    "action", ["route53:ChangeResourceRecordSets", "acm:RequestCertificate", "acm:DeleteCertificate"]
)
def test_no_pipeline_makes_certificates_or_records(action: str) -> None:
    for of in (pipeline_permissions.deploy, pipeline_permissions.network, pipeline_permissions.preview):
        assert not list(allowing(of(WITH_DOMAIN), action))


def test_pull_requests_do_not_write_the_hosts_state() -> None:
    (denied,) = [each for each in pipeline_permissions.preview(PLACE)["Statement"] if each["Effect"] == "Deny"]
    assert denied["Resource"] == ["arn:aws:s3:::states/shop/.pulumi/stacks/shop/dev.json*"]
    assert set(denied["Action"]) == {"s3:DeleteObject", "s3:PutObject"}


def test_everything_is_only_for_what_cannot_be_limited() -> None:
    assert all("*" not in each["Resource"] for each in pipeline_permissions.network(PLACE)["Statement"])
    for of in (pipeline_permissions.deploy, pipeline_permissions.preview):
        looks = [each for each in of(WITH_DOMAIN)["Statement"] if "*" in each["Resource"]]
        assert {each["Sid"] for each in looks} <= {"Look", "ZoneList"}
        assert all(
            action.split(":")[1].startswith(("Describe", "List", "GetAuthorizationToken"))
            or action == "ecs:DeregisterTaskDefinition"
            for look in looks
            for action in look["Action"]
        )
