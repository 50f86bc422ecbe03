"""Lines of output as events of CloudWatch Logs. No I/O."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import replace

from ecs_stack.local.ecs.runner.errors import TaskFailedToStart
from ecs_stack.local.ecs.runner.log_reader import Line

# PutLogEvents (API reference): at most 10,000 events and 1,048,576 bytes, counting 26 bytes more for each
# event; A batch spans at most 24 hours. The driver cuts longer lines into events of 256 KB.
_BATCH_EVENTS = 10_000
_BATCH_BYTES = 1_048_576
_EVENT_OVERHEAD = 26
_EVENT_BYTES = 256 * 1024 - _EVENT_OVERHEAD
_DAY_MS = 24 * 3600 * 1000

#: Seconds without a further line after which an event of several lines is complete.
COMPLETE = 1.0
# What awslogs-datetime-format knows (Docker's manual of the awslogs driver), as regular expressions.
_DATETIME = {
    **dict.fromkeys("aAbB", "[A-Za-z]+"),
    **dict.fromkeys("dHImMSUWy", r"\d{2}"),
    **dict.fromkeys("jL", r"\d{3}"),
    "f": r"\d{6}",
    "p": "[AP]M",
    "w": r"\d",
    "Y": r"\d{4}",
    "z": r"[+-]\d{4}",
    "Z": "[A-Z]{1,5}",
    "%": "%",
}


def first_line_pattern(options: Mapping[str, str]) -> re.Pattern[str] | None:
    """What the first line of an event matches, from the driver's options; None: each line is an event.

    Raises TaskFailedToStart if a pattern isn't a regular expression.
    """
    pattern = options.get("awslogs-multiline-pattern")
    if pattern is None and "awslogs-datetime-format" in options:
        parts = re.split("%(.)", options["awslogs-datetime-format"])
        pattern = "".join(
            _DATETIME.get(part, re.escape(part)) if index % 2 else re.escape(part) for index, part in enumerate(parts)
        )
    try:
        return re.compile(pattern) if pattern else None
    except re.error as error:
        raise TaskFailedToStart(
            "ResourceInitializationError: failed to validate logger args: awslogs could not parse multiline "
            f"pattern key {pattern!r}: {error}"
        ) from None


class Joiner:
    """Puts the lines of an event together, for stdout and stderr apart. Not thread-safe."""

    def __init__(self, first: re.Pattern[str] | None) -> None:
        self._first = first
        self._open: dict[int, tuple[Line, float]] = {}

    @property
    def waiting_since(self) -> float | None:
        """When (time.monotonic) the event that has waited longest got its last line."""
        return min((touched for _, touched in self._open.values()), default=None)

    def add(self, line: Line) -> list[Line]:
        """The events that are complete now that ``line`` is there."""
        if self._first is None:
            return _split(line)
        head, _ = self._open.pop(line.source, (None, 0.0))
        if head and not self._first.search(line.text):
            self._keep(replace(head, text=f"{head.text}\n{line.text}", position=line.position))
            return []
        self._keep(line)
        return _split(head) if head else []

    def flush(self, *, everything: bool) -> list[Line]:
        """The events that are complete because no further line came, or ``everything``."""
        now = time.monotonic()
        done = [s for s, (_, touched) in self._open.items() if everything or touched + COMPLETE <= now]
        return [event for source in done for event in _split(self._open.pop(source)[0])]

    def _keep(self, line: Line) -> None:
        self._open[line.source] = (line, time.monotonic())


def _split(line: Line) -> list[Line]:
    data = line.text.encode()
    if len(data) <= _EVENT_BYTES:
        return [line]
    parts = (data[start : start + _EVENT_BYTES] for start in range(0, len(data), _EVENT_BYTES))
    return [replace(line, text=part.decode("utf-8", "replace")) for part in parts]


def first_batch(lines: list[Line]) -> list[Line]:
    """As many of ``lines``, which are in order of time, as one PutLogEvents takes."""
    size, count = 0, 0
    for line in lines[:_BATCH_EVENTS]:
        size += len(line.text.encode()) + _EVENT_OVERHEAD
        too_long = (line.time - lines[0].time) // 1_000_000 >= _DAY_MS
        if count and (size > _BATCH_BYTES or too_long):
            break
        count += 1
    return lines[:count]
