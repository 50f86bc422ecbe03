"""Outputs from the state's file: as the engine gives them, or left to the engine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ecs_stack.automation import state_file
from ecs_stack.automation.backend import Backend

SECRET = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "v1:x"}


def write(backend: Backend, content: Any) -> None:
    folder = backend.home / "state/.pulumi/stacks" / backend.project
    folder.mkdir(parents=True)
    (folder / "dev.json").write_text(content if isinstance(content, str) else json.dumps(content))


def state(*resources: Any, version: int = 3) -> dict[str, Any]:
    return {"version": version, "checkpoint": {"stack": "dev", "latest": {"resources": list(resources)}}}


def stack(**outputs: Any) -> dict[str, Any]:
    return {"urn": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev", "type": "pulumi:pulumi:Stack", "outputs": outputs}


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (state({"type": "aws:ec2/vpc:Vpc", "outputs": {"a": 0}}, stack(a=1, b=["x"])), {"a": 1, "b": ["x"]}),
        (state({"type": "pulumi:pulumi:Stack"}), {}),
        (state(), {}),
        ({"version": 3, "checkpoint": {"stack": "dev"}}, {}),
        (state(stack(a=1), version=4), None),
        (state(stack(a={"deep": SECRET})), None),
        ({"checkpoint": {}}, None),
        ("[]", None),
        ("{", None),
    ],
)
def test_outputs(tmp_path: Path, content: Any, expected: Any) -> None:
    backend = Backend.local(tmp_path)
    write(backend, content)
    assert state_file.outputs(backend, "dev") == expected


def test_other_backends_and_missing_files_are_the_engines(tmp_path: Path) -> None:
    backend = Backend.local(tmp_path)
    assert state_file.outputs(backend, "dev") is None
    write(backend, state(stack(a=1)))
    assert state_file.outputs(replace(backend, url="s3://bucket"), "dev") is None
