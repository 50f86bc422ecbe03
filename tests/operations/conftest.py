"""Small fakes of the boto3 clients that the operations get: recorded payloads in, calls out."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ecs_stack.outputs import ServiceOutputs, StackOutputs

ARN = "arn:aws:ecs:eu-west-1:123456789012"
NOW = datetime(2026, 5, 1, 10, 0, tzinfo=UTC)


def definition(revision: int) -> str:
    return f"{ARN}:task-definition/dev-api:{revision}"


def deployment(revision: int, state: str = "COMPLETED", *, primary: bool = True, **more: Any) -> dict[str, Any]:
    """A deployment as DescribeServices lists it."""
    return {
        "id": f"ecs-svc/{revision}",
        "status": "PRIMARY" if primary else "ACTIVE",
        "taskDefinition": definition(revision),
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "failedTasks": 0,
        "rolloutState": state,
        "rolloutStateReason": f"ECS deployment ecs-svc/{revision} {state.lower()}.",
        **more,
    }


def service(*deployments: dict[str, Any], events: tuple[str, ...] = (), **more: Any) -> dict[str, Any]:
    """A service as DescribeServices answers; ``events`` are the newest first."""
    primary = next(d for d in deployments if d["status"] == "PRIMARY")
    return {
        "serviceName": "api",
        "status": "ACTIVE",
        "desiredCount": 2,
        "runningCount": 2,
        "pendingCount": 0,
        "taskDefinition": primary["taskDefinition"],
        "deployments": list(deployments),
        "events": [{"id": text, "createdAt": NOW, "message": f"(service api) {text}"} for text in events],
        **more,
    }


def stopped_task(revision: int, number: int = 1, **more: Any) -> dict[str, Any]:
    """A stopped task of DescribeTasks whose container exited with code 1."""
    return {
        "taskArn": f"{ARN}:task/dev/{number:032x}",
        "taskDefinitionArn": definition(revision),
        "lastStatus": "STOPPED",
        "stopCode": "EssentialContainerExited",
        "stoppedReason": "Essential container in task exited",
        "stoppedAt": NOW + timedelta(seconds=number),
        "containers": [{"name": "api", "lastStatus": "STOPPED", "exitCode": 1}],
        **more,
    }


class Paginator:
    def __init__(self, pages: Callable[..., list[dict[str, Any]]]) -> None:
        self._pages = pages

    def paginate(self, **arguments: Any) -> Iterator[dict[str, Any]]:
        yield from self._pages(**arguments)


class FakeEcs:
    """``script`` has what each look at the service finds; the last stays."""

    def __init__(
        self,
        *script: dict[str, Any] | None,
        tasks: tuple[dict[str, Any], ...] = (),
        ended: tuple[dict[str, Any], ...] = (),
    ) -> None:
        self._script = list(script)
        self._tasks = {task["taskArn"]: task for task in tasks}
        self._ended = list(ended)
        self.looks = 0

    def describe_services(self, *, cluster: str, services: list[str]) -> dict[str, Any]:
        assert (cluster, services) == ("dev", ["api"])
        self.looks += 1
        found = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        return {"services": [found] if found else [], "failures": []}

    def get_paginator(self, operation: str) -> Paginator:
        assert operation == "list_tasks"

        def pages(**arguments: Any) -> list[dict[str, Any]]:
            assert arguments == {"cluster": "dev", "serviceName": "api", "desiredStatus": "STOPPED"}
            return [{"taskArns": [arn]} for arn in self._tasks]

        return Paginator(pages)

    def describe_tasks(self, *, cluster: str, tasks: list[str]) -> dict[str, Any]:
        return {"tasks": [self._tasks[arn] for arn in tasks]}

    def describe_task_definition(self, *, taskDefinition: str) -> dict[str, Any]:
        revision = taskDefinition.rsplit(":", 1)[-1]
        containers = [{"name": "proxy", "image": "proxy:9"}, {"name": "api", "image": f"api:{revision}"}]
        return {"taskDefinition": {"containerDefinitions": containers}}

    def list_service_deployments(self, **arguments: Any) -> dict[str, Any]:
        return {"serviceDeployments": self._ended}


class Missing(Exception):
    pass


class FakeLogs:
    """``events``: (stream, milliseconds, message)."""

    class exceptions:
        ResourceNotFoundException = Missing

    def __init__(self, *events: tuple[str, int, str], missing: bool = False) -> None:
        self.events = list(events)
        self.missing = missing
        self.starts: list[int] = []

    def describe_log_streams(self, **arguments: Any) -> dict[str, Any]:
        if self.missing:
            raise Missing
        return {"logStreams": [{"logStreamName": s} for s in dict.fromkeys(e[0] for e in self.events)]}

    def get_log_events(self, *, logStreamName: str, limit: int, **arguments: Any) -> dict[str, Any]:
        found = [{"timestamp": at, "message": text} for s, at, text in self.events if s == logStreamName]
        return {"events": found[-limit:]}

    def get_paginator(self, operation: str) -> Paginator:
        assert operation == "filter_log_events"

        def pages(*, logGroupName: str, startTime: int) -> list[dict[str, Any]]:
            if self.missing:
                raise Missing
            self.starts.append(startTime)
            return [
                {"events": [{"logStreamName": s, "timestamp": at, "message": text, "eventId": f"{s}{at}{index}"}]}
                for index, (s, at, text) in enumerate(self.events)
                if at >= startTime
            ]

        return Paginator(pages)


@pytest.fixture
def outputs() -> StackOutputs:
    """An environment whose last up asked for revision 2 of its only service."""
    api = ServiceOutputs(
        name="api",
        service_name="api",
        service_arn=f"{ARN}:service/dev/api",
        task_definition_arn=definition(2),
        container_name="api",
        image="api:2",
        log_group="/ecs/dev/api",
        target_group_arn="arn:aws:elasticloadbalancing:eu-west-1:123456789012:targetgroup/api/1",
        path="/*",
    )
    return StackOutputs(
        environment="dev",
        region="eu-west-1",
        vpc_id="vpc-1",
        cluster_name="dev",
        cluster_arn=f"{ARN}:cluster/dev",
        services={"api": api},
    )
