"""``extends``: one file on top of another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_stack import spec
from ecs_stack.errors import SpecError
from ecs_stack.spec.document import Entry, Mark, Node, merge, plain
from tests.unit.conftest import GOOD, Write, problems_of


def test_mappings_merge_and_lists_are_replaced(project: Write) -> None:
    base = GOOD + "    command: [a, b]\n    environment: {A: '1', B: '2'}\n"
    over = """\
extends: base
target: local
services:
  api: {command: [c], environment: {B: "3"}, count: 3}
  web: {image: w, cpu: 512, memory: 1024}
"""
    environment = spec.load(project(base=base, dev=over), "dev")
    api = environment.services["api"]
    assert environment.target == "local"
    assert (api.command, dict(api.environment), api.count, api.cpu) == (("c",), {"A": "1", "B": "3"}, 3, 256)
    assert list(environment.services) == ["api", "web"]


def test_null_removes_what_is_inherited(project: Write) -> None:
    over = "extends: base\nservices:\n  web: {image: w, cpu: 512, memory: 1024}\n  api:\n"
    environment = spec.load(project(base=GOOD, dev=over), "dev")
    assert list(environment.services) == ["web"]


def test_a_problem_is_reported_in_its_own_file(project: Write) -> None:
    root = project(base=GOOD.replace("256", "257"), dev="extends: base\nservices:\n  api: {port: x}\n")
    assert [p.split(": ")[0] for p in problems_of(root, "dev")] == [
        "envs/base.yaml:6:10",
        "envs/dev.yaml:3:15",
    ]


def test_a_base_that_is_no_environment_itself(project: Write) -> None:
    root = project(_base=GOOD.replace("target: aws\n", ""), dev="extends: _base\ntarget: local\n")
    assert spec.load(root, "dev").target == "local"
    assert spec.names(root) == ["dev"]


def test_a_chain(project: Write) -> None:
    root = project(a=GOOD, b="extends: a\nregion: eu-west-2\n", c="extends: b\ntags: {x: y}\n")
    environment = spec.load(root, "c")
    assert (environment.name, environment.region, environment.tags) == ("c", "eu-west-2", {"x": "y"})


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({"dev": "extends: dev\n"}, "envs/dev.yaml:1:10: extends: goes in a circle: dev -> dev"),
        (
            {"dev": "extends: b\n", "b": "# x\nextends: c\n", "c": "extends: b\n"},
            "envs/c.yaml:1:10: extends: goes in a circle: dev -> b -> c -> b",
        ),
        (
            {"dev": "extends: prd\n", "prod": GOOD},
            "envs/dev.yaml:1:10: extends: there is no 'prd'. Did you mean 'prod'? There are: dev, prod.",
        ),
        (
            {"dev": "extends: ../x\n"},
            "envs/dev.yaml:1:10: extends: must be the name of an environment, such as 'prod', not '../x'",
        ),
        (
            {"dev": "extends: [a]\n"},
            "envs/dev.yaml:1:10: extends: must be the name of an environment, such as 'prod', not a list",
        ),
    ],
)
def test_extends_that_lead_nowhere(project: Write, files: dict[str, str], expected: str) -> None:
    assert problems_of(project(**files), "dev") == [expected]


def test_a_yaml_merge_key_works_inside_a_file(project: Write) -> None:
    text = GOOD + "  web:\n    <<: *api\n    route: {path: /web}\n"
    environment = spec.load(project(dev=text.replace("  api:", "  api: &api")), "dev")
    assert environment.services["web"].image == "acme/api:1"
    assert environment.services["web"].route == spec.Route(path="/web")


def test_a_merge_key_must_be_a_mapping(project: Write) -> None:
    with pytest.raises(SpecError) as caught:
        spec.load(project(dev=GOOD + "    <<: [1]\n"), "dev")
    assert "envs/dev.yaml:10:10: services.api.<<: must be an alias of a mapping" in caught.value.problems


leaves = st.none() | st.integers(0, 2) | st.lists(st.integers(0, 2), max_size=2)
trees: st.SearchStrategy[dict[str, Any]] = leaves  # type: ignore[assignment]
for _depth in range(3):
    trees = st.dictionaries(st.sampled_from("abc"), leaves | trees, max_size=3)


def _node(value: Any) -> Node:
    mark = Mark("x")
    if isinstance(value, dict):
        return Node({key: Entry(mark, _node(item)) for key, item in value.items()}, mark)
    return Node([_node(item) for item in value] if isinstance(value, list) else value, mark)


def _expected(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    keys = [*base, *(key for key in over if key not in base)]
    return {
        key: base[key] if key not in over else _expected(base[key], over[key]) if key in base else over[key]
        for key in keys
        if not (key in base and key in over and over[key] is None)
    }


@given(trees, trees)
def test_merge(base: dict[str, Any], over: dict[str, Any]) -> None:
    merged = plain(merge(_node(base), _node(over)))
    assert merged == _expected(base, over)


@given(trees)
def test_merging_nothing_changes_nothing(tree: dict[str, Any]) -> None:
    assert plain(merge(_node(tree), _node({}))) == tree
    assert plain(merge(_node({}), _node(tree))) == tree
