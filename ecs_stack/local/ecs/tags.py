"""Tags of clusters, services, tasks and task definitions."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from typing import Any

from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import EcsError, cluster_not_found, invalid
from ecs_stack.local.ecs.store import Document

Tags = list[dict[str, str]]
#: TagKey and TagValue in the API's model: letters, separators, numbers and these.
_PUNCTUATION = frozenset("_.:/=+-@")
_LIMIT = 50
_KINDS = {
    "cluster": "cluster",
    "service": "service",
    "task": "task",
    "task-definition": "task_definition",
}


def checked(tags: Iterable[dict[str, str]]) -> Tags:
    """The tags as AWS stores them. Raises InvalidParameterException for a tag that AWS refuses."""
    result: Tags = []
    for tag in tags:
        key, value = tag.get("key", ""), tag.get("value", "")
        if not key:
            raise invalid("A tag needs a key.")
        if key.lower().startswith("aws:"):
            raise invalid(f"Tag key {key!r} is reserved: keys must not start with 'aws:'.")
        for text in (key, value):
            if not all(c in _PUNCTUATION or unicodedata.category(c)[0] in "LZN" for c in text):
                raise invalid(f"Tag {key!r} has characters that tags must not have.")
        result.append({"key": key, "value": value})
    if len({tag["key"] for tag in result}) < len(result):
        raise invalid("Duplicate tag keys found.")
    return result


def tag_resource(ctx: Context, params: Params) -> Result:
    """TagResource."""
    document = _resource(ctx, params["resourceArn"])
    merged = {tag["key"]: tag for tag in document.get("tags", [])}
    merged |= {tag["key"]: tag for tag in checked(params["tags"])}
    if len(merged) > _LIMIT:
        raise invalid(f"A resource can have {_LIMIT} tags.")
    document["tags"] = list(merged.values())
    return {}


def untag_resource(ctx: Context, params: Params) -> Result:
    """UntagResource."""
    document = _resource(ctx, params["resourceArn"])
    document["tags"] = [tag for tag in document.get("tags", []) if tag["key"] not in params["tagKeys"]]
    return {}


def list_tags(ctx: Context, params: Params) -> Result:
    """ListTagsForResource."""
    return {"tags": _resource(ctx, params["resourceArn"]).get("tags", [])}


def without_tags(document: Document, include: Iterable[str]) -> dict[str, Any]:
    """A document as Describe* shows it: tags only where ``include`` asks for TAGS."""
    return {**document, "tags": document.get("tags", []) if "TAGS" in include else []}


def _resource(ctx: Context, arn: str) -> Document:
    parts = arn.split(":", 5)
    kind = _KINDS.get(parts[5].split("/")[0]) if len(parts) == 6 and parts[2] == "ecs" else None
    if kind is None:
        raise invalid(f"Invalid resource ARN: {arn}.")
    document = ctx.store.get(kind, arn)
    if document is None or document.get("status") == "INACTIVE":
        if kind == "cluster":
            raise cluster_not_found()
        if document is None or kind != "task_definition":
            raise EcsError("ResourceNotFoundException", "The specified resource wasn't found.")
    return ctx.store.edit(kind, arn)
