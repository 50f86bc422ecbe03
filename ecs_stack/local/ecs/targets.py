"""The load balancer's side of tasks: registration in target groups and the health that it finds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_stack.local.ecs.arns import region_of
from ecs_stack.local.ecs.runner.model import ClientFactory
from ecs_stack.local.ecs.store import Document

_LOG = logging.getLogger(__name__)
Target = tuple[str, int]
#: ``unavailable``: health checks are off (Elastic Load Balancing, "Target health status").
_GOOD = ("healthy", "unavailable")
#: No longer, or never, known to the target group.
_ABSENT = ("unused", "absent")


class Targets:
    """What was last heard of each target group. One thread uses it at a time."""

    def __init__(self, clients: ClientFactory) -> None:
        self._clients = clients
        self._health: dict[str, Mapping[Target, Mapping[str, str]]] = {}

    def register(self, group: str, targets: Iterable[Target]) -> str | None:
        """Register addresses. None, or why it failed."""
        return self._call("register_targets", group, targets)

    def deregister(self, group: str, targets: Iterable[Target]) -> str | None:
        """Begin to drain. None, also if the target group is gone, or why it failed."""
        error = self._call("deregister_targets", group, targets)
        return None if error and "TargetGroupNotFound" in error else error

    def poll(self, group: str) -> None:
        """Ask for the health of a target group's targets."""
        try:
            answer = self._client(group).describe_target_health(TargetGroupArn=group)
        except ClientError as error:
            if error.response["Error"]["Code"] != "TargetGroupNotFound":
                _LOG.warning("DescribeTargetHealth of %s: %s", group, error)
                return
            answer = {"TargetHealthDescriptions": []}
        except Exception as error:
            _LOG.warning("DescribeTargetHealth of %s: %s", group, error)
            return
        self._health[group] = {
            (item["Target"]["Id"], int(item["Target"]["Port"])): item["TargetHealth"]
            for item in answer["TargetHealthDescriptions"]
        }

    def forget(self, group: str) -> None:
        """What was heard is out of date: targets were registered since."""
        self._health.pop(group, None)

    def state(self, group: str, target: Target) -> str | None:
        """A target's state as DescribeTargetHealth names it, ``absent``, or None if nothing was heard yet."""
        heard = self._health.get(group)
        return None if heard is None else heard.get(target, {"State": "absent"})["State"]

    def why(self, group: str, target: Target) -> str:
        """Why a target isn't healthy, in the load balancer's words."""
        health: Mapping[str, str] = self._health.get(group, {}).get(target, {})
        return health.get("Description") or health.get("Reason") or "Health checks failed"

    def healthy(self, task: Document) -> bool | None:
        """Whether all of a task's targets are healthy; None while nothing was heard of one of them."""
        states = [self.state(t["targetGroupArn"], (task["privateIp"], t["port"])) for t in task["targets"]]
        return None if None in states else all(state in _GOOD for state in states)

    def unhealthy(self, task: Document) -> tuple[str, int, str] | None:
        """A target group that finds the task unhealthy, the port, and why."""
        for target in task["targets"]:
            group, address = target["targetGroupArn"], (task["privateIp"], target["port"])
            if target["state"] == "registered" and self.state(group, address) == "unhealthy":
                return group, target["port"], self.why(group, address)
        return None

    def gone(self, group: str, target: Target) -> bool:
        """Whether a target that was deregistered has finished draining."""
        return self.state(group, target) in _ABSENT

    def lost(self, group: str, target: Target) -> bool:
        """Whether a target that should be registered isn't: somebody else took it out."""
        return self.state(group, target) == "absent"

    def _call(self, operation: str, group: str, targets: Iterable[Target]) -> str | None:
        ids = [{"Id": address, "Port": port} for address, port in targets]
        try:
            getattr(self._client(group), operation)(TargetGroupArn=group, Targets=ids)
        except Exception as error:
            _LOG.warning("%s of %s: %s", operation, group, error)
            return str(error)
        return None

    def _client(self, group: str) -> Any:
        return self._clients("elbv2", region_of(group))
