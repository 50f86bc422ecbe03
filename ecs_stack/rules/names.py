"""Names: what AWS takes, and how a longer name is cut to fit.

pulumi-aws names what has no name of its own: the logical name, a hyphen and 7 hexadecimal digits.
"""

from __future__ import annotations

import hashlib
import re

#: A hyphen and 7 digits.
AUTO_NAME_SUFFIX = 8

#: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
TARGET_GROUP = 32
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
LOAD_BALANCER = 32
#: https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html
ROLE = 64
#: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
SECURITY_GROUP = 255
#: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_RegisterTaskDefinition.html
TASK_FAMILY = 255

#: A service's name is its ECS service's, its container's, and part of a log group's and a task family's.
SERVICE = re.compile(r"[a-z](?:[a-z0-9-]{0,62}[a-z0-9])?")
_SERVICE_RULE = "1 to 64 lower-case letters, digits and hyphens, starting with a letter"

_HASH_LENGTH = 6


def cut(name: str, limit: int) -> str:
    """``name`` if it has at most ``limit`` characters, else its start, a hyphen and 6 digits of its hash.

    Two long names with the same start stay different, and the same name is always cut alike.
    Raises ValueError for a limit that leaves no room for the hash and a start.
    """
    if limit < _HASH_LENGTH + 2:
        raise ValueError(f"a name can't be cut to {limit} characters")
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def auto(name: str, limit: int) -> str:
    """A logical name that is within AWS's ``limit`` once the provider has added its suffix."""
    return cut(name, limit - AUTO_NAME_SUFFIX)


def service_problem(name: str) -> str | None:
    """What is wrong with a service's name; None if nothing is."""
    return None if SERVICE.fullmatch(name) else f"a service's name has {_SERVICE_RULE}"


def log_group(environment: str, service: str) -> str:
    """The log group of a service's containers."""
    return f"/ecs/{environment}/{service}"
