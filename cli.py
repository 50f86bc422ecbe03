"""``python cli.py ...`` in a checkout: the same as the installed ``ecs-stack``."""

import sys

from ecs_stack.commands.entry import main

if __name__ == "__main__":
    sys.exit(main())
