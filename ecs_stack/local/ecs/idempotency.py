"""Client tokens: a request that is sent twice is done once (API Reference, "Ensuring idempotency")."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ecs_stack.local.ecs.context import Context, Params
from ecs_stack.local.ecs.errors import EcsError

#: RunTask's tokens are good for 24 hours.
_LIFETIME = 24 * 3600.0


def digest(params: Params) -> str:
    """What two requests for the same thing have in common."""
    meant = {key: value for key, value in params.items() if key != "clientToken"}
    return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()


def repeated_request(ctx: Context, operation: str, params: Params) -> Sequence[str] | None:
    """The ARNs that this token's first request made; None for a new token, or none.

    Raises ConflictException if the first request asked for something else.
    """
    stored = ctx.store.get("token", _key(ctx, operation, params)) if "clientToken" in params else None
    if stored is None or stored["at"] < ctx.now() - _LIFETIME:
        return None
    arns: Sequence[str] = stored["arns"]
    if stored["digest"] != digest(params):
        raise EcsError(
            "ConflictException",
            "The clientToken was used for a request with other parameters.",
            resource_ids=arns,
        )
    return arns


def remember_request(ctx: Context, operation: str, params: Params, arns: Sequence[str]) -> None:
    """Note what a request with a token made."""
    if "clientToken" in params:
        key = _key(ctx, operation, params)
        ctx.store.put("token", key, {"key": key, "digest": digest(params), "arns": list(arns), "at": ctx.now()})


def forget_old(ctx: Context) -> None:
    """Drop tokens that are no longer good."""
    for token in ctx.store.all("token"):
        if token["at"] < ctx.now() - _LIFETIME:
            ctx.store.delete("token", token["key"])


def _key(ctx: Context, operation: str, params: Params) -> str:
    return f"{ctx.region}/{operation}/{params['clientToken']}"
