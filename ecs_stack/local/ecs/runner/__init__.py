"""Runs ECS tasks as real containers on a Docker engine.

Knows nothing of services or deployments: it launches, watches and stops single tasks, in ECS's words.
"""

from ecs_stack.local.ecs.runner.docker_runner import DockerTaskRunner
from ecs_stack.local.ecs.runner.model import ClientFactory, ContainerState, TaskRun, TaskRunner, TaskState

__all__ = ["ClientFactory", "ContainerState", "DockerTaskRunner", "TaskRun", "TaskRunner", "TaskState"]
