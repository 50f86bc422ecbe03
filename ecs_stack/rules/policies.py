"""IAM policy documents with the least privilege that works."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ecs_stack.rules import arns
from ecs_stack.rules.images import EcrRepository
from ecs_stack.rules.secrets import SecretReference

Statement = dict[str, Any]

_ACTION = re.compile(r"[a-z0-9-]+:[A-Za-z0-9*?]+")


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def ecs_tasks_trust(*, region: str, account: str) -> dict[str, Any]:
    """Who may take a task's role: ECS, for tasks of this account and region and for no one else's.

    Without the conditions ECS could be made to use the role for another account (the confused deputy).
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html
    """
    source = f"arn:{arns.partition(region)}:ecs:{region}:{account}:*"
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": "ecs-tasks.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": account},
                    "ArnLike": {"aws:SourceArn": source},
                },
            }
        ]
    )


def execution(
    *, log_group_arn: str, secrets: Iterable[SecretReference], repository: EcrRepository | None
) -> dict[str, Any]:
    """What the ECS agent needs to start a task: write its logs, read its secrets, pull its image."""
    statements: list[Statement] = [
        _allow("Logs", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn}:*"])
    ]
    readable: dict[str, set[str]] = {}
    for secret in secrets:
        readable.setdefault(secret.action, set()).update(secret.resources)
    for action, resources in sorted(readable.items()):
        sid = "Parameters" if action.startswith("ssm:") else "Secrets"
        statements.append(_allow(sid, [action], sorted(resources)))
    if repository:
        pull = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
        statements.append(_allow("Image", pull, [repository.arn]))
        # The token is for the whole registry: the action has no resources to restrict it to.
        # https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonelasticcontainerregistry.html
        statements.append(_allow("ImageToken", ["ecr:GetAuthorizationToken"], ["*"]))
    return document(statements)


def permissions(granted: Iterable[Mapping[str, Sequence[str]]]) -> dict[str, Any]:
    """What a task may do: only what its ``permissions`` say (``actions`` on ``resources``)."""
    return document([_allow(None, list(one["actions"]), list(one["resources"])) for one in granted])


def action_problem(action: str) -> str | None:
    """What is wrong with an action of a permission; None if nothing is."""
    if action in ("*", "*:*"):
        return "allows everything. Name the actions the service needs, such as s3:GetObject."
    if not _ACTION.fullmatch(action):
        return f"'{action}' isn't an IAM action. Write service:Action, such as s3:GetObject or s3:Get*."
    if action.split(":")[1] == "*":
        return f"allows all of {action.split(':')[0]}. Name the actions the service needs."
    return None


def resource_problem(resource: str) -> str | None:
    """What is wrong with a resource of a permission; None if nothing is.

    ``*`` is for actions that know no other.
    """
    if resource == "*" or arns.service_of(resource):
        return None
    return f"'{resource}' isn't an ARN. Write one such as arn:aws:s3:::bucket/*."


def _allow(sid: str | None, actions: list[str], resources: list[str]) -> Statement:
    statement: Statement = {"Sid": sid} if sid else {}
    return {**statement, "Effect": "Allow", "Action": actions, "Resource": resources}
