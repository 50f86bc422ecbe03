"""A request that is sent twice is done once.

By client tokens, as on AWS (API Reference, "Ensuring idempotency"), and by the SDK's identity of a call: one whose
answer got lost because this process was killed is sent again by the SDK, and gets the answer that it missed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence

from ecs_stack.local.ecs.context import Context, Params
from ecs_stack.local.ecs.errors import EcsError

#: RunTask's tokens are good for 24 hours.
_LIFETIME = 24 * 3600.0
#: Seconds that an answer is kept for an SDK that sends its call again.
_ANSWERS = 600.0


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


def answered(ctx: Context, invocation: str) -> bytes | None:
    """The answer to a call that has succeeded before; inside a transaction."""
    found = ctx.store.get("answer", invocation) if invocation else None
    return str(found["body"]).encode() if found is not None else None


def remember_answer(ctx: Context, invocation: str, body: bytes) -> None:
    """Note a call's answer, in the transaction of what it changed."""
    if invocation:
        ctx.store.put("answer", invocation, {"key": invocation, "body": body.decode(), "at": ctx.now()})


def forget_old(ctx: Context) -> None:
    """Drop tokens that are no longer good, and answers that nobody asks for any more."""
    for answer in ctx.store.all("answer"):
        if answer["at"] < ctx.now() - _ANSWERS:
            ctx.store.delete("answer", answer["key"])
    for token in ctx.store.all("token"):
        if token["at"] < ctx.now() - _LIFETIME:
            ctx.store.delete("token", token["key"])


def _key(ctx: Context, operation: str, params: Params) -> str:
    return f"{ctx.region}/{operation}/{params['clientToken']}"
