"""The models for those who build an environment in Python, and the JSON Schema for editors."""

from __future__ import annotations

import subprocess
import sys

import pytest
from pydantic import ValidationError

from ecs_stack import spec


def service(**fields: object) -> spec.Service:
    return spec.Service.model_validate({"image": "a", "cpu": 256, "memory": 512, **fields})


def test_lists_and_tuples_are_alike() -> None:
    assert service(command=["a"]) == service(command=("a",))


def test_an_environment_is_frozen() -> None:
    environment = spec.Environment(name="dev", target="local", region="eu-west-1")
    with pytest.raises(ValidationError, match="frozen"):
        environment.target = "aws"  # type: ignore[misc]
    assert environment.model_copy(update={"target": "aws"}).target == "aws"


def test_the_rules_hold_without_a_file_too() -> None:
    with pytest.raises(ValidationError, match="doesn't go with cpu 256"):
        service(memory=513)


@pytest.mark.parametrize(
    ("fields", "count"),
    [({}, 1), ({"count": 0}, 0), ({"count": 4}, 4), ({"scale": {"min": 2, "max": 5, "cpu": 50}}, 2)],
)
def test_how_many_tasks_there_are_at_first(fields: dict[str, object], count: int) -> None:
    assert service(**fields).initial_count == count


def test_the_schema_describes_every_field() -> None:
    schema = spec.json_schema()
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert "name" not in schema["properties"]
    assert schema["properties"]["extends"]["type"] == "string"
    models = {"": schema, **schema["$defs"]}
    undescribed = [
        f"{model}.{field}"
        for model, described in models.items()
        for field, what in described["properties"].items()
        if not what.get("description")
    ]
    assert undescribed == []


def test_the_schema_asks_for_the_required_fields_unless_a_file_extends_another() -> None:
    schema = spec.json_schema()
    assert "required" not in schema
    assert schema["anyOf"] == [{"required": ["extends"]}, {"required": ["target", "region"]}]


def test_the_spec_imports_no_pulumi() -> None:
    code = "import sys, ecs_stack.spec; sys.exit(any(name.startswith('pulumi') for name in sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
