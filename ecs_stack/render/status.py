"""How things are now: environments, services, the local cloud. Pure: results -> rich renderables."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ecs_stack.outputs import StackOutputs
from ecs_stack.render.words import clock, shorten
from ecs_stack.results import EnvironmentStatus, EnvironmentSummary, LocalStatus, LogLine, ServiceStatus

#: How many of a service's last events and stopped tasks the text shows; ``--json`` has more.
EVENTS = 3
STOPPED = 3


def environment(status: EnvironmentStatus) -> RenderableType:
    """A table of the services, and below it what each one was through."""
    table = _table("service", ">desired", ">running", ">healthy", "revision", "image", "url")
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
    table = _table("environment", "target", ">resources", "updated (UTC)")
    for each in found:
        resources = "not applied" if each.resources is None else str(each.resources)
        updated = clock(each.updated_at) if each.updated_at else "-"
        table.add_row(each.name, each.target or "(no file)", resources, updated)
    return table


def outputs(found: StackOutputs) -> RenderableType:
    """Every output by its path."""
    table = _table("output", "value")
    for path, value in _leaves("", found.to_dict()):
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
        table = _table("process", ">pid", "listens on")
        for process in status.processes:
            table.add_row(process.name, str(process.pid), ", ".join(process.addresses) or "-")
        lines.append(table)
    if status.listeners:
        table = _table("load balancer", "url")
        for listener in status.listeners:
            table.add_row(listener.load_balancer, listener.url)
        lines.append(table)
    if status.containers:
        table = _table("container", "image", "state", "ports")
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


def _table(*columns: str) -> Table:
    """No frame; a column whose name starts with ``>`` is aligned to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for column in columns:
        right = column.startswith(">")
        table.add_column(column.removeprefix(">").upper(), justify="right" if right else "left", overflow="fold")
    return table


def _leaves(path: str, value: object) -> list[tuple[str, str]]:
    if isinstance(value, dict):
        inner = ((f"{path}.{key}" if path else key, item) for key, item in value.items())
        return [leaf for name, item in inner for leaf in _leaves(name, item)]
    return [] if value is None else [(path, shorten(str(value), 200))]
