"""Each environment of this checkout against a golden list of its resources: type, logical name, parent.

A changed list means that resources of a running environment are made, renamed (which is deleting and making),
or deleted. Where that is meant: ``UPDATE_GOLDEN=1 pytest tests/program``, and read the difference.
"""

from __future__ import annotations

import os
from pathlib import Path

import pulumi
import pytest

from ecs_stack import spec
from ecs_stack.program import build
from tests.components.recording import Recorded, Recording, record

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden"


def tree(recording: Recording) -> str:
    """The resources as an indented tree, in the order of their types and names."""
    lines: list[str] = []

    def add(parent: str | None, depth: int) -> None:
        children = [resource for resource in recording.all if resource.parent == parent]
        for resource in sorted(children, key=lambda r: (r.type, r.name)):
            lines.append(f"{'  ' * depth}{resource.type} {resource.name}")
            add(resource.key, depth + 1)

    add(None, 0)
    return "\n".join(lines) + "\n"


def declared(name: str) -> Recording:
    """What the program asks for when it runs for an environment."""
    recording = record()
    pulumi.runtime.test(lambda: build(spec.load(ROOT, name), "ecs-stack"))()
    return recording


@pytest.mark.parametrize("name", spec.names(ROOT))
def test_resources(name: str) -> None:
    path = GOLDEN / f"{name}.txt"
    found = tree(declared(name))
    if os.environ.get("UPDATE_GOLDEN") == "1":
        path.write_text(found)
    assert path.is_file(), f"{path} is missing: run UPDATE_GOLDEN=1 pytest tests/program"
    assert found == path.read_text()


def test_every_golden_list_belongs_to_an_environment() -> None:
    assert sorted(path.stem for path in GOLDEN.glob("*.txt")) == spec.names(ROOT)


@pytest.mark.parametrize("name", spec.names(ROOT))
def test_every_resource_is_in_the_tree_and_named_once(name: str) -> None:
    recording = declared(name)
    keys = [(resource.key, resource.parent) for resource in recording.all]
    assert len(keys) == len(set(keys))
    assert tree(recording).count("\n") == len(keys)


def test_every_resource_uses_the_environments_provider_and_its_tags() -> None:
    recording = declared("prod")
    untagged = {
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
        "aws:iam/rolePolicy:RolePolicy",
        "aws:appautoscaling/policy:Policy",
        "aws:acm/certificateValidation:CertificateValidation",
        "aws:route53/record:Record",
    }

    def is_aws(resource: Recorded) -> bool:
        return resource.type.startswith("aws:")

    resources = list(filter(is_aws, recording.all))
    assert len(resources) > 30
    for resource in resources:
        assert resource.provider == "aws", resource.key
        if resource.type not in untagged:
            # Records have no tags: those of the load balancer say where they are.
            of_balancer = (resource.parent or "").startswith("ecs-stack:index:LoadBalancer")
            assert resource["tags"] == {
                "team": "platform",
                "ecs-stack:project": "ecs-stack",
                "ecs-stack:environment": "prod",
                **({"ecs-stack:zone": "example.com"} if of_balancer else {}),
            }, resource.key
