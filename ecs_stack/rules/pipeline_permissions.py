"""What pipelines may do in an account: to deploy one environment, or to make previews beside it.

Reading the state of EC2, load balancers, ECS and the autoscaler can't be limited to resources; the rest is limited by
the resource's ARN where its name is known, and by the tag ``ecs-stack:project`` where AWS makes up the name.
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ecs_stack.rules import arns, policies
from ecs_stack.rules import pipeline_actions as actions
from ecs_stack.rules.ephemeral import HOST_TAG
from ecs_stack.rules.tags import PROJECT

#: Characters of a managed policy, and of all inline policies of a role. AWS doesn't count white space.
#: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
MANAGED_POLICY, INLINE_POLICIES = 6_144, 10_240


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where pipelines work. ``environment`` is the one they deploy, or the host of previews."""

    project: str
    environment: str
    region: str
    account: str
    boundary_arn: str
    """The permissions boundary that every role they make has to have."""
    repositories: Sequence[str] = field(default=())
    """The ARNs of the repositories in ECR that the services' images come from."""
    state: str | None = None
    """The engine's state in S3, ``BUCKET/PREFIX``; None if it is elsewhere."""
    key_alias: str | None = None
    """The alias of the KMS key that encrypts it and the secrets in it."""
    domain: bool = False
    """Whether the environment's load balancer has a domain: a certificate, records in Route 53, or both."""

    def arn(self, service: str, resource: str, *, region: str | None = None) -> str:
        """The ARN of a resource in this account and, unless another is named, region."""
        where = self.region if region is None else region
        return f"arn:{arns.partition(self.region)}:{service}:{where}:{self.account}:{resource}"

    @property
    def new(self) -> dict[str, Any]:
        """The condition of what is being made: it gets the project's tag."""
        return {"StringEquals": {f"aws:RequestTag/{PROJECT}": self.project}}

    @property
    def ours(self) -> dict[str, Any]:
        """The condition of what is there: it has the project's tag."""
        return {"StringEquals": {f"aws:ResourceTag/{PROJECT}": self.project}}

    @property
    def new_preview(self) -> dict[str, Any]:
        """The condition of what is made for a preview: it gets the project's and the host's tag."""
        return {
            "StringEquals": {f"aws:RequestTag/{PROJECT}": self.project, f"aws:RequestTag/{HOST_TAG}": self.environment}
        }

    @property
    def preview(self) -> dict[str, Any]:
        """The condition of what belongs to previews: the host itself doesn't have the host's tag."""
        tags = {PROJECT: self.project, HOST_TAG: self.environment}
        return {"StringEquals": {f"aws:ResourceTag/{tag}": value for tag, value in tags.items()}}


def role_path(project: str, environment: str, *, preview: bool = False) -> str:
    """The path of the roles of an environment's tasks.

    Which roles a pipeline may hand to ECS can only be limited by ARN: AWS ignores a role's tags there.
    https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_use_passrole.html
    """
    return f"/ecs-stack/{project}/{'previews/' if preview else ''}{environment}/"


def deploy(place: Place) -> dict[str, Any]:
    """What runs on the environment's branch may do, beside ``network``: make and change its services, and no others."""
    roles = place.arn("iam", f"role{role_path(place.project, place.environment)}*", region="")
    return policies.document(
        [
            *_common(place, log_groups=f"/ecs/{place.environment}/*", new=place.new, changeable=place.ours),
            *_roles(place, roles),
            # The roles of pipelines are a person's to change: an up that leaves them as they are doesn't ask for them.
            _allow("Boundary", [f"iam:{verb}" for verb in actions.BOUNDARY], [place.boundary_arn]),
            *(_domain(place) if place.domain else ()),
        ]
    )


def network(place: Place) -> dict[str, Any]:
    """What runs on the environment's branch may do to its network, load balancer and cluster.

    A policy of its own: both together are more than AWS takes in one.
    """
    made = [place.arn("ec2", f"{kind}/*") for kind in actions.NETWORK_KINDS]
    verbs = [f"ec2:{verb}" for verb in (*actions.NETWORK, *actions.GROUPS)]
    return policies.document(
        [
            # Tags decide who may change what is there, so this is for what is being made.
            _allow("Ec2Tag", ["ec2:CreateTags"], made, {**place.new, "Null": {"ec2:CreateAction": "false"}}),
            _allow("Ec2Make", verbs, made, place.new),
            _allow("Ec2Change", [*verbs, "ec2:CreateTags", "ec2:DeleteTags"], made, place.ours),
            *_load_balancing(
                place,
                ("loadbalancer/app", "listener/app", "listener-rule/app", "targetgroup"),
                ("CreateLoadBalancer", "CreateListener", "CreateRule", "CreateTargetGroup"),
                (*actions.BALANCING, *actions.BALANCING_WHOLE),
                new=place.new,
                changeable=place.ours,
            ),
            _allow(
                "Cluster",
                [f"ecs:{verb}" for verb in actions.CLUSTERS],
                [place.arn("ecs", f"cluster/{place.environment}")],
            ),
        ]
    )


