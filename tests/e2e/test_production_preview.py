"""envs/prod.yaml, previewed by the real engine with the stand-in providers, against its list of resources."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.e2e.project import CHECKOUT, Project

pytestmark = [pytest.mark.engine, pytest.mark.docker]
GOLDEN = Path(__file__).parent / "golden" / "prod.txt"


def test_the_resources_of_prod(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    project = make_project({"prod": (CHECKOUT / "envs" / "prod.yaml").read_text()})
    preview = project.run("preview", "prod", "--target", "local", "--json").json
    assert {change["kind"] for change in preview["changes"]} == {"create"}
    names = {change["urn"]: change["name"] for change in preview["changes"]}
    lines = sorted(
        f"{change['type']} {change['name']} < {names.get(change['parent'], '-')}" for change in preview["changes"]
    )
    text = "\n".join(lines) + "\n"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_a_preview_creates_nothing(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    project = make_project({"prod": (CHECKOUT / "envs" / "prod.yaml").read_text()})
    project.run("preview", "prod", "--target", "local")
    assert [vpc for vpc in project.client("ec2").describe_vpcs()["Vpcs"] if not vpc["IsDefault"]] == []
    assert project.client("ecs").list_clusters()["clusterArns"] == []
    assert project.client("iam").list_roles()["Roles"] == []
    assert project.containers(all=True) == []
