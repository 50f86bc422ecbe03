"""ARNs: partitions and the parts of a name."""

from __future__ import annotations

import re

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>\d*|aws):.+"
)


def partition(region: str) -> str:
    """https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html"""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def service_of(arn: str) -> str | None:
    """The service in an ARN; None if the text isn't one."""
    match = _ARN.fullmatch(arn)
    return match["service"] if match else None
