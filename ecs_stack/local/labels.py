"""The labels of the local cloud's Docker objects: what finds them again. Imports nothing, so that looking is quick."""

from __future__ import annotations

#: On every object: the absolute root of its local cloud.
ROOT_LABEL = "ecs-stack.root"
#: On the objects of a task: its id.
TASK_LABEL = "ecs-stack.task"
#: On a task's container: its name in the task definition.
CONTAINER_LABEL = "ecs-stack.container"
#: The agent's own name for the container that owns the task's network namespace.
PAUSE = "~internal~ecs~pause"
