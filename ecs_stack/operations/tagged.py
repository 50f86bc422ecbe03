"""Where resources are looked for by their tags, and what a finder finds."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from ecs_stack.rules.tags import PROJECT

ClientFactory = Callable[[str], Any]

#: DescribeTags of Elastic Load Balancing takes up to 20 resources a call (API reference).
_TAGS_A_CALL = 20


@dataclass(frozen=True)
class Known:
    """What the state has: ids and ARNs of resources, and routes by table and destination."""

    ids: frozenset[str]
    routes: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Scope:
    """Where to look: ``tags`` are on every resource of the environment ``name``, and the tags ``marks`` with any value.

    Without a name it is every environment that has these tags.
    """

    name: str | None
    tags: Mapping[str, str]
    known: Known
    client: ClientFactory
    marks: frozenset[str] = field(default=frozenset())

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether a resource with these tags is the environment's."""
        return self.tags.items() <= tags.items() and self.marks <= tags.keys()

    def of_project(self, tags: Mapping[str, str]) -> bool:
        """Whether something with these tags may hold what is the environment's: its own, or its host's."""
        return tags.get(PROJECT) == self.tags.get(PROJECT)

    def called(self, before: str, after: str) -> str:
        """What names begin with, of things that are called after the environment; ``before`` alone without a name."""
        return before if self.name is None else f"{before}{self.name}{after}"

    def pages(self, service: str, operation: str, key: str, **more: Any) -> Iterator[Any]:
        """Every item of a list operation."""
        for page in self.client(service).get_paginator(operation).paginate(**more):
            yield from page[key]

    @property
    def filters(self) -> list[dict[str, Any]]:
        """The tags, as EC2's operations take them."""
        values = [{"Name": f"tag:{name}", "Values": [value]} for name, value in self.tags.items()]
        return values + [{"Name": "tag-key", "Values": [mark]} for mark in sorted(self.marks)]

    def ec2(self, operation: str, key: str) -> list[Any]:
        """The environment's items of an EC2 operation."""
        return list(self.pages("ec2", operation, key, Filters=self.filters))

    def balancing(
        self, operation: str, key: str, arn: str, *, unknown: bool = False, **more: Any
    ) -> Iterator[tuple[Any, Mapping[str, str]]]:
        """The items of an ELB operation with their tags; ``unknown``: those that the state doesn't have."""
        items = [
            each
            for each in self.pages("elbv2", operation, key, **more)
            if not (unknown and each[arn] in self.known.ids) and not each.get("IsDefault")
        ]
        for start in range(0, len(items), _TAGS_A_CALL):
            some = items[start : start + _TAGS_A_CALL]
            tags = self._balancing_tags([item[arn] for item in some])
            for item in some:
                if item[arn] in tags:
                    yield item, tags[item[arn]]

    def _balancing_tags(self, arns: list[str]) -> dict[str, dict[str, str]]:
        """Tags by ARN. AWS refuses the whole call if one of them has gone since they were listed."""
        try:
            described = self.client("elbv2").describe_tags(ResourceArns=arns)["TagDescriptions"]
        except ClientError as error:
            if not is_gone(error):
                raise
            return {} if len(arns) == 1 else {k: v for arn in arns for k, v in self._balancing_tags([arn]).items()}
        return {each["ResourceArn"]: pairs(each["Tags"]) for each in described}


@dataclass(frozen=True)
class Orphan:
    """What was found: its id, its tags (those of what it belongs to, if it has none), and what deletes it."""

    identity: str
    tags: Mapping[str, str]
    delete: Callable[[], object]


Finder = Callable[[Scope], Iterator[Orphan]]


def is_gone(error: ClientError) -> bool:
    """Whether AWS says that there is no such thing."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    return code.endswith(("NotFound", "NotFoundException", "NoSuchEntity")) or "NotFound." in code


def pairs(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as EC2, ELB and IAM list them, or as ECS does."""
    return {each.get("Key") or each["key"]: each.get("Value", each.get("value", "")) for each in tags}
