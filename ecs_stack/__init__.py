"""Amazon ECS environments as code.

>>> from ecs_stack import Environment
>>> receipt = Environment.load(Path("."), "dev").up()
>>> receipt.urls
{'api': 'http://localhost:34567/'}

Results are in ``ecs_stack.results``, errors in ``ecs_stack.errors``, Pulumi components in ``ecs_stack.components``.
docs/embedding.md is the guide.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecs_stack.asynchronous import in_thread
    from ecs_stack.cancellation import Cancellation
    from ecs_stack.environment import Environment, list_environments
    from ecs_stack.ephemeral import Ephemeral
    from ecs_stack.ephemeral_list import list_ephemeral
    from ecs_stack.pruning.prune import prune_ephemeral

__all__ = [
    "Cancellation",
    "Environment",
    "Ephemeral",
    "in_thread",
    "list_environments",
    "list_ephemeral",
    "prune_ephemeral",
]

_MODULES = {
    "Cancellation": "cancellation",
    "Environment": "environment",
    "Ephemeral": "ephemeral",
    "in_thread": "asynchronous",
    "list_environments": "environment",
    "list_ephemeral": "ephemeral_list",
    "prune_ephemeral": "pruning.prune",
}


def __getattr__(name: str) -> object:
    """Imported when used: the engine's SDK and boto3 take half a second, and ``--help`` needs neither."""
    if name in _MODULES:
        return getattr(import_module(f"ecs_stack.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
