"""Amazon ECS for the local target."""

from ecs_stack.local.ecs.api import EcsService

__all__ = ["EcsService"]
