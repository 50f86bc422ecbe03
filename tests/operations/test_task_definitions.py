"""Deregistering revisions: all of an environment, and no others."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_stack.operations.task_definitions import deregister

OURS = {"ecs-stack:project": "acme", "ecs-stack:environment": "dev"}


class FakeEcs:
    """The four operations, over a table of revisions and their tags."""

    def __init__(self, revisions: dict[str, dict[str, str]]) -> None:
        self.revisions = revisions
        self.deregistered: list[str] = []

    def get_paginator(self, operation: str) -> Any:
        fake = self

        class Pages:
            def paginate(self, *, familyPrefix: str, status: str) -> list[dict[str, list[str]]]:
                assert status == "ACTIVE"
                families = dict.fromkeys(name.split(":")[0] for name in fake.revisions)
                if operation == "list_task_definition_families":
                    return [{"families": [family]} for family in families if family.startswith(familyPrefix)]
                return [{"taskDefinitionArns": [n for n in fake.revisions if n.split(":")[0] == familyPrefix]}]

        return Pages()

    def describe_task_definition(self, *, taskDefinition: str, include: list[str]) -> dict[str, Any]:
        assert include == ["TAGS"]
        return {"tags": [{"key": key, "value": value} for key, value in self.revisions[taskDefinition].items()]}

    def deregister_task_definition(self, *, taskDefinition: str) -> None:
        self.deregistered.append(taskDefinition)


@pytest.fixture
def ecs() -> FakeEcs:
    return FakeEcs(
        {
            "dev-api:1": OURS,
            "dev-api:2": {**OURS, "team": "platform"},
            "dev-web:1": OURS,
            "dev-api-foreign:1": {},
            "dev-other:1": {**OURS, "ecs-stack:project": "other"},
            "dev-eu-api:1": {**OURS, "ecs-stack:environment": "dev-eu"},
            "prod-api:1": {**OURS, "ecs-stack:environment": "prod"},
        }
    )


def test_only_our_revisions_go(ecs: FakeEcs) -> None:
    assert deregister("dev-", OURS, ecs=ecs) == ("dev-api:1", "dev-api:2", "dev-web:1")
    assert ecs.deregistered == ["dev-api:1", "dev-api:2", "dev-web:1"]


def test_again_there_is_nothing_to_do() -> None:
    assert deregister("dev-", OURS, ecs=FakeEcs({})) == ()
