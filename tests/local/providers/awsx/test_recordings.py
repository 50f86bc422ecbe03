"""The stand-in makes what the real awsx made, resource by resource."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pulumi_awsx as awsx
import pytest

from . import engine

RECORDINGS = sorted(Path(__file__).with_name("recordings").glob("*.json"))
pytestmark = pytest.mark.engine


@pytest.mark.parametrize("path", RECORDINGS, ids=lambda path: path.stem)
def test_equals_the_recording(path: Path, tmp_path: Path) -> None:
    recording = json.loads(path.read_text())
    arguments = recording["awsx:ec2:Vpc args"]

    with engine.providers() as providers, engine.construct_order() as order:
        stack = engine.stack(tmp_path, lambda: awsx.ec2.Vpc("net", **arguments) and None, providers.attach)
        stack.up()
        made = engine.resources(stack)

    wanted = {(r["type"], r["name"]): r for r in recording["resources"]}
    assert made.keys() == wanted.keys()
    for key, resource in wanted.items():
        assert made[key]["inputs"] == resource["inputs"], key
        assert made[key]["dependencies"] == {(d["type"], d["name"]) for d in resource["dependencies"]}, key
        parent = resource["parent"]
        assert made[key]["parent"] == (parent["type"], parent["name"]), key
    assert made["awsx:ec2:Vpc", "net"]["outputs"] == {}
    assert order == recording["construct_order"]
    assert providers.aws.invokes == recording["invokes"]
    assert providers.awsx.constructs == [recording["component_outputs"]]
    network = {"aws:ec2/vpc:Vpc", "aws:ec2/subnet:Subnet"}
    urns = [urn for urn in _urns(recording["component_outputs"]) if engine.key(urn)[0] in network]
    for name in recording["component_outputs"]:
        assert set(urns) <= providers.awsx.dependencies[0][name], name


def _urns(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["urn"]] if "urn" in value else []
        return own + [urn for item in value.values() for urn in _urns(item)]
    return [urn for item in value for urn in _urns(item)] if isinstance(value, list) else []
