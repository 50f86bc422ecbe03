"""``maxResults`` and ``nextToken``: a token names the last item that was answered."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence

from ecs_stack.local.ecs.context import Params, Result
from ecs_stack.local.ecs.errors import invalid


def page(params: Params, items: Sequence[str], member: str, *, default: int = 100, limit: int = 100) -> Result:
    """One page of ``items`` under the name ``member``, with ``nextToken`` where more follow."""
    size = params.get("maxResults", default)
    if not 1 <= size <= limit:
        raise invalid(f"maxResults must be between 1 and {limit}.")
    start = _position(params["nextToken"], items) if "nextToken" in params else 0
    chosen = list(items[start : start + size])
    result: Result = {member: chosen}
    if start + size < len(items):
        result["nextToken"] = base64.urlsafe_b64encode(chosen[-1].encode()).decode()
    return result


def _position(token: str, items: Sequence[str]) -> int:
    try:
        last = base64.urlsafe_b64decode(token).decode()
    except (binascii.Error, ValueError):
        raise invalid("Invalid token.") from None
    if last not in items:
        raise invalid("Invalid token.")
    return items.index(last) + 1
