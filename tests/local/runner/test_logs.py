"""The awslogs driver."""

from __future__ import annotations

import time

import pytest

from ecs_stack.local.ecs.runner import TaskRun
from ecs_stack.local.ecs.runner.log_events import first_line_pattern
from tests.local.runner.conftest import GROUP, REGION, Bench, container, logging_to, serving

pytestmark = pytest.mark.docker


def lines(bench: Bench, run: TaskRun, name: str = "app", group: str = GROUP) -> list[str]:
    return bench.clients.logs.messages(group, f"svc/{name}/{run.id}")


def until(check, timeout: float = 5) -> None:
    deadline = time.monotonic() + timeout
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_lines_arrive_within_a_second_in_the_stream_of_their_container(bench: Bench) -> None:
    run = bench.up(
        serving("app", logConfiguration=logging_to()),
        container("side", logConfiguration=logging_to()),
    )
    until(lambda: lines(bench, run) and lines(bench, run, "side"))
    bench.call(run, "/print", n="1", text="now")
    printed = time.monotonic()
    until(lambda: "now 0" in lines(bench, run))
    assert time.monotonic() - printed < 1
    assert lines(bench, run, "side") == ["listening on 9000"]
    assert ("logs", REGION) in bench.clients.regions


def test_no_line_is_lost_on_stop_and_batches_stay_small_in_number(bench: Bench) -> None:
    run = bench.up(serving("app", logConfiguration=logging_to()))
    calls = bench.clients.logs.calls
    bench.call(run, "/print", n="25000", text="x" * 60)
    bench.stop(run)
    printed = [f"{'x' * 60} {i}" for i in range(25000)]
    assert lines(bench, run) == ["listening on 8080", *printed, "stopping on terminated"]
    assert bench.clients.logs.calls - calls < 50


def test_output_of_a_container_that_exits_at_once(bench: Bench) -> None:
    run = bench.launch(container("app", command=["print", "500", "quick"], logConfiguration=logging_to()))
    bench.wait(run, "STOPPED")
    seen = lines(bench, run)
    assert [s for s in seen if s != "done"] == [f"quick {i}" for i in range(500)]
    assert "done" in seen  # stderr


def test_long_lines_are_whole_up_to_an_events_size(bench: Bench) -> None:
    run = bench.up(serving("app", logConfiguration=logging_to()))
    bench.call(run, "/print", n="1", text="l" * 50_000)
    bench.stop(run)
    assert "l" * 50_000 + " 0" in lines(bench, run)


def test_lines_wait_while_cloudwatch_logs_fails(bench: Bench) -> None:
    run = bench.up(serving("app", logConfiguration=logging_to()))
    until(lambda: lines(bench, run))
    bench.clients.logs.failing = True
    bench.call(run, "/print", n="3", text="held")
    time.sleep(0.5)
    assert len(lines(bench, run)) == 1
    bench.clients.logs.failing = False
    until(lambda: len(lines(bench, run)) == 4)


def test_a_group_that_is_missing_stops_the_task(bench: Bench) -> None:
    state = bench.wait(bench.launch(container(logConfiguration=logging_to("/no/group"))), "STOPPED")
    assert (state.stop_code, state.stopped_reason) == (
        "TaskFailedToStart",
        "ResourceInitializationError: failed to validate logger args: "
        "create stream has been retried 1 times: "
        "failed to create Cloudwatch log stream: ResourceNotFoundException: "
        "The specified log group does not exist.",
    )
    assert bench.left() == []


def test_create_group(bench: Bench) -> None:
    run = bench.up(serving(logConfiguration=logging_to("/made", **{"awslogs-create-group": "true"})))
    until(lambda: lines(bench, run, group="/made") == ["listening on 8080"])


def test_lines_of_one_event_are_joined(bench: Bench) -> None:
    pattern = {"awslogs-multiline-pattern": "^(ERROR|listening|stopping)"}
    run = bench.up(serving("app", logConfiguration=logging_to(**pattern)))
    bench.call(run, "/print", n="2", text="ERROR x\n  at y\n  at")
    until(lambda: len(lines(bench, run)) == 3)  # the last event, too, after a moment
    bench.stop(run)
    assert lines(bench, run) == [
        "listening on 8080",
        "ERROR x\n  at y\n  at 0",
        "ERROR x\n  at y\n  at 1",
        "stopping on terminated",
    ]


@pytest.mark.parametrize(
    ("options", "first", "other"),
    [
        ({"awslogs-datetime-format": "[%Y-%m-%d %H:%M:%S]"}, "[2026-11-24 10:20:30] a", "2026-11-24 10:20:30"),
        ({"awslogs-datetime-format": "%b %d, %Y %I:%M %p"}, "Nov 24, 2026 10:20 AM x", "Nov 24"),
        ({"awslogs-multiline-pattern": "^INFO"}, "INFO a", " INFO"),
    ],
)
def test_first_lines_of_events(options: dict[str, str], first: str, other: str) -> None:
    pattern = first_line_pattern(options)
    assert pattern is not None
    assert pattern.search(first)
    assert not pattern.search(other)


def test_a_pattern_that_is_none_stops_the_task(bench: Bench) -> None:
    options = logging_to(**{"awslogs-multiline-pattern": "("})
    state = bench.wait(bench.launch(container(logConfiguration=options)), "STOPPED")
    assert "awslogs could not parse multiline pattern key '('" in (state.stopped_reason or "")


def test_terminal_output(bench: Bench) -> None:
    run = bench.up(serving("app", pseudoTerminal=True, logConfiguration=logging_to()))
    bench.call(run, "/print", n="3", text="tty")
    bench.stop(run)
    assert lines(bench, run)[:4] == ["listening on 8080", "tty 0", "tty 1", "tty 2"]
