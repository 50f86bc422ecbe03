"""``cost``, the cost in ``list`` and that of a plan: from files and states, without engine, account and Docker."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from rich.console import Console

from ecs_stack import pricing, spec
from ecs_stack.automation import engine
from ecs_stack.automation.backend import Backend
from ecs_stack.commands.main import main
from ecs_stack.costs import Billable
from ecs_stack.ephemeral_results import EphemeralSummary
from ecs_stack.outputs import EXPORT, StackOutputs
from ecs_stack.render import cost as rendered
from ecs_stack.render import ephemeral
from ecs_stack.render.money import daily
from ecs_stack.results import ChangeSummary, Preview
from ecs_stack.rules import cost
from tests.list_prices import _list_prices  # noqa: F401 (a fixture for all of these)

DEV = """\
target: local
region: eu-west-1
network: {zones: 2, nat: none}
services:
  api: {image: "demo:1", cpu: 1024, memory: 2048, port: 80, route: {path: "/*"}, count: 2}
"""
TASK = Billable(resource="services.api", rate="fargate_x86_vcpu_hour", count=1, max_count=3)
OUTPUTS = StackOutputs(
    environment="pr-7",
    region="eu-west-1",
    vpc_id="vpc-1",
    cluster_name="dev",
    cluster_arn="arn:aws:ecs:eu-west-1:123456789012:cluster/dev",
    billables=(TASK,),
)
#: 24 x 0.04048, and three of them.
A_DAY = (0.97, 2.91)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.yaml").write_text(DEV)
    monkeypatch.chdir(tmp_path)
    # Whoever asks for an engine fails.
    monkeypatch.setenv("PATH", "")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path


def write_state(root: Path, outputs: StackOutputs) -> Backend:
    backend = Backend.local(root)
    folder = backend.home / "state" / ".pulumi" / "stacks" / backend.project
    folder.mkdir(parents=True)
    stack = {"type": "pulumi:pulumi:Stack", "outputs": {EXPORT: json.loads(json.dumps(outputs.to_dict()))}}
    state = {"version": 3, "checkpoint": {"latest": {"resources": [stack]}}}
    (folder / f"{outputs.environment}.json").write_text(json.dumps(state))
    return backend


def test_the_cost_of_a_file(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "dev"]) == 0
    output = capsys.readouterr()
    lines = output.out.splitlines()
    assert lines[0] == "dev on AWS in eu-west-1 would cost (on this machine it costs nothing):"
    # A load balancer 0.0252 + 2 x 0.005, two tasks 2 x (0.04048 + 2 x 0.004445), an hour: 0.0352 + 0.09874
    assert lines[-4].split() == ["total", "3.21", "97.78"]
    assert lines[-3] == (
        "Charged by use, not in the sum: load balancer capacity units (LCU) (0.008 per LCU-hour), "
        "CloudWatch Logs, taken in (0.57 per GB)."
    )
    assert lines[-2].startswith("Left out: data transfer to the internet and between zones; ")
    assert lines[-1] == (
        "In US dollars, at AWS's list prices for eu-west-1 as of 2026-09-11 or later. A month has 730 hours."
    )
    assert output.err == ""


def test_the_cost_as_json(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["cost", "dev", "--target", "aws", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["target"], found["region"], found["prices_as_of"]) == ("aws", "eu-west-1", "2026-09-11")
    assert found["total"] == {
        "per_day": 3.21,
        "max_per_day": 3.21,
        "per_month": 97.78,
        "max_per_month": 97.78,
        "complete": True,
    }
    assert [item["resource"] for item in found["items"]] == ["load_balancer"] * 2 + ["services.api"] * 2


def test_a_region_without_prices_is_refused(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "envs" / "dev.yaml").write_text(DEV.replace("eu-west-1", "ap-south-2"))
    assert main(["cost", "dev"]) == 2
    output = capsys.readouterr()
    assert "There are no list prices for ap-south-2" in output.err
    assert "eu-west-1, us-east-2" in output.err
    assert output.out == ""


def test_a_stack_without_a_file_costs_what_it_has(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(root, OUTPUTS)
    monkeypatch.setattr(engine, "ensure", lambda *_: "never started")
    assert main(["cost", "pr-7", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["target"], found["total"]["per_day"], found["total"]["max_per_day"]) == ("aws", *A_DAY)


def test_a_stack_of_an_older_version_says_what_to_do(
    root: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_state(root, replace(OUTPUTS, billables=None))
    monkeypatch.setattr(engine, "ensure", lambda *_: "never started")
    assert main(["cost", "pr-7"]) == 2
    assert "`ecs-stack up pr-7`" in capsys.readouterr().err


def test_a_day_of_a_stack_is_read_from_its_state(root: Path) -> None:
    backend = write_state(root, OUTPUTS)
    total = pricing.daily(pricing.recorded([backend], "pr-7"))
    assert total
    assert (total.per_day, total.max_per_day) == A_DAY
    assert daily(total) == "0.97 to 2.91"
    assert daily(pricing.daily(pricing.recorded([backend], "pr-8"))) == "-"
    assert pricing.daily(replace(OUTPUTS, region="ap-south-2")) is None
    assert pricing.daily(replace(OUTPUTS, billables=None)) is None


def test_the_state_of_a_newer_version_tells_nothing(root: Path) -> None:
    backend = write_state(root, replace(OUTPUTS, version=99))
    assert pricing.recorded([backend], "pr-7") is None


def test_a_plan_says_what_it_costs(root: Path) -> None:
    environment = spec.load(root, "dev")
    plan = Preview(environment="dev", changes=(), summary=ChangeSummary(create=1), duration=1)
    first = pricing.planned(plan, environment, None).cost
    assert first
    assert rendered.change(first).plain == "Cost on AWS: $3.21 a day, $97.78 a month (+$3.21 a day)"
    charged = spec.billables(environment)
    applied = replace(OUTPUTS, billables=charged)
    same = pricing.planned(plan, environment, applied).cost
    assert same
    assert rendered.change(same).plain == "Cost on AWS: $3.21 a day, $97.78 a month (as before)"
    less = pricing.planned(plan, environment, replace(OUTPUTS, billables=(*charged, TASK))).cost
    assert less
    assert rendered.change(less).plain == "Cost on AWS: $3.21 a day, $97.78 a month (-$0.98 to -$2.92 a day)"
    unknown = pricing.planned(plan, environment, replace(OUTPUTS, billables=None)).cost
    assert unknown
    assert rendered.change(unknown).plain == "Cost on AWS: $3.21 a day, $97.78 a month"
    elsewhere = environment.model_copy(update={"region": "ap-south-2"})
    assert pricing.planned(plan, elsewhere, None).cost is None


def test_a_sum_that_lacks_a_price_says_so() -> None:
    endpoint = Billable(resource="network.endpoints", rate="endpoint_hour", count=4, max_count=4)
    change = cost.change("us-east-2", [], [TASK, endpoint])
    assert change
    assert rendered.change(change).plain == (
        "Cost on AWS: at least $0.97 to $2.91 a day, at least $29.55 to $88.65 a month (+$0.97 to +$2.91 a day)"
    )
    found = cost.cost("dev", target="aws", region="us-east-2", billables=[TASK, endpoint])
    assert found
    notes = [str(line) for line in rendered.cost(found)]
    assert "No list price for us-east-2, so not in the sum: network.endpoints (interface endpoint)." in notes


def test_the_list_of_ephemeral_environments_has_what_each_adds() -> None:
    at = datetime(2026, 5, 1, tzinfo=UTC)
    line = EphemeralSummary(
        name="pr-7",
        host="dev",
        owner="ann",
        created=at,
        expires=None,
        expired=False,
        url=None,
        health="ready",
        cost=pricing.daily(OUTPUTS),
    )
    console = Console(file=io.StringIO(), width=160, color_system=None)
    console.print(ephemeral.environments([line, replace(line, name="pr-8", cost=None)], at))
    head, first, second = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert "$ A DAY ON AWS" in head
    assert "0.97 to 2.91" in first
    assert second.split()[-2:] == ["-", "-"]
