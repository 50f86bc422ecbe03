"""The list of ephemeral environments, from their states and a few calls of ECS's: no engine is started for it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack import pricing, standing
from ecs_stack.ephemeral_results import EphemeralSummary
from ecs_stack.errors import RefusedError
from ecs_stack.operations import describe
from ecs_stack.outputs import StackOutputs
from ecs_stack.rules import ephemeral as rules
from ecs_stack.rules import routes
from ecs_stack.standing import Standing
from ecs_stack.targets import of_stack


def list_ephemeral(root: Path) -> tuple[EphemeralSummary, ...]:
    """Every ephemeral environment of the project, by name."""
    root = root.resolve()
    found = sorted(standing.everywhere(root), key=lambda each: each.name)
    seen = {cluster: _Cluster(root, group) for cluster, group in _by_cluster(found).items()}
    now = datetime.now(UTC)
    return tuple(
        EphemeralSummary(
            name=each.name,
            host=each.host or "",
            owner=each.owner,
            created=each.created,
            expires=each.expires,
            expired=each.expires is not None and each.expires <= now,
            url=seen[each.outputs.cluster_arn].url(each.outputs) if each.outputs else None,
            health=seen[each.outputs.cluster_arn].health(each.outputs) if each.outputs else "incomplete",
            cost=pricing.daily(each.outputs),
        )
        for each in found
    )


def _by_cluster(found: Iterable[Standing]) -> dict[str, list[StackOutputs]]:
    clusters: dict[str, list[StackOutputs]] = {}
    for each in found:
        if each.outputs:
            clusters.setdefault(each.outputs.cluster_arn, []).append(each.outputs)
    return clusters


class _Cluster:
    """What a host's cluster says of the environments on it; nothing, if it can't be asked."""

    def __init__(self, root: Path, environments: Sequence[StackOutputs]) -> None:
        first = environments[0]
        target = of_stack(first, root)
        names = [service.service_name for each in environments for service in each.services.values()]
        self._services: Mapping[str, Mapping[str, Any]] | None = None
        self._urls: dict[str, dict[str, str]] = {}
        try:
            self._services = describe.services(target.connect()("ecs"), first.cluster_name, names)
            self._urls = {each.environment: target.urls(each) for each in environments}
        except (ClientError, BotoCoreError, RefusedError):
            return

    def url(self, environment: StackOutputs) -> str | None:
        """Where it answers as a whole."""
        facts = environment.ephemeral
        if facts is None:
            return None
        known = {name: routes.Route(path=each.path, host=each.host) for name, each in environment.routes.items()}
        shared = rules.host_name(environment.environment, str(facts.spec["domain"]))
        return self._urls.get(environment.environment, {}).get(routes.front(known, shared) or "")

    def health(self, environment: StackOutputs) -> str:
        """See ``EphemeralSummary``."""
        if self._services is None:
            return "unknown"
        states = [_health(self._services.get(each.service_name)) for each in environment.services.values()]
        return next((state for state in ("gone", "failing", "deploying") if state in states), "ready")


def _health(service: Mapping[str, Any] | None) -> str:
    if service is None or service["status"] != "ACTIVE":
        return "gone"
    deployment = describe.primary(service)
    if deployment and deployment.get("rolloutState") == "IN_PROGRESS":
        return "deploying"
    return "ready" if service["runningCount"] >= service["desiredCount"] else "failing"
