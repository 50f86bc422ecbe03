"""Tags: the one function that makes them, and what AWS takes.

https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping

PROJECT = "ecs-stack:project"
ENVIRONMENT = "ecs-stack:environment"
#: The bucket that keeps a project's state, on the bucket and on its key. They belong to no environment.
STATE = "ecs-stack:state"

#: The hosted zone in Route 53 that a load balancer's records are in, on the load balancer: records have no tags.
ZONE = "ecs-stack:zone"

#: AWS takes 50 on a resource. The program adds two, awsx and the provider up to three (Name, SubnetType).
MAX_TAGS = 45
_MAX_KEY, _MAX_VALUE = 128, 256
_RESERVED = ("aws:", "ecs-stack:")
_TAKES = "a tag takes letters, digits, spaces and + - = . _ : / @"
#: What every service takes; some take more.
_CHARACTERS = re.compile(r"[\w\s+\-=.:/@]*")


def resource_tags(project: str, environment: str, extra: Mapping[str, str]) -> dict[str, str]:
    """The tags of every resource of an environment; ``extra`` are the environment file's."""
    return {**extra, PROJECT: project, ENVIRONMENT: environment}


def key_problem(key: str) -> str | None:
    """What is wrong with a tag's name; None if AWS takes it."""
    if not 1 <= len(key) <= _MAX_KEY:
        return f"a tag's name has 1 to {_MAX_KEY} characters, not {len(key)}"
    if key.lower().startswith(_RESERVED):
        return f"a tag's name can't start with {' or '.join(_RESERVED)} (reserved)"
    return None if _CHARACTERS.fullmatch(key) else _TAKES


def value_problem(value: str) -> str | None:
    """What is wrong with a tag's value; None if AWS takes it."""
    if len(value) > _MAX_VALUE:
        return f"a tag's value has at most {_MAX_VALUE} characters, not {len(value)}"
    return None if _CHARACTERS.fullmatch(value) else _TAKES
