"""What a task asks of the Docker engine. Errors come back in ECS's words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import docker
import requests
import urllib3
from docker.utils import parse_repository_tag

from ecs_stack.local.ecs.runner import pause
from ecs_stack.local.ecs.runner.container_config import (
    container_arguments,
    labels,
    pause_arguments,
    task_volumes,
    volume_name,
)
from ecs_stack.local.ecs.runner.errors import TaskFailedToStart, docker_text
from ecs_stack.local.ecs.runner.ordering import Container
from ecs_stack.local.ecs.runner.plan import ContainerPlan, TaskPlan
from ecs_stack.local.labels import CONTAINER_LABEL, PAUSE, ROOT_LABEL, TASK_LABEL

#: What the Docker client raises: the engine's refusals, and connections that fail or break.
DOCKER_ERRORS = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,
)
#: The exit code of a process that SIGKILL ended (128 + 9).
SIGKILL_EXIT = 137


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """What Docker says of a container. ``status`` is created, running, exited, ..."""

    id: str
    status: str
    exit_code: int
    oom_killed: bool
    health: str
    stop_signal: str
    image_id: str

    @property
    def running(self) -> bool:
        """Whether its process lives."""
        return self.status in ("running", "paused")


class Engine:
    """The Docker engine, as far as tasks of one root are concerned."""

    def __init__(self, api: Any, root: str) -> None:
        self.api = api
        self.root = root

    def start_pause(self, plan: TaskPlan) -> tuple[str, dict[int, int]]:
        """Start the container that owns the task's network; its id and the published ports.

        Raises TaskFailedToStart.
        """
        try:
            arguments = pause_arguments(plan, pause.ensure_image(self.api), self.root)
            try:
                pause_id = str(self.api.create_container(**arguments)["Id"])
            except docker.errors.ImageNotFound:
                # The reset of another root removed it just now.
                pause.ensure_image(self.api)
                pause_id = str(self.api.create_container(**arguments)["Id"])
            self.api.start(pause_id)
            return pause_id, self.published(pause_id)
        except (*DOCKER_ERRORS, ValueError) as error:
            raise TaskFailedToStart(
                f"ResourceInitializationError: failed to create the task's network: {docker_text(error)}"
            ) from error

    def published(self, pause_id: str) -> dict[int, int]:
        """Container port -> port on 127.0.0.1; of a port that has both protocols, TCP's."""
        ports = self.api.inspect_container(pause_id)["NetworkSettings"]["Ports"] or {}
        by_protocol = sorted(ports.items(), key=lambda item: item[0].endswith("/tcp"))
        return {int(port.split("/")[0]): int(bindings[0]["HostPort"]) for port, bindings in by_protocol if bindings}

    def make_volumes(self, plan: TaskPlan) -> None:
        """Make the task-scoped volumes, empty."""
        for name in task_volumes(plan):
            self.api.create_volume(volume_name(plan.run, name), labels=labels(self.root, plan.run, name))

    def has_image(self, reference: str) -> bool:
        """Whether the image is on this machine."""
        try:
            self.api.inspect_image(reference)
        except docker.errors.APIError as error:
            # 400: not a valid reference. Pulling it then says so.
            if error.status_code in (400, 404):
                return False
            raise
        return True

    def pull(self, container: ContainerPlan, credentials: dict[str, str] | None) -> None:
        """Pull a container's image. Raises TaskFailedToStart with ECS's CannotPullContainerError."""
        repository, tag = parse_repository_tag(container.image)
        try:
            for status in self.api.pull(
                repository, tag=tag or "latest", auth_config=credentials, stream=True, decode=True
            ):
                if "error" in status:
                    raise TaskFailedToStart(
                        f"CannotPullContainerError: Error response from daemon: {status['error']}",
                        container=container.name,
                    )
        except DOCKER_ERRORS as error:
            raise TaskFailedToStart(
                f"CannotPullContainerError: {docker_text(error)}", container=container.name
            ) from error

    def describe_image(self, container: Container, reference: str) -> None:
        """Note the image's stop signal and digest; an image that was never in a repository has its id."""
        try:
            image = self.api.inspect_image(reference)
        except docker.errors.ImageNotFound:
            # Its tag was moved and the image removed while the container ran.
            return
        digests = image.get("RepoDigests")
        container.image_digest = digests[0].split("@", 1)[1] if digests else image["Id"]
        container.stop_signal = (image.get("Config") or {}).get("StopSignal") or container.stop_signal

    def create(
        self,
        plan: TaskPlan,
        container: ContainerPlan,
        *,
        pause_id: str,
        environment: Mapping[str, str],
        ids: Mapping[str, str],
    ) -> str:
        """Create a container; its id. Raises TaskFailedToStart."""
        try:
            return str(
                self.api.create_container(
                    **container_arguments(
                        plan,
                        container,
                        root=self.root,
                        pause_id=pause_id,
                        environment=environment,
                        ids=ids,
                    )
                )["Id"]
            )
        except DOCKER_ERRORS as error:
            raise TaskFailedToStart(
                f"CannotCreateContainerError: {docker_text(error)}", container=container.name
            ) from error

    def start(self, container: ContainerPlan, container_id: str) -> None:
        """Start a container. Raises TaskFailedToStart."""
        try:
            self.api.start(container_id)
        except DOCKER_ERRORS as error:
            raise TaskFailedToStart(
                f"CannotStartContainerError: {docker_text(error)}", container=container.name
            ) from error

    def inspect(self, container_id: str) -> Inspected | None:
        """A container; None if Docker doesn't have it.

        Raises one of DOCKER_ERRORS if Docker doesn't answer.
        """
        try:
            found = self.api.inspect_container(container_id)
        except docker.errors.NotFound:
            return None
        state, config = found["State"], found["Config"]
        return Inspected(
            id=found["Id"],
            status=state["Status"],
            exit_code=state["ExitCode"],
            oom_killed=state["OOMKilled"],
            health=(state.get("Health") or {}).get("Status", "none"),
            stop_signal=config.get("StopSignal") or "SIGTERM",
            image_id=found["Image"],
        )

    def signal(self, container_id: str, signal: str) -> None:
        """Send a signal; a container that isn't there or has ended is no error."""
        try:
            self.api.kill(container_id, signal)
        except (docker.errors.NotFound, docker.errors.APIError) as error:
            if error.status_code not in (404, 409):
                raise

    def remove(self, container_id: str) -> None:
        """Remove a container and its anonymous volumes; one that isn't there is no error."""
        for _ in range(50):
            try:
                self.api.remove_container(container_id, v=True, force=True)
                return
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                # 409: someone else is removing it just now.
                if error.status_code != 409:
                    raise
            time.sleep(0.05)

    def remove_volumes(self, task_id: str) -> None:
        """Remove the task-scoped volumes of a task."""
        found = self.api.volumes(filters={"label": [f"{ROOT_LABEL}={self.root}", f"{TASK_LABEL}={task_id}"]})
        for volume in found["Volumes"] or ():
            try:
                self.api.remove_volume(volume["Name"], force=True)
            except docker.errors.NotFound:
                continue

    def containers(self, task_id: str | None = None) -> dict[str, dict[str, str]]:
        """All containers of this root, or of one task: task id -> container name -> Docker id."""
        found: dict[str, dict[str, str]] = {}
        wanted = [f"{ROOT_LABEL}={self.root}"]
        if task_id:
            wanted.append(f"{TASK_LABEL}={task_id}")
        for item in self.api.containers(all=True, filters={"label": wanted}):
            tags = item["Labels"]
            if TASK_LABEL in tags:
                found.setdefault(tags[TASK_LABEL], {})[tags.get(CONTAINER_LABEL, PAUSE)] = item["Id"]
        return found
