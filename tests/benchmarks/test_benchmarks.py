"""The benchmarks' arithmetic and parsing, and one of them run for real."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import cdk, ephemeral, growth, local_cloud, measure, overhead, startup
from benchmarks.measure import Sample
from ecs_stack import spec

CHECKOUT = Path(__file__).resolve().parents[2]


def test_a_run_is_measured_with_the_processes_it_starts() -> None:
    held = "x = bytearray(b'1') * (60 << 20); import time; time.sleep(0.5)"
    child = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    sample = measure.run([sys.executable, "-c", f"bytearray(b'1') * (1 << 20); {child}"])
    assert sample.seconds >= 0.5
    assert 60 < sample.peak < 200
    assert 0 < sample.cpu < sample.seconds + 1


def test_what_measures_isnt_measured() -> None:
    """A child starts with its parent's maximum: execve(2) doesn't reset it."""
    held = bytearray(b"1") * (300 << 20)
    assert measure.run([sys.executable, "-c", "pass"]).peak < 100
    assert held


def test_a_run_that_fails_says_what_it_printed() -> None:
    with pytest.raises(RuntimeError, match=r"ended with 3:\nno luck"):
        measure.run([sys.executable, "-c", "print('no luck'); raise SystemExit(3)"])


def test_a_run_that_takes_too_long_is_ended() -> None:
    with pytest.raises(RuntimeError, match="ended with -15"):
        measure.run([sys.executable, "-c", "import time; time.sleep(60)"], limit=0.5)


def test_a_process_that_is_gone_holds_nothing() -> None:
    done = subprocess.Popen([sys.executable, "-c", "pass"])
    done.wait()
    assert measure.tree_memory(done.pid) == 0
    assert measure.tree_memory(os.getpid()) > 5


def test_cases_take_turns_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def case(name: str) -> Sample:
        order.append(name)
        return Sample(len(order), 0, 0)

    taken = measure.in_turns({"a": lambda: case("a"), "b": lambda: case("b")}, 2)
    assert order == ["a", "b"] * 3
    assert [sample.seconds for sample in taken["a"]] == [3, 5]


def test_medians_and_ratios() -> None:
    slow = [Sample(4, 2, 50), Sample(2, 1, 100), Sample(90, 3, 60)]
    fast = [Sample(1, 1, 120)]
    assert measure.middle(slow) == Sample(4, 2, 60)
    assert startup.over_python(slow, fast) == (3, 1)
    assert cdk.shares(slow, fast) == (4, 0.5)
    assert overhead.ratio({"bare": fast, "ours": slow}) == 4
    assert "| slow | 4 | 2 | 60 | 4.00 | 0.50 |" in measure.compared({"slow": slow, "fast": fast}, "fast")


@pytest.mark.parametrize(("values", "power"), [([5, 50], 1), ([5, 500], 2), ([5, 5], 0)])
def test_growth_is_told_as_a_power(values: list[float], power: float) -> None:
    assert measure.exponent([1, 10], values) == pytest.approx(power)


def test_numbers_are_shown_with_the_digits_that_count() -> None:
    assert measure.table(["", "n"], [("a", 1234.5), ("b", 12.34), ("c", 0.1234), ("d", 7)]).splitlines() == [
        "|  | n |",
        "| --- | ---: |",
        "| a | 1234 |",
        "| b | 12.3 |",
        "| c | 0.12 |",
        "| d | 7 |",
    ]


@pytest.mark.parametrize("scale", [False, True])
def test_the_environments_are_valid(tmp_path: Path, scale: bool) -> None:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs/bench.yaml").write_text(measure.environment(12, scale=scale))
    found = spec.load(tmp_path, "bench")
    assert len(found.services) == 12
    assert all(bool(service.scale) is scale for service in found.services.values())


def test_resources_are_read_from_the_list_of_environments() -> None:
    listed = [{"name": "n1", "resources": 40}, {"name": "n10", "resources": 160}]
    assert growth.counted(listed, "n10") == 160


def test_the_phases_of_an_up_add_up() -> None:
    marks = {"planned": 12.0, "changed": 15.0, "rolled out": 19.0, "answered": 19.5}
    assert local_cloud.phases(10.0, marks) == [
        ("preview", 2.0),
        ("resources created", 3.0),
        ("rollout steady", 4.0),
        ("first 200 after it", 0.5),
        ("all", 9.5),
    ]


def test_startup_runs_and_stays_within_its_budget_of_cpu_time() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.startup", "--quick"],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "| ecs-stack --help |" in done.stdout
    found = re.search(r"\((-?\d+) ms of CPU\)", done.stdout)
    assert found
    # CPU time: a busy machine makes the clock useless, and the command waits for nothing.
    assert int(found[1]) <= startup.BUDGET * 1000


def test_the_critical_path_of_an_ephemeral_up_is_in_its_log() -> None:
    log = (
        "    0.000  2026-11-24T13:31:28+00:00 ephemeral-up pr-1 in /x, pid 1\n"
        "    1.000  [0/?] creating Provider aws\n    1.500  [14/?] created Service pr-1-api\n    2.100  [1/1] steady\n"
    )
    path = ephemeral.phases(log, opened=0.25, seconds=2.0)
    assert path == {"begin": 1.25, "resources": 0.5, "task and health": 0.25}
    assert sum(path.values()) == 2.0
