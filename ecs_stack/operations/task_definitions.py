"""Deregisters the task definition revisions of an environment: nothing else does (docs/adr/0005)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def deregister(family_prefix: str, tags: Mapping[str, str], *, ecs: Any) -> tuple[str, ...]:
    """Makes every ACTIVE revision INACTIVE whose family starts with the prefix and that carries all the tags.

    Returns the ARNs. A revision without the tags isn't ours, whatever its family is called.
    """
    gone = []
    for page in ecs.get_paginator("list_task_definition_families").paginate(
        familyPrefix=family_prefix, status="ACTIVE"
    ):
        for family in page["families"]:
            for arn in _revisions(family, ecs):
                described = ecs.describe_task_definition(taskDefinition=arn, include=["TAGS"])
                carried = {tag["key"]: tag["value"] for tag in described.get("tags", [])}
                if tags.items() <= carried.items():
                    ecs.deregister_task_definition(taskDefinition=arn)
                    gone.append(arn)
    return tuple(gone)


def family(arn: str) -> str:
    """``dev-api`` of a revision's ARN."""
    return arn.rsplit("/", 1)[-1].rpartition(":")[0]


def _revisions(family: str, ecs: Any) -> list[str]:
    pages = ecs.get_paginator("list_task_definitions").paginate(familyPrefix=family, status="ACTIVE")
    return [arn for page in pages for arn in page["taskDefinitionArns"]]
