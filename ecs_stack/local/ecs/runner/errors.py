"""Why a task couldn't start, in ECS's words."""

from __future__ import annotations

import docker


class TaskFailedToStart(Exception):
    """The task stops with the stop code TaskFailedToStart and this text as its reason.

    ``container`` is set if the text belongs to one container: it becomes that container's reason too.
    """

    def __init__(self, reason: str, *, container: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.container = container


def docker_text(error: Exception) -> str:
    """What the Docker engine said, the way the ECS agent quotes it."""
    if isinstance(error, docker.errors.APIError) and error.explanation:
        return f"Error response from daemon: {error.explanation}"
    return str(error)
