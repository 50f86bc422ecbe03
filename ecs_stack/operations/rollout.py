"""Waits for deployments, and compares the revision that was asked for with the one that runs.

A service whose deployment was rolled back is stable, so a waiter for stability calls it a success. Here it isn't one:
"Deployment circuit breaker" in the Amazon ECS Developer Guide says that a rolled-back service keeps the failed
deployment only until the rollback has completed, so what failed and why is noted while it lasts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.errors import LockedError
from ecs_stack.operations import describe, logs
from ecs_stack.operations.reasons import stop_reason
from ecs_stack.outputs import ServiceOutputs, StackOutputs
from ecs_stack.results import Progress, Rollout, RolloutState

#: Seconds between two looks at the services: the longest, and the shortest, of a deployment that has just begun. A
#: cluster's services may be described 20 times a second for long, and 100 times in a burst (Amazon ECS API throttling).
POLL = 1.0
SOON = 0.1
#: How much of the time since the beginning passes between two looks.
_SHARE = 0.1
#: Seconds until a deployment that ECS neither finishes nor gives up on counts as failed. The circuit
# breaker of a
#: service with a minute of start-up gives up well before.
TIMEOUT = 1800.0
#: Seconds until the tasks of a finished deployment have to run: after a change of the count, or a crash.
SETTLE = 300.0
#: How many of a stopped task's last log lines go into the reason.
LAST_LINES = 3

OnProgress = Callable[[Progress], None]


def deployments(outputs: StackOutputs, *, ecs: Any) -> dict[str, str]:
    """The id of each service's primary deployment. A later one that differs is a new deployment."""
    found = describe.services(ecs, outputs.cluster_name, _service_names(outputs))
    primaries = {
        name: describe.primary(found[service.service_name])
        for name, service in outputs.services.items()
        if service.service_name in found
    }
    return {name: str(deployment["id"]) for name, deployment in primaries.items() if deployment}


def settle(
    outputs: StackOutputs,
    names: Collection[str],
    *,
    ecs: Any,
    on_progress: OnProgress | None = None,
    timeout: float = TIMEOUT,
    sleep: Callable[[float], object] = time.sleep,
) -> None:
    """Waits until no deployment of the named services is in flight: an update must not race with one.

    Raises LockedError after ``timeout`` seconds.
    """
    started = time.monotonic()
    while flying := [name for name in _in_flight(outputs, ecs) if name in names]:
        elapsed = time.monotonic() - started
        if elapsed > timeout:
            raise LockedError(
                f"a deployment of {', '.join(flying)} is in flight and doesn't end",
                hint=f"`ecs-stack status {outputs.environment}` says what it waits for.",
            )
        if on_progress:
            message = f"waiting for the deployment in flight of {', '.join(flying)}"
            on_progress(Progress(message=message, waiting_for=tuple(flying), elapsed=elapsed))
        sleep(POLL)


