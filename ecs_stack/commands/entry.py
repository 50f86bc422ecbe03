"""The installed command. While it loads there is nothing to tell of: Ctrl-C just ends it then."""

from __future__ import annotations

import signal


def main() -> int:
    """See ``commands.main``."""
    handler = signal.getsignal(signal.SIGINT)
    if handler is signal.default_int_handler:  # whoever started it may have it ignore Ctrl-C
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from ecs_stack.commands.main import main as run

    signal.signal(signal.SIGINT, handler)
    return run()
