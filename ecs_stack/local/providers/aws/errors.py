"""What goes wrong while a provider works, in terms that a user can act on."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
)


class ProviderError(Exception):
    """An operation failed; the message is shown to the user as it is."""


class Cancelled(ProviderError):
    """The engine asked to stop."""


def code(error: ClientError) -> str:
    """AWS's error code."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_not_found(error: ClientError) -> bool:
    """Whether the code says that the thing isn't there (``InvalidVpcID.NotFound``, ``NoSuchEntity``, ...)."""
    name = code(error)
    return name.endswith(("NotFound", "NotFoundException", "NotFoundFault")) or name == "NoSuchEntity"


def if_found(call: Callable[..., Any], **arguments: Any) -> Any:
    """The call's answer, or None where AWS answers that the thing isn't there."""
    try:
        return call(**arguments)
    except ClientError as error:
        if is_not_found(error):
            return None
        raise


def ignoring(codes: Container[str], call: Callable[..., Any], **arguments: Any) -> Any:
    """The call's answer, or None where AWS answers with one of the codes, or that the thing isn't there."""
    try:
        return call(**arguments)
    except ClientError as error:
        if code(error) in codes or is_not_found(error):
            return None
        raise


def without_values(report: str) -> str:
    """A report of botocore's validation without the values that it quotes: one may be a secret."""
    return re.sub(r", value: .*?(?=, (?:type|valid))", "", report, flags=re.DOTALL)


def message(error: Exception) -> str:
    """One line (or a few) for the user; AWS's request id is left out, the local cloud has no use for it."""
    if isinstance(error, ParamValidationError):
        return without_values(str(error))
    if isinstance(error, ClientError):
        return f"{error.operation_name}: {code(error)}: {error.response.get('Error', {}).get('Message', '')}"
    if isinstance(error, ConnectionClosedError | ConnectTimeoutError | EndpointConnectionError):
        return f"the local cloud doesn't answer ({error}): `ecs-stack local start` brings it back, tasks included"
    if isinstance(error, ProviderError | BotoCoreError):
        return str(error)
    return f"{type(error).__name__}: {error}"
