"""The Pulumi program that plain `pulumi preview` and `pulumi up` run: the environment that the stack is named after.

The place for resources of your own beside it, which may use the components in ecs_stack.components.
"""

from pathlib import Path

from ecs_stack import plain

plain.run(Path(__file__).resolve().parent)
