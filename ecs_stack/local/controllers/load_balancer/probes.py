"""One health check of one target, as ELB makes it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

from ecs_stack.local.controllers.load_balancer.model import HealthCheck
from ecs_stack.local.controllers.load_balancer.targets import FAILED, TIMED_OUT, Reason, wrong_codes


async def probe(check: HealthCheck, host: str, port: int) -> Reason | None:
    """None if the target on 127.0.0.1:``port`` passes, else the reason. ``host`` is the Host it is told."""
    try:
        status = await asyncio.wait_for(_status(check, host, port), check.timeout)
    except TimeoutError:
        return TIMED_OUT
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        return FAILED
    return None if status is None or check.matches(status) else wrong_codes(status)


async def _status(check: HealthCheck, host: str, port: int) -> int | None:
    """The status code of the answer; None for a TCP check, which only connects."""
    context = None
    if check.protocol == "HTTPS":
        # ELB doesn't validate its targets' certificates.
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    try:
        if check.protocol == "TCP":
            return None
        request = f"GET {check.path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n"
        writer.write(f"{request}User-Agent: ELB-HealthChecker/2.0\r\n\r\n".encode())
        await writer.drain()
        line = await reader.readuntil(b"\n")
        return int(line.split(None, 2)[1])
    except IndexError as error:
        raise ValueError("no status line") from error
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
