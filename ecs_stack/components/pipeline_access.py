"""What an account gives to a repository's pipelines: roles without keys, and the bounds of the roles they make."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pulumi
import pulumi_aws as aws
from pulumi_aws import iam

from ecs_stack.rules import arns, images, pipeline_permissions, pipelines, policies, secrets
from ecs_stack.rules.pipeline_permissions import Place

Tags = pulumi.Input[Mapping[str, pulumi.Input[str]]]


@dataclass(frozen=True, kw_only=True)
class Grant:
    """What a service's tasks may have: its image, its secrets (references) and its permissions (actions, resources)."""

    image: str
    secrets: Sequence[str] = ()
    permissions: Sequence[Mapping[str, Sequence[str]]] = ()


@dataclass(frozen=True, kw_only=True)
class PipelineAccessArgs:
    """``project`` and ``environment`` are those that the environment's resources are tagged with.

    ``previews``: whether runs for pull requests get a role, too. ``new_provider`` is False if the account has the
    identity provider of this issuer already. ``state`` is where the engine's state is, ``BUCKET/PREFIX``, in S3;
    ``key_alias`` that of the KMS key for it. ``domain``: whether the load balancer has one.
    """

    project: str
    environment: str
    pipelines: pipelines.Pipelines
    previews: bool = False
    new_provider: bool = True
    grants: Sequence[Grant] = field(default=())
    state: str | None = None
    key_alias: str | None = None
    domain: bool = False
    tags: Tags | None = None


class PipelineAccess(pulumi.ComponentResource):
    """An identity provider, a role for deployments, one for previews, and the permissions boundary.

    The roles' names don't depend on anything that is only known later, so that pipelines can be written before the
    roles are made. What a pipeline makes roles for can do no more than the services of this environment's file can.
    """

    boundary_arn: pulumi.Output[str]
    deploy_role_arn: pulumi.Output[str]
    preview_role_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: PipelineAccessArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:PipelineAccess", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        account = aws.get_caller_identity_output(opts=invoke).account_id
        region = aws.get_region_output(opts=invoke).region
        place = pulumi.Output.all(region=region, account=account)
        bound = iam.Policy(
            f"{name}-boundary",
            description="The most that roles of tasks may do",
            policy=place.apply(lambda at: self._boundary(**at)),
            tags=args.tags,
            opts=self._child,
        )
        self.boundary_arn = bound.arn
        at = pulumi.Output.all(region=region, account=account, boundary_arn=bound.arn).apply(self._place)
        trusted: list[pulumi.Resource] = []
        if args.new_provider:
            # AWS checks the issuer's certificate itself, so no thumbprint has to be kept current.
            trusted.append(
                iam.OpenIdConnectProvider(
                    name,
                    url=args.pipelines.issuer,
                    client_id_lists=[pipelines.AUDIENCE],
                    tags=args.tags,
                    opts=self._child,
                )
            )
        network = iam.Policy(
            f"{name}-network",
            description="Pipelines that deploy: network, load balancer, cluster",
            policy=at.apply(lambda known: _text(pipeline_permissions.network(known))),
            tags=args.tags,
            opts=self._child,
        )
        self.deploy_role_arn = self._role("deploy", args.pipelines.deploys, at, trusted, network)
        self.preview_role_arn = None
        if args.previews:
            self.preview_role_arn = self._role("preview", args.pipelines.previews, at, trusted)
        self.register_outputs(
            {
                "boundary_arn": self.boundary_arn,
                "deploy_role_arn": self.deploy_role_arn,
                "preview_role_arn": self.preview_role_arn,
            }
        )

    def _boundary(self, region: str, account: str) -> str:
        """The bounds of tasks' roles, whichever environment's: previews have log groups of their own."""
        log_groups = f"arn:{arns.partition(region)}:logs:{region}:{account}:log-group:/ecs/*"
        granted = [*policies.execution(log_group_arn=log_groups, secrets=(), repository=None)["Statement"]]
        for grant in self._args.grants:
            execution = policies.execution(
                log_group_arn=log_groups,
                secrets=[secrets.resolve(each, region=region, account=account) for each in grant.secrets],
                repository=images.ecr_repository(grant.image),
            )
            granted += [*execution["Statement"], *policies.permissions(grant.permissions)["Statement"]]
        return _text(pipeline_permissions.boundary(granted))

    def _place(self, known: Mapping[str, str]) -> Place:
        args = self._args
        found = {images.ecr_repository(grant.image) for grant in args.grants}
        return Place(
            project=args.project,
            environment=args.environment,
            repositories=sorted(each.arn for each in found if each),
            state=args.state,
            key_alias=args.key_alias,
            domain=args.domain,
            **known,
        )

    def _role(
        self,
        what: str,
        subjects: tuple[str, ...],
        place: pulumi.Output[Place],
        trusted: Sequence[pulumi.Resource],
        *attached: iam.Policy,
    ) -> pulumi.Output[str]:
        args = self._args
        issuer = args.pipelines.issuer
        role = iam.Role(
            f"{self._name}-{what}",
            name=pipelines.role_name(args.project, args.environment, what),
            description=f"Pipelines that {what}",
            assume_role_policy=place.apply(
                lambda at: json.dumps(pipelines.trust(issuer, subjects, region=at.region, account=at.account))
            ),
            managed_policy_arns=[policy.arn for policy in attached] or None,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, depends_on=trusted),
        )
        document = pipeline_permissions.deploy if what == "deploy" else pipeline_permissions.preview
        iam.RolePolicy(
            f"{self._name}-{what}",
            role=role.name,
            policy=place.apply(lambda at: _text(document(at))),
            opts=self._child,
        )
        return role.arn


def _text(document: Mapping[str, Any]) -> str:
    return json.dumps(document, separators=(",", ":"))
