"""``python ecs_stack``, as the engine's language host runs it for plain ``pulumi``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pulumi
import pytest

from ecs_stack import sdk_costs
from tests.components.recording import Recording, record

ROOT = Path(__file__).parents[2]
AWAITED: list[object] = []


def run(stack: str, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """Run the folder as a program; runpy puts the folder itself first on the module path."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    recording = record(stack=stack)
    # Only where the SDK's own launcher runs the program can it leave something to be awaited at the end.
    monkeypatch.setattr(pulumi, "run", AWAITED.append)
    pulumi.runtime.test(lambda: runpy.run_path(str(ROOT / "ecs_stack"), run_name="__main__") and None)()
    return recording


def test_the_stack_names_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    recording = run("dev", monkeypatch)
    assert recording.one("ecs/cluster:Cluster")["name"] == "dev"
    assert recording.one("ecs/cluster:Cluster")["tags"]["ecs-stack:project"] == "shop"


def test_the_outputs_are_waited_for_in_our_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    AWAITED.clear()
    run("dev", monkeypatch)
    assert AWAITED[0] is sdk_costs.outputs_settled


def test_our_modules_do_not_pass_for_top_level_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    run("prod", monkeypatch)
    assert str(ROOT / "ecs_stack") not in sys.path
    assert sys.path[0] == str(ROOT)


def test_a_local_environment_never_goes_to_a_real_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(pulumi.RunError, match="this would go to a real account"):
        run("dev", monkeypatch)


def test_an_error_is_a_message_and_not_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(pulumi.RunError) as caught:
        run("pord", monkeypatch)
    assert str(caught.value).startswith("There is no environment 'pord' (envs/pord.yaml).\nDid you mean 'prod'?")
    assert caught.value.__suppress_context__
