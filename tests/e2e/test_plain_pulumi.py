"""Plain `pulumi` in the checkout does the same as the command, on the same state."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import Project, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]
ENV = 'eval "$(ecs-stack local env)"'


def test_the_two_share_one_state(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    project = make_project({"dev": DEV})
    project.add_program()
    count = project.run("preview", "dev", "--json").json["summary"]["create"]
    # The stack doesn't exist yet: plain pulumi needs it made, as ever.
    shown = project.shell(f"{ENV}; pulumi stack init dev && pulumi preview --stack dev")
    created = re.search(r"\+ (\d+) to create", shown.out)
    assert created is not None
    assert int(created[1]) == count
    project.shell(f"{ENV}; pulumi up --stack dev --yes --skip-preview")

    project.run("preview", "dev", "--exit-code", code=0)
    project.run("up", "dev", "--yes")
    url = project.run("status", "dev", "--json").json["services"][0]["url"]
    assert get(url)[0] == 200

    project.edit("dev", "count: 2", "count: 1")
    project.run("up", "dev", "--yes")
    unchanged = project.shell(f"{ENV}; pulumi preview --stack dev --expect-no-changes")
    assert "unchanged" in unchanged.out
    project.run("destroy", "dev", "--yes")
    assert project.docker_objects()["containers"] == []
