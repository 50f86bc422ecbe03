"""Results as JSON with stable names: the fields of the results. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from datetime import datetime
from typing import Any

from ecs_stack.errors import EcsStackError


def document(value: Any) -> str:
    """One indented JSON document."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False)


def line(value: Any) -> str:
    """One line of JSON Lines."""
    return json.dumps(_plain(value), ensure_ascii=False)


def failure(error: EcsStackError) -> dict[str, Any]:
    """What went wrong; with the receipt, where the work was done and missed its end."""
    return {
        "error": {
            "kind": type(error).__name__,
            "message": error.message,
            "problems": list(error.problems),
            "hint": error.hint,
            "exit_code": error.exit_code,
            "receipt": _plain(getattr(error, "receipt", None)),
        }
    }


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, datetime) else value
