"""``python -m ecs_stack.local.providers aws|awsx``: one stand-in as a plugin, as plain ``pulumi`` starts it.

The protocol of plugins: the port is the first line of standard output; then the plugin serves until it is killed.
"""

from __future__ import annotations

import os
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
    with listening(servicer) as port:
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
