"""The two roles of a service's tasks: one that starts them, one that their code has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
import pulumi_aws as aws
from pulumi_aws import iam

from ecs_stack.rules import images, names, policies, secrets


@dataclass(frozen=True, kw_only=True)
class ServiceRolesArgs:
    """``secrets`` are references (see ``ecs_stack.rules.secrets``) by environment variable.

    ``permissions`` has what the code may do: mappings with ``actions`` and ``resources``. ``path`` is the roles', and
    ``permissions_boundary`` the ARN of the policy that no right of theirs goes beyond.
    """

    image: pulumi.Input[str]
    log_group_arn: pulumi.Input[str]
    secrets: Mapping[str, str] = field(default_factory=dict)
    permissions: Sequence[Mapping[str, Sequence[str]]] = ()
    path: str = "/"
    permissions_boundary: pulumi.Input[str] | None = None
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class ServiceRoles(pulumi.ComponentResource):
    """The execution role (logs, secrets and image of this service, nothing else) and the task role."""

    execution_role_arn: pulumi.Output[str]
    task_role_arn: pulumi.Output[str]
    secrets: pulumi.Output[Mapping[str, str]]
    """The secrets' ARNs, as a task definition's ``valueFrom`` takes them, by environment variable."""
    region: pulumi.Output[str]

    def __init__(self, name: str, args: ServiceRolesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:ServiceRoles", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        invoke = pulumi.InvokeOutputOptions(parent=self)
        account = aws.get_caller_identity_output(opts=invoke).account_id
        self.region = aws.get_region_output(opts=invoke).region
        place = pulumi.Output.all(region=self.region, account=account)
        resolved = place.apply(
            lambda at: {variable: secrets.resolve(ref, **at) for variable, ref in args.secrets.items()}
        )
        trust = place.apply(lambda at: json.dumps(policies.ecs_tasks_trust(**at)))
        execution = iam.Role(
            names.auto(f"{name}-execution", names.ROLE),
            assume_role_policy=trust,
            path=args.path,
            permissions_boundary=args.permissions_boundary,
            description="Starts tasks: logs, secrets, image",
            tags=args.tags,
            opts=child,
        )
        iam.RolePolicy(
            f"{name}-execution",
            role=execution.name,
            policy=pulumi.Output.all(log_group=args.log_group_arn, image=args.image, secrets=resolved).apply(
                lambda known: json.dumps(
                    policies.execution(
                        log_group_arn=known["log_group"],
                        secrets=known["secrets"].values(),
                        repository=images.ecr_repository(known["image"]),
                    )
                )
            ),
            opts=child,
        )
        task = iam.Role(
            names.auto(f"{name}-task", names.ROLE),
            assume_role_policy=trust,
            path=args.path,
            permissions_boundary=args.permissions_boundary,
            description="What the code in the containers may do",
            tags=args.tags,
            opts=child,
        )
        if args.permissions:
            iam.RolePolicy(
                f"{name}-task",
                role=task.name,
                policy=json.dumps(policies.permissions(args.permissions)),
                opts=child,
            )
        self.execution_role_arn = execution.arn
        self.task_role_arn = task.arn
        self.secrets = resolved.apply(lambda known: {variable: secret.value_from for variable, secret in known.items()})
        self.register_outputs({"execution_role_arn": self.execution_role_arn, "task_role_arn": self.task_role_arn})
