"""Environment files with mistakes that nobody thought of: each loads or is refused in words, and soon."""

# ruff: noqa: E501 (tables of odd pieces)

from __future__ import annotations

import re
import tempfile
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from ecs_stack import spec
from ecs_stack.commands.main import main
from ecs_stack.errors import SpecError
from tests.unit.conftest import GOOD

CHECKOUT = Path(__file__).resolve().parents[2]
#: A bit of everything.
RICH = (
    GOOD
    + """\
    command: [serve, "--all"]
    health: {path: /up, interval: 20, timeout: 4, matcher: 200-299}
    environment: {A: b, C: "1"}
    secrets: {D: "ssm:/a/b", E: "secretsmanager:x#y"}
    permissions: [{actions: ["s3:GetObject"], resources: ["arn:aws:s3:::a/*"]}]
    scale: {min: 1, max: 4, cpu: 50}
    deploy: {minimum_percent: 50, maximum_percent: 200}
  worker: {image: "acme/worker:2", cpu: 512, memory: 1024}
network: &net {cidr: 10.0.0.0/16, zones: 3, nat: per-zone, endpoints: [s3]}
tags: {a: b, c: d}
"""
)
SEEDS = (*sorted(file.read_text() for file in (CHECKOUT / "envs").glob("*.yaml")), RICH)
#: CPU seconds a file may take; without a bound, YAML that expands would take minutes.
BOUND = 20.0

FUZZ = settings(
    max_examples=80,
    # The same examples everywhere: what fails in CI fails here, and a change can't be blamed for luck.
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

#: Pieces of YAML and values that mean something, or break something.
PIECES = (
    ": ", ":", "- ", "? ", "[", "]", "{", "}", ",", "#", "&a ", "*a", "*net", "<<: *net", "!!int ", "!!python/name:os.system ",
    "!x ", "|", ">", "'", '"', "\n", "\n  ", "\n\n", "\t", "---\n", "...\n", "%YAML 9.9\n", "@", "`", "null", "~", "true", "yes",
    "-1", "0", "0x1F", "0o17", "1e400", ".inf", "-.nan", "1_000", "9" * 5000, "2001-01-01", "12:30:45", "\0", "\x85", "\ufeff",
    "\u2028", "é", "\U0001f600", "extends: dev\n", "extends: [dev]\n", "tags: ", "services: ", "=", "\\", "x" * 300,
)  # fmt: skip
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        [
            "",
            "aws",
            "local",
            "*",
            "/",
            "10.0.0.0/8",
            "arn:aws:s3:::x",
            "a" * 300,
            "ssm:",
            "0.0.0.0/0",
            "\u00b2",
            "\u0661",
        ]
    ),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(SEEDS), st.data())
@FUZZ
def test_text_that_was_mangled(seed: str, data: st.DataObject) -> None:
    """Cuts, copies and pieces in odd places."""
    _check(_mangled(seed, data))


def _mangled(seed: str, data: st.DataObject) -> bytes:
    text = seed
    for _ in range(data.draw(st.integers(1, 6))):
        start = data.draw(st.integers(0, len(text)))
        end = min(len(text), start + data.draw(st.sampled_from([0, 0, 1, 2, 10, 100])))
        piece = data.draw(st.sampled_from(PIECES) | st.text(max_size=5) | st.just(text[start:end] * 2))
        text = text[:start] + piece + text[end:]
    return text.encode("utf-8", "surrogatepass")


@given(st.sampled_from(SEEDS), st.data())
@FUZZ
def test_structure_that_was_changed(seed: str, data: st.DataObject) -> None:
    """Values of other types, fields that are gone, renamed or elsewhere: the file is always YAML."""
    tree = YAML(typ="safe").load(seed)
    for _ in range(data.draw(st.integers(1, 4))):
        _mutate(tree, data)
    written = StringIO()
    YAML(typ="safe").dump(tree, written)
    _check(written.getvalue().encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=400))
@FUZZ
def test_bytes_of_any_kind(content: bytes) -> None:
    _check(content)


def _mutate(tree: Any, data: st.DataObject) -> None:
    """Changes one place of the tree."""
    places = list(_places(tree))
    if not places:
        return
    holder, key = data.draw(st.sampled_from(places))
    match data.draw(st.sampled_from(["value", "value", "remove", "rename", "copy"])):
        case "value":
            holder[key] = data.draw(VALUES)
        case "remove":
            del holder[key]
        case "rename" if isinstance(holder, dict):
            holder[data.draw(st.text(max_size=10) | st.sampled_from(["cpu", "route", "image", "extends", "name"]))] = (
                holder.pop(key)
            )
        case _:
            other, name = data.draw(st.sampled_from(places))
            # A copy: a place inside itself would be another test's.
            if name in other if isinstance(other, dict) else name < len(other):
                holder[key] = YAML(typ="safe").load(_dumped(other[name]))


def _dumped(value: Any) -> str:
    written = StringIO()
    YAML(typ="safe").dump(value, written)
    return written.getvalue()


def _places(tree: Any) -> Any:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield tree, key
            yield from _places(value)
    elif isinstance(tree, list):
        for index, value in enumerate(tree):
            yield tree, index
            yield from _places(value)


def test_validate_ends_with_0_or_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same through the command: an exit code, and no traceback."""
    (tmp_path / "envs").mkdir()
    monkeypatch.chdir(tmp_path)
    codes = []

    @given(st.sampled_from(SEEDS), st.data())
    @settings(FUZZ, max_examples=40, suppress_health_check=[*HealthCheck])
    def run(seed: str, data: st.DataObject) -> None:
        text = _mangled(seed, data)
        (tmp_path / "envs" / "dev.yaml").write_bytes(text)
        codes.append(main(["validate", "dev"]))
        assert codes[-1] in (0, 2)
        assert "Traceback" not in capsys.readouterr().err

    run()
    assert set(codes) == {0, 2}


def _check(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "envs").mkdir()
        (root / "envs" / "dev.yaml").write_bytes(content)
        start = time.process_time()
        try:
            spec.load(root, "dev")
            problems: tuple[str, ...] = ()
        except SpecError as error:
            problems = error.problems
            assert problems
        assert time.process_time() - start < BOUND
        lines = content.count(b"\n") + content.count(b"\r") + content.count(b"\x85") + content.count(b"\xa8") + 1
        for problem in problems:
            place = re.match(r"envs/dev\.yaml:(\d+):(\d+): \S", problem)
            assert place, problem
            assert 1 <= int(place[1]) <= lines, problem
