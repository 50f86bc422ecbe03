"""bootstrap: the place for state."""

from __future__ import annotations

from ecs_stack.commands.options import Json, Name, Root, find_root


def bootstrap(name: Name, json: Json = False, root: Root = None) -> None:
    """Make an S3 bucket for an environment's state, and a KMS key for it.

    The bucket is versioned, private, encrypted with the key, and takes TLS only. Says what was made, what was there,
    and what to write into the environment file. Refuses a bucket that isn't the project's.
    """
    from ecs_stack.environment import Environment
    from ecs_stack.render.output import Output

    Output(json=json).bootstrap(Environment.load(find_root(root), name).bootstrap())
