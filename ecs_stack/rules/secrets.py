"""References to secrets, as an environment file writes them and as ECS and IAM need them.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ecs_stack.rules import arns

#: Characters of a parameter's name: https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html
_PARAMETER = re.compile(r"ssm:(?P<name>/?[\w.-]+(?:/[\w.-]+)*)", re.ASCII)
#: Characters of a secret's name: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_CreateSecret.html
_SECRET = re.compile(r"secretsmanager:(?P<name>[\w/+=.@-]+)(?:#(?P<key>[^:#\s]+))?", re.ASCII)
_READ = {"ssm": "ssm:GetParameters", "secretsmanager": "secretsmanager:GetSecretValue"}

FORMS = "ssm:/path/of/parameter, secretsmanager:NAME, secretsmanager:NAME#JSON_KEY, or an ARN of one"


@dataclass(frozen=True)
class SecretReference:
    """``value_from`` goes into the task definition; ``action`` on ``resources`` is what reading it takes."""

    value_from: str
    resources: tuple[str, ...]
    action: str


def problem(reference: str) -> str | None:
    """What is wrong with a reference; None if nothing is. A value that was pasted in is not repeated."""
    if _PARAMETER.fullmatch(reference) or _SECRET.fullmatch(reference):
        return None
    if arns.service_of(reference) in _READ:
        return None
    return f"isn't a reference to a secret (a value never stands in this file). Write {FORMS}."


def service_of(reference: str) -> str:
    """``ssm`` or ``secretsmanager``."""
    return arns.service_of(reference) or reference.partition(":")[0]


def resolve(reference: str, *, region: str, account: str) -> SecretReference:
    """A reference in full. Raises ValueError if it isn't one."""
    prefix = f"arn:{arns.partition(region)}"
    if match := _PARAMETER.fullmatch(reference):
        arn = f"{prefix}:ssm:{region}:{account}:parameter/{match['name'].removeprefix('/')}"
        return SecretReference(arn, (arn,), _READ["ssm"])
    if match := _SECRET.fullmatch(reference):
        arn = f"{prefix}:secretsmanager:{region}:{account}:secret:{match['name']}"
        value_from = f"{arn}:{match['key']}::" if match["key"] else arn
        return SecretReference(value_from, _secret_arns(arn), _READ["secretsmanager"])
    service = arns.service_of(reference)
    if service == "secretsmanager":
        # ECS appends :json-key:version-stage:version-id to the ARN's seven parts; IAM knows the seven.
        arn = ":".join(reference.split(":")[:7])
        return SecretReference(reference, _secret_arns(arn), _READ[service])
    if service == "ssm":
        return SecretReference(reference, (reference,), _READ[service])
    raise ValueError(f"not a reference to a secret; there are {FORMS}")


def _secret_arns(arn: str) -> tuple[str, ...]:
    """Secrets Manager ends every ARN with a hyphen and six characters of its own, which a name doesn't have.

    It finds a secret without them, too, and IAM then compares the ARN as it was asked for.
    """
    return (arn,) if re.search(r"-\w{6}$", arn, re.ASCII) else (arn, f"{arn}-??????")
