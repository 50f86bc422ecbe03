"""Lines of all tasks of a service, merged: the last ones, from a time on, and as they come."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import islice

from ecs_stack.operations import logs
from ecs_stack.outputs import StackOutputs
from tests.operations.conftest import FakeLogs

ONE, TWO = "api/api/aaaa", "api/api/bbbb"
EVENTS = ((ONE, 1000, "first\n"), (TWO, 2000, "second"), (ONE, 3000, "third"))


def at(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def read(outputs: StackOutputs, fake: FakeLogs, **more: object) -> list[str]:
    arguments = {"since": None, "tail": None, "follow": False, "wait": lambda _: True, **more}
    return [line.message for line in logs.read(fake, list(outputs.services.values()), **arguments)]  # type: ignore[arg-type]


def test_the_last_lines_of_all_tasks_in_order(outputs: StackOutputs) -> None:
    (second, third) = logs.last(FakeLogs(*EVENTS), list(outputs.services.values()), 2)
    assert (second.message, second.task, second.service, second.at) == ("second", "bbbb", "api", at(2000))
    assert third.message == "third"
    assert logs.last(FakeLogs(*EVENTS), list(outputs.services.values()), 0) == []


def test_since_and_tail(outputs: StackOutputs) -> None:
    assert read(outputs, FakeLogs(*EVENTS)) == ["first", "second", "third"]
    assert read(outputs, FakeLogs(*EVENTS), since=at(2000)) == ["second", "third"]
    assert read(outputs, FakeLogs(*EVENTS), since=at(1000), tail=1) == ["third"]
    assert read(outputs, FakeLogs(*EVENTS), since=at(2500), tail=9) == ["third"]


def test_following_tells_each_line_once_and_late_ones_too(outputs: StackOutputs) -> None:
    fake = FakeLogs(*EVENTS)

    def arrive(_seconds: float) -> None:
        if len(fake.events) == 3:
            # A line of another task with an older time, and a new one.
            fake.events += [(TWO, 2500, "late"), (TWO, 20_000, "new")]
        else:
            fake.events.append((ONE, 21_000, "newer"))

    following = logs.follow_from(fake, list(outputs.services.values()), at(1000), wait=arrive)
    messages = [line.message for line in islice(following, 6)]
    assert messages == ["first", "second", "third", "late", "new", "newer"]
    assert fake.starts[-1] == 10_000, "each look goes back ten seconds, not to the beginning"


def test_following_ends_when_told_and_starts_with_the_tail(outputs: StackOutputs) -> None:
    assert read(outputs, FakeLogs(*EVENTS), follow=True, tail=2) == ["second", "third"]
    assert read(outputs, FakeLogs(*EVENTS), follow=True, since=at(3000)) == ["third"]


def test_a_group_that_is_gone_has_no_lines(outputs: StackOutputs) -> None:
    gone = FakeLogs(missing=True)
    assert read(outputs, gone) == []
    assert read(outputs, gone, since=at(0)) == []
    assert read(outputs, gone, follow=True) == []