def wait(
    outputs: StackOutputs,
    *,
    ecs: Any,
    cloudwatch_logs: Any,
    before: Mapping[str, str],
    on_progress: OnProgress | None = None,
    timeout: float = TIMEOUT,
    sleep: Callable[[float], object] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> tuple[Rollout, ...]:
    """How each service's deployment ended. ``before`` is what ``deployments`` said before the update."""
    watches = [_Watch(service, before.get(name), clock()) for name, service in sorted(outputs.services.items())]
    started = clock()
    while True:
        found = describe.services(ecs, outputs.cluster_name, _service_names(outputs))
        for watch in watches:
            news = watch.look(found.get(watch.outputs.service_name), clock())
            if on_progress:
                for message in news:
                    on_progress(_progress(watches, message, clock() - started))
        if on_progress:
            on_progress(_progress(watches, "", clock() - started))
        if all(watch.state for watch in watches):
            break
        if clock() - started > timeout:
            for watch in watches:
                watch.give_up(f"the deployment hadn't ended after {timeout / 60:.0f} minutes")
            break
        sleep(min(POLL, SOON + _SHARE * (clock() - started)))
    return tuple(watch.rollout(outputs.cluster_name, ecs, cloudwatch_logs) for watch in watches)


@dataclass
class _Watch:
    """One service while it is waited for. ``state`` is None until it has settled."""

    outputs: ServiceOutputs
    before: str | None
    since: float
    state: RolloutState | None = None
    failure: str | None = None
    running: str = ""
    counts: str = "not there yet"
    events: set[str] | None = None

    def look(self, service: Mapping[str, Any] | None, now: float) -> list[str]:
        """Takes one answer of DescribeServices in; returns the service events that are new."""
        if self.state:
            return []
        deployment = describe.primary(service) if service else None
        if service is None or deployment is None:
            self.give_up("the service isn't there")
            return []
        self.running = deployment["taskDefinition"]
        self.counts = f"{deployment['runningCount']} of {deployment['desiredCount']} running"
        for each in service["deployments"]:
            if each["taskDefinition"] == self.outputs.task_definition_arn and each.get("rolloutState") == "FAILED":
                self.failure = each.get("rolloutStateReason") or "the deployment failed"
        self.state = self._judge(deployment, now)
        return self._news(service)

    def _judge(self, deployment: Mapping[str, Any], now: float) -> RolloutState | None:
        progress = deployment.get("rolloutState", "COMPLETED")
        asked_for = deployment["taskDefinition"] == self.outputs.task_definition_arn
        if progress == "IN_PROGRESS":
            return None
        if not asked_for:
            return RolloutState.ROLLED_BACK
        if progress == "FAILED":
            return RolloutState.FAILED
        # A count that changed is no deployment: its tasks come and go after rolloutState says COMPLETED.
        missing = deployment["desiredCount"] - deployment["runningCount"]
        if missing > 0 or deployment.get("pendingCount", 0) > 0:
            if now - self.since < SETTLE:
                return None
            self.failure = f"{self.counts} after {SETTLE / 60:.0f} minutes"
            return RolloutState.FAILED
        return RolloutState.UNCHANGED if deployment["id"] == self.before else RolloutState.COMPLETED

    def _news(self, service: Mapping[str, Any]) -> list[str]:
        events = service.get("events", ())
        known, self.events = self.events, {event["id"] for event in events}
        if known is None:
            return []
        return [event["message"] for event in reversed(events) if event["id"] not in known]

    def give_up(self, why: str) -> None:
        if self.state is None:
            self.state, self.failure = RolloutState.FAILED, why

    def rollout(self, cluster: str, ecs: Any, cloudwatch_logs: Any) -> Rollout:
        state = self.state or RolloutState.FAILED
        bad = state in (RolloutState.ROLLED_BACK, RolloutState.FAILED)
        reason, lines = _explain(self, cluster, ecs, cloudwatch_logs) if bad else (None, ())
        return Rollout(
            service=self.outputs.name,
            state=state,
            requested_revision=describe.revision(self.outputs.task_definition_arn),
            running_revision=describe.revision(self.running),
            reason=reason,
            last_lines=lines,
        )


def _explain(watch: _Watch, cluster: str, ecs: Any, cloudwatch_logs: Any) -> tuple[str, tuple[str, ...]]:
    """Why the revision that was asked for isn't the one that runs, as far as AWS still knows."""
    try:
        failure = watch.failure or _failed_deployment(watch.outputs, cluster, ecs)
        task = _failed_task(watch.outputs, cluster, ecs)
        lines = _last_lines(watch.outputs, task, cloudwatch_logs) if task else ()
    except (ClientError, BotoCoreError):
        return watch.failure or "AWS didn't say why", ()
    said = [failure.rstrip(".")] if failure else []
    if task:
        said.append(f"the last task that failed: {stop_reason(task)}")
    return "; ".join(said) or "another revision was deployed in the meantime", lines


def _failed_deployment(service: ServiceOutputs, cluster: str, ecs: Any) -> str | None:
    """The reason that ECS keeps with a service deployment after it left the service's own list."""
    ended = ecs.list_service_deployments(
        cluster=cluster,
        service=service.service_name,
        status=["ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED", "ROLLBACK_IN_PROGRESS", "STOPPED"],
    )["serviceDeployments"]
    reasons = [each.get("statusReason") for each in ended]
    return next((str(reason) for reason in reasons if reason), None)


def _failed_task(service: ServiceOutputs, cluster: str, ecs: Any) -> Mapping[str, Any] | None:
    """The last stopped task of the revision that was asked for; rather one that failed than one that was stopped."""
    tasks = [
        task
        for task in describe.stopped_tasks(ecs, cluster, service.service_name)
        if task["taskDefinitionArn"] == service.task_definition_arn
    ]
    failed = [task for task in tasks if not str(task.get("stoppedReason", "")).startswith("Scaling activity")]
    return next(iter(failed or tasks), None)


def _last_lines(service: ServiceOutputs, task: Mapping[str, Any], cloudwatch_logs: Any) -> tuple[str, ...]:
    lines = logs.last_lines(cloudwatch_logs, service, describe.task_id(task["taskArn"]), LAST_LINES)
    return tuple(line.message for line in lines)


def _in_flight(outputs: StackOutputs, ecs: Any) -> list[str]:
    found = describe.services(ecs, outputs.cluster_name, _service_names(outputs))
    return [
        name
        for name, service in outputs.services.items()
        if any(
            deployment.get("rolloutState") == "IN_PROGRESS"
            for deployment in found.get(service.service_name, {}).get("deployments", ())
        )
    ]


def _service_names(outputs: StackOutputs) -> list[str]:
    return [service.service_name for service in outputs.services.values()]


def _progress(watches: Sequence[_Watch], message: str, elapsed: float) -> Progress:
    return Progress(
        message=message,
        done=sum(watch.state is not None for watch in watches),
        total=len(watches),
        waiting_for=tuple(f"{w.outputs.name} ({w.counts})" for w in watches if w.state is None),
        elapsed=elapsed,
    )