def preview(place: Place) -> dict[str, Any]:
    """What runs for pull requests may do: make services beside the host's, and change or delete other previews.

    Nobody has reviewed what they run. The host they only read; roles that they make can do no more than the boundary.
    """
    roles = place.arn("iam", f"role{role_path(place.project, '*', preview=True)}*", region="")
    return policies.document(
        [
            *_common(place, log_groups="/ecs/*", new=place.new_preview, changeable=place.preview),
            *_security_groups(place, new=place.new_preview, changeable=place.preview),
            *_load_balancing(
                place,
                ("listener-rule/app", "targetgroup"),
                ("CreateRule", "CreateTargetGroup"),
                actions.BALANCING,
                new=place.new_preview,
                changeable=place.preview,
            ),
            *_roles(place, roles),
            *_host_state(place),
        ]
    )


def boundary(granted: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The most that roles of tasks may have: what the statements ``granted`` allow, put together.

    Raises ValueError if AWS wouldn't take it.
    """
    by_resources: dict[tuple[str, ...], set[str]] = {}
    for statement in granted:
        by_resources.setdefault(tuple(sorted(statement["Resource"])), set()).update(statement["Action"])
    found = policies.document(
        [
            {"Effect": "Allow", "Action": sorted(actions), "Resource": list(resources)}
            for resources, actions in sorted(by_resources.items())
        ]
    )
    size = len(json.dumps(found, separators=(",", ":")))
    if size > MANAGED_POLICY:
        raise ValueError(
            f"the services' permissions and secrets make a permissions boundary of {size} characters, and AWS takes "
            f"{MANAGED_POLICY}: name resources by a common prefix with *"
        )
    return found


def _common(
    place: Place, *, log_groups: str, new: Mapping[str, Any], changeable: Mapping[str, Any]
) -> list[policies.Statement]:
    in_group = place.arn("logs", f"log-group:{log_groups}")
    groups = [in_group, f"{in_group}:*"]
    services = [place.arn("ecs", f"service/{place.environment}/*")]
    revisions = [place.arn("ecs", "task-definition/*:*")]
    # What the autoscaler makes up the names of.
    targets = [place.arn("application-autoscaling", "scalable-target/*")]
    scaling = [f"application-autoscaling:{verb}" for verb in actions.SCALING]
    statements = [
        _allow("Look", list(actions.LOOK), ["*"]),
        _allow("LogsMake", ["logs:CreateLogGroup", "logs:TagResource"], groups, new),
        _allow("Logs", [f"logs:{verb}" for verb in actions.LOGS], groups, changeable),
        _allow("ServiceMake", ["ecs:CreateService", "ecs:RegisterTaskDefinition"], [*services, *revisions], new),
        # Tags decide who may change what is there, so this is for what is being made.
        _allow(
            "ServiceTag",
            ["ecs:TagResource"],
            [*services, *revisions],
            {"StringEquals": {"ecs:CreateAction": ["CreateService", "RegisterTaskDefinition"]}},
        ),
        _allow("Service", [f"ecs:{verb}" for verb in actions.SERVICES], services, changeable),
        _allow("ScalingMake", scaling, targets, new),
        _allow("Scaling", scaling, targets, changeable),
        _allow(
            "ScalingAlarms",
            ["cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:PutMetricAlarm"],
            [place.arn("cloudwatch", f"alarm:TargetTracking-service/{place.environment}/*")],
        ),
    ]
    statements += _state(place)
    if place.repositories:
        statements.append(_allow("Images", [f"ecr:{verb}" for verb in actions.IMAGES], list(place.repositories)))
    return statements


def _state(place: Place) -> list[policies.Statement]:
    if place.state is None:
        return []
    bucket, _, prefix = place.state.partition("/")
    in_bucket = f"arn:{arns.partition(place.region)}:s3:::{bucket}"
    statements = [
        _allow("State", ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], [f"{in_bucket}/{prefix}.pulumi/*"]),
        _allow("StateList", ["s3:ListBucket", "s3:GetBucketLocation"], [in_bucket]),
    ]
    if place.key_alias:
        # A key's own number isn't in the environment file, its alias is.
        statements.append(
            _allow(
                "StateKey",
                ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey"],
                [place.arn("kms", "key/*")],
                {"ForAnyValue:StringEquals": {"kms:ResourceAliases": place.key_alias}},
            )
        )
    return statements


def _host_state(place: Place) -> list[policies.Statement]:
    """All stacks' state is in one folder, and what nobody has reviewed writes no other environment's."""
    if place.state is None:
        return []
    bucket, _, prefix = place.state.partition("/")
    stack = f"{prefix}.pulumi/stacks/{place.project}/{place.environment}.json*"
    file = f"arn:{arns.partition(place.region)}:s3:::{bucket}/{stack}"
    return [{"Sid": "HostState", "Effect": "Deny", "Action": ["s3:DeleteObject", "s3:PutObject"], "Resource": [file]}]


def _security_groups(
    place: Place, *, new: Mapping[str, Any], changeable: Mapping[str, Any]
) -> list[policies.Statement]:
    group, rule = place.arn("ec2", "security-group/*"), place.arn("ec2", "security-group-rule/*")
    verbs = [f"ec2:{verb}" for verb in actions.GROUPS]
    made = {**new, "Null": {"ec2:CreateAction": "false"}}
    return [
        _allow("GroupTag", ["ec2:CreateTags"], [group, rule], made),
        _allow("GroupMake", ["ec2:CreateSecurityGroup"], [group], new),
        _allow("GroupIn", ["ec2:CreateSecurityGroup"], [place.arn("ec2", "vpc/*")], place.ours),
        # A rule is new, and the group that it goes into has to be one that may be changed.
        _allow("GroupRule", [verb for verb in verbs if verb.startswith("ec2:Authorize")], [rule], new),
        _allow("GroupChange", [*verbs, "ec2:CreateTags", "ec2:DeleteTags"], [group, rule], changeable),
    ]


def _load_balancing(
    place: Place,
    kinds: Sequence[str],
    make: Sequence[str],
    change: Sequence[str],
    *,
    new: Mapping[str, Any],
    changeable: Mapping[str, Any],
) -> list[policies.Statement]:
    elb = "elasticloadbalancing"
    resources = [place.arn(elb, f"{kind}/*") for kind in kinds]
    # A rule is made on a listener, a listener on a load balancer: both have the project's tag already.
    parents = [place.arn(elb, "loadbalancer/app/*"), place.arn(elb, "listener/app/*")]
    return [
        _allow("BalanceMake", [f"{elb}:{verb}" for verb in make], resources, new),
        _allow("BalanceOn", [f"{elb}:{verb}" for verb in make if verb in actions.ON_PARENTS], parents, place.ours),
        _allow("BalanceTag", [f"{elb}:AddTags"], resources, {"StringEquals": {f"{elb}:CreateAction": list(make)}}),
        _allow("BalanceChange", [f"{elb}:{verb}" for verb in change], resources, changeable),
    ]


def _domain(place: Place) -> list[policies.Statement]:
    """A person makes certificate and records, once: whoever may change records can take over every name of the zone."""
    certificates = [place.arn("acm", "certificate/*")]
    zones = [f"arn:{arns.partition(place.region)}:route53:::hostedzone/*"]
    return [
        _allow("CertificateLook", [f"acm:{verb}" for verb in actions.CERTIFICATES_LOOK], certificates),
        _allow("CertificateTags", [f"acm:{verb}" for verb in actions.CERTIFICATE_TAGS], certificates, place.ours),
        _allow("ZoneLook", [f"route53:{verb}" for verb in actions.ZONES_LOOK], zones),
        # AWS limits listing to no resource.
        _allow("ZoneList", ["route53:ListHostedZones", "route53:ListHostedZonesByName"], ["*"]),
    ]


def _roles(place: Place, roles: str) -> list[policies.Statement]:
    bounded = {"StringEquals": {"iam:PermissionsBoundary": place.boundary_arn}}
    return [
        _allow("RoleMake", ["iam:CreateRole", "iam:PutRolePolicy", "iam:DeleteRolePolicy"], [roles], bounded),
        _allow(
            "Role",
            [f"iam:{verb}" for verb in actions.ROLES],
            [roles],
        ),
        _allow(
            "RoleHandOver",
            ["iam:PassRole"],
            [roles],
            {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}},
        ),
        # ECS, load balancers and the autoscaler make one role each in an account, when they are first used.
        _allow(
            "RolesOfAws",
            ["iam:CreateServiceLinkedRole"],
            [place.arn("iam", "role/aws-service-role/*", region="")],
            {
                "StringEquals": {
                    "iam:AWSServiceName": [
                        "ecs.amazonaws.com",
                        "ecs.application-autoscaling.amazonaws.com",
                        "elasticloadbalancing.amazonaws.com",
                    ]
                }
            },
        ),
    ]


def _allow(
    sid: str, actions: list[str], resources: list[str], condition: Mapping[str, Any] | None = None
) -> policies.Statement:
    statement: policies.Statement = {"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources}
    return {**statement, "Condition": condition} if condition else statement
