"""Amazon ECS environments as code.

>>> from ecs_stack import Environment
>>> receipt = Environment.load(Path("."), "dev").up()
>>> receipt.urls
{'api': 'http://localhost:34567/'}

Results are in ``ecs_stack.results``, errors in ``ecs_stack.errors``, Pulumi components in ``ecs_stack.components``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ecs_stack.environment import Environment, list_environments

__all__ = ["Environment", "list_environments"]


def __getattr__(name: str) -> object:
    """Imported when used: the engine's SDK and boto3 take half a second, and ``--help`` needs neither."""
    if name in __all__:
        from ecs_stack import environment

        return getattr(environment, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
