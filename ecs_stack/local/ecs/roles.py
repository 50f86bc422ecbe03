"""Whether Amazon ECS can assume the roles of a task (IAM User Guide, "Roles terms": trust policy)."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

_LOG = logging.getLogger(__name__)
_PRINCIPAL = "ecs-tasks.amazonaws.com"


def role_problem(iam: Any, arns: Iterable[str | None]) -> str | None:
    """What is wrong with the first role that can't be assumed, in ECS's words; None if all can be.

    A role passes if IAM can't be asked: the fault isn't the task's then.
    """
    for arn in arns:
        if arn is not None and not _assumable(iam, arn):
            return (
                f"ECS was unable to assume the role '{arn}' that was provided for this task. Please verify that"
                " the role being passed has the proper trust relationship and permissions and that your IAM"
                " user has permissions to pass this role."
            )
    return None


def roles_of(definition: Mapping[str, Any], overrides: Mapping[str, Any]) -> list[str | None]:
    """The execution role and the task role of a task."""
    return [overrides.get(member, definition.get(member)) for member in ("executionRoleArn", "taskRoleArn")]


def _assumable(iam: Any, arn: str) -> bool:
    try:
        policy = iam.get_role(RoleName=arn.rsplit("/", 1)[-1])["Role"]["AssumeRolePolicyDocument"]
    except ClientError as error:
        return error.response["Error"]["Code"] != "NoSuchEntity"
    except Exception as error:
        _LOG.warning("GetRole of %s: %s", arn, error)
        return True
    document = json.loads(policy) if isinstance(policy, str) else policy
    return any(_trusts(statement) for statement in _as_list(document.get("Statement", [])))


def _trusts(statement: Mapping[str, Any]) -> bool:
    """Whether a statement of the trust policy lets ECS tasks in."""
    principal = statement.get("Principal", {})
    services = ["*"] if principal == "*" else _as_list(principal.get("Service", []))
    actions = _as_list(statement.get("Action", []))
    return (
        statement.get("Effect") == "Allow"
        and (_PRINCIPAL in services or "*" in services)
        and any(action in ("sts:AssumeRole", "sts:*", "*") for action in actions)
    )


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
