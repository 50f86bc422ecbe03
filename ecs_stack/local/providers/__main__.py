"""``python -m ecs_stack.local.providers aws|awsx``: one stand-in as a plugin, as plain ``pulumi`` starts it.

The protocol of plugins: the port is the first line of standard output; then the plugin serves until it is killed.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading
from urllib.parse import urlsplit

from ecs_stack.local.providers.server import listening

#: Where the endpoint may be: this machine, and nothing else. A stand-in must never write to a real account.
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: list[str]) -> int:
    """Serve the provider that the first argument names; further ones (the engine's address, flags) aren't needed."""
    name = arguments[0] if arguments else ""
    if name == "aws":
        from ecs_stack.local.providers.aws import AwsServicer

        endpoint = os.environ.get("AWS_ENDPOINT_URL", "")
        if urlsplit(endpoint).hostname not in _LOOPBACK:
            sys.stderr.write(
                "the stand-in aws provider serves the local target only: AWS_ENDPOINT_URL must be the local cloud's"
                f' address, not {endpoint or "unset"}; run eval "$(ecs-stack local env)"\n'
            )
            return 2
        servicer = AwsServicer(endpoint)
    elif name == "awsx":
        from ecs_stack.local.providers.awsx import create_servicer

        servicer = create_servicer()  # type: ignore[assignment]
    else:
        sys.stderr.write(f"there is no stand-in provider {name!r}: aws or awsx\n")
        return 2
    ended = _end_of_the_engine()
    with listening(servicer) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        ended.wait()
    return 0


def _end_of_the_engine() -> threading.Event:
    """Set when what started the plugin ends.

    An engine interrupts its plugins (SIGINT). One that is killed can't, but then its end of their standard input is
    closed; input that isn't a pipe says nothing of the kind.
    """
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: ended.set())
    if stat.S_ISFIFO(os.fstat(0).st_mode):
        threading.Thread(target=_read_to_the_end, args=[ended], daemon=True).start()
    return ended


def _read_to_the_end(ended: threading.Event) -> None:
    while os.read(0, 1024):
        pass
    ended.set()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
