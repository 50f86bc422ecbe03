"""How things are now: environments, services, the local cloud. Pure: results -> rich renderables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from rich.console import Console, ConsoleOptions, Group, RenderableType
from rich.text import Text

from ecs_stack.outputs import StackOutputs
from ecs_stack.render.money import daily
from ecs_stack.render.words import clock, sentence
from ecs_stack.results import EnvironmentStatus, EnvironmentSummary, LocalStatus, LogLine, ServiceStatus

#: How many of a service's last events and stopped tasks the text shows; ``--json`` has more.
EVENTS = 3
STOPPED = 3


def environment(status: EnvironmentStatus) -> RenderableType:
    """A table of the services, and below it what each one was through."""
    table = Columns("service", ">desired", ">running", ">healthy", "revision", "image", "url")
    for service in status.services:
        table.add_row(
            service.name,
            str(service.desired),
            _wanting(service.running, service.desired),
            "-" if service.healthy is None else _wanting(service.healthy, service.desired),
            service.revision if service.status == "ACTIVE" else f"{service.revision} ({service.status})",
            service.image,
            service.url or "-",
        )
    head = Text(f"{status.environment} on {status.target}, cluster {status.cluster}", style="bold")
    if not status.services:
        return Group(head, Text("No services."))
    return Group(head, table, *(Group(*_story(service)) for service in status.services))


def environments(found: Sequence[EnvironmentSummary]) -> RenderableType:
    """One line for each environment."""
    if not found:
        return Text("No environments: there is no envs/*.yaml and no stack.")
    table = Columns("environment", "target", ">resources", "updated (UTC)", ">$ a day on AWS")
    for each in found:
        unknown = "unknown" if each.problem else "not applied"
        resources = unknown if each.resources is None else str(each.resources)
        updated = clock(each.updated_at) if each.updated_at else "-"
        missing = "(no file)" if each.valid is None else "(file is wrong)"
        table.add_row(each.name, each.target or missing, resources, updated, daily(each.cost))
    return Group(table, *(Text(f"{each.name}: {sentence(each.problem)}") for each in found if each.problem))


def outputs(found: StackOutputs) -> RenderableType:
    """Every output by its path; ``cost`` has the billables, in words."""
    table = Columns("output", "value")
    for path, value in _leaves("", {**found.to_dict(), "billables": None}):
        table.add_row(path, value)
    return table


def log_line(line: LogLine, *, service: bool) -> Text:
    """``09:41:02.123 api 4f2a91c3 message``; the service's name only where there are several."""
    text = Text(f"{line.at:%H:%M:%S}.{line.at.microsecond // 1000:03d} ", style="dim")
    text.append(f"{line.service} " if service else "", style="cyan")
    text.append(f"{line.task[:8]} ", style="cyan dim")
    # What a container prints must not steer the terminal.
    text.append("".join(c if c.isprintable() or c == "\t" else "\ufffd" for c in line.message), style="not dim")
    return text


def local(status: LocalStatus) -> RenderableType:
    """Processes, ports, containers and versions of the local cloud."""
    lines: list[RenderableType] = [
        Text(f"The local cloud runs at {status.endpoint}" if status.running else "The local cloud isn't running")
    ]
    if status.docker:
        lines.append(Text(status.docker))
    if status.processes:
        table = Columns("process", ">pid", "listens on")
        for process in status.processes:
            table.add_row(process.name, str(process.pid), ", ".join(process.addresses) or "-")
        lines.append(table)
    if status.listeners:
        table = Columns("load balancer", "url")
        for listener in status.listeners:
            table.add_row(listener.load_balancer, listener.url)
        lines.append(table)
    if status.containers:
        table = Columns("container", "image", "state", "ports")
        for container in status.containers:
            table.add_row(container.name, container.image, container.state, "\n".join(container.ports) or "-")
        lines.append(table)
    if status.versions:
        lines.append(Text(", ".join(f"{name} {version}" for name, version in status.versions.items())))
    return Group(*lines)


def _story(service: ServiceStatus) -> list[RenderableType]:
    lines: list[RenderableType] = []
    for deployment in service.deployments:
        if deployment.rollout_state != "COMPLETED" or len(service.deployments) > 1:
            line = f"  {deployment.status} {deployment.revision}: {deployment.rollout_state}, "
            line += f"{deployment.running} of {deployment.desired} running"
            line += f", {deployment.failed} failed" if deployment.failed else ""
            lines.append(Text(line + (f": {deployment.reason}" if deployment.reason else "")))
    lines += [Text(f"  {clock(event.at)}  {event.message}") for event in service.events[:EVENTS]]
    for task in service.stopped_tasks[:STOPPED]:
        when = clock(task.stopped_at) if task.stopped_at else "lately"
        lines.append(Text(f"  {when}  task {task.id[:8]} ({task.revision}) stopped: {task.reason}", style="yellow"))
    return [Text(f"\n{service.name}", style="bold"), *lines] if lines else []


def _wanting(actual: int, wanted: int) -> Text:
    return Text(str(actual), style="" if actual >= wanted else "yellow")


class Columns:
    """A table without a frame where it fits; one block a row where it doesn't.

    A column whose name starts with ``>`` is aligned to the right.
    """

    def __init__(self, *columns: str) -> None:
        self._names = [column.removeprefix(">").upper() for column in columns]
        self._right = [column.startswith(">") for column in columns]
        self._rows: list[list[Text]] = []

    def add_row(self, *cells: str | Text) -> None:
        self._rows.append([Text(cell) if isinstance(cell, str) else cell for cell in cells])

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        rows = [[Text(name, style="dim") for name in self._names], *self._rows]
        lines = [line for row in rows for line in zip_longest(*(cell.split() for cell in row), fillvalue=Text())]
        widths = [max(cell.cell_len for cell in column) for column in zip(*lines, strict=True)]
        if sum(widths) + 2 * (len(widths) - 1) > options.max_width:
            yield from self._blocks()
            return
        for line in lines:
            yield self._line(line, widths)

    def _line(self, cells: Sequence[Text], widths: Sequence[int]) -> Text:
        """Without spaces at its end: for who copies it, or reads it from a pipe."""
        line = Text()
        for cell, width, right in zip(cells, widths, self._right, strict=True):
            space = " " * (width - cell.cell_len)
            line.append("  " if line else "")
            line.append_text(Text.assemble(space, cell) if right else Text.assemble(cell, space))
        line.rstrip()
        return line

    def _blocks(self) -> Iterator[Text]:
        for first, *rest in self._rows:
            yield first
            for name, cell in zip(self._names[1:], rest, strict=True):
                yield Text(f"  {name.lower()}: ", style="dim").append_text(cell)


def _leaves(path: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        inner = [(f"{path}.{key}" if path else key, item) for key, item in value.items()]
    elif isinstance(value, list | tuple):
        inner = [(f"{path}[{number}]", item) for number, item in enumerate(value)]
    else:
        return [] if value is None else [(path, str(value))]
    return [leaf for name, item in inner for leaf in _leaves(name, item)]
