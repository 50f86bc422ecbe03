"""A load balancer's health checks.

https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html
"""

from __future__ import annotations

import re

_MAX_PATH = 1024
_CODES = r"[2-4]\d\d(?:-[2-4]\d\d)?"
_MATCHER = re.compile(rf"{_CODES}(?:,{_CODES})*", re.ASCII)


def path_problem(path: str) -> str | None:
    """What is wrong with the path of a health check; None if nothing is."""
    if not path.startswith("/"):
        return f"must start with /, such as /{path}"
    return f"must have at most {_MAX_PATH} characters, not {len(path)}" if len(path) > _MAX_PATH else None


def matcher_problem(matcher: str) -> str | None:
    """What is wrong with the HTTP codes that count as well; None if nothing is."""
    if _MATCHER.fullmatch(matcher):
        return None
    return f"must be HTTP codes from 200 to 499: 200, 200-299, or 200,301; not '{matcher}'"
