"""Container output from CloudWatch Logs, merged over the tasks of one or more services."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ecs_stack.outputs import ServiceOutputs
from ecs_stack.results import LogLine

#: Seconds between two looks for new lines. FilterLogEvents may be called 25 times a second and account
# (CloudWatch
#: Logs quotas).
POLL = 1.0
#: Lines can arrive after younger ones of another stream; so far back each look goes, in milliseconds.
OVERLAP = 10_000
#: How many lines are shown where nobody says.
DEFAULT_TAIL = 100
#: How many line ids are remembered to drop the lines that two looks both see.
REMEMBERED = 20_000
#: Log streams, the last written first, that ``last`` reads: more tasks than a service usually keeps running.
STREAMS = 50


def read(
    logs: Any,
    services: Sequence[ServiceOutputs],
    *,
    since: datetime | None,
    tail: int | None,
    follow: bool,
    wait: Callable[[float], object],
) -> Iterator[LogLine]:
    """The last ``tail`` lines (by default 100, or with ``since`` all from then on); ``follow`` goes on from there.

    ``wait`` waits so many seconds between two looks, and says whether to look only once more.
    """
    if since is not None and tail is None:
        start = since
        if not follow:
            yield from lines_since(logs, services, since)
            return
    else:
        known = [
            line
            for line in last(logs, services, DEFAULT_TAIL if tail is None else tail)
            if since is None or line.at >= since
        ]
        if not follow:
            yield from known
            return
        # The same lines once more, by their ids: so none is lost or told twice between the two ways to read.
        start = known[0].at if known else datetime.now(UTC)
    yield from follow_from(logs, services, start, wait=wait)


def last(logs: Any, services: Sequence[ServiceOutputs], lines: int) -> list[LogLine]:
    """The last ``lines`` lines of the services' tasks together, the oldest first."""
    found: list[LogLine] = []
    for service in services:
        for stream in _streams(logs, service):
            found += _tail(logs, service, stream, lines)
    return sorted(found, key=_order)[-lines:] if lines > 0 else []


def last_lines(logs: Any, service: ServiceOutputs, task: str, lines: int) -> list[LogLine]:
    """The last lines of one task, stopped or not."""
    found: list[LogLine] = []
    for stream in _streams(logs, service):
        if stream.rsplit("/", 1)[-1] == task:
            found += _tail(logs, service, stream, lines)
    return sorted(found, key=_order)[-lines:]


def lines_since(logs: Any, services: Sequence[ServiceOutputs], start: datetime) -> list[LogLine]:
    """Every line from ``start`` on, the oldest first."""
    return [line for _id, line in _read(logs, services, _milliseconds(start))]


def follow_from(
    logs: Any,
    services: Sequence[ServiceOutputs],
    start: datetime,
    *,
    wait: Callable[[float], object],
) -> Iterator[LogLine]:
    """Lines from ``start`` on as they arrive, until ``wait`` says that it is over (or the iterator is closed)."""
    seen: OrderedDict[str, None] = OrderedDict()
    first, latest = _milliseconds(start), _milliseconds(start)
    over: object = False
    while True:
        for key, line in _read(logs, services, max(first, latest - OVERLAP)):
            latest = max(latest, _milliseconds(line.at))
            if key not in seen:
                seen[key] = None
                yield line
        while len(seen) > REMEMBERED:
            seen.popitem(last=False)
        if over:
            return
        over = wait(POLL)


def _tail(logs: Any, service: ServiceOutputs, stream: str, lines: int) -> list[LogLine]:
    # GetLogEvents answers with at most 10,000 events.
    answer = logs.get_log_events(
        logGroupName=service.log_group, logStreamName=stream, limit=min(lines, 10_000), startFromHead=False
    )
    return [_line(service, stream, event) for event in answer["events"]]


def _read(logs: Any, services: Sequence[ServiceOutputs], start: int) -> list[tuple[str, LogLine]]:
    found: list[tuple[str, LogLine]] = []
    for service in services:
        paginator = logs.get_paginator("filter_log_events")
        try:
            for page in paginator.paginate(logGroupName=service.log_group, startTime=start):
                for event in page["events"]:
                    key = f"{service.log_group}/{event['logStreamName']}/{event['eventId']}"
                    found.append((key, _line(service, event["logStreamName"], event)))
        except logs.exceptions.ResourceNotFoundException:
            # The group goes before this notices that the environment is destroyed.
            continue
    return sorted(found, key=lambda item: _order(item[1]))


def _streams(logs: Any, service: ServiceOutputs) -> list[str]:
    try:
        answer = logs.describe_log_streams(
            logGroupName=service.log_group, orderBy="LastEventTime", descending=True, limit=STREAMS
        )
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in answer["logStreams"]]


def _line(service: ServiceOutputs, stream: str, event: Mapping[str, Any]) -> LogLine:
    # The awslogs driver names a stream PREFIX/CONTAINER/TASK-ID.
    return LogLine(
        at=datetime.fromtimestamp(event["timestamp"] / 1000, UTC),
        service=service.name,
        task=stream.rsplit("/", 1)[-1],
        message=event["message"].rstrip("\n"),
    )


def _order(line: LogLine) -> datetime:
    return line.at


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)
