"""What a state in the project's folder says without a start of the engine, which costs more than all else in `status`.

The format is the engine's checkpoint, version 3 (sdk/go/common/apitype/core.go, CheckpointV3). Anything that isn't as
known is left to the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ecs_stack.automation.backend import Backend

_VERSION = 3
_STACK_TYPE = "pulumi:pulumi:Stack"
#: Marks a value as something else than it looks: a secret, an asset (sdk/go/common/resource/sig).
_SIGNATURE = "4dabf18193072939515e22adb298388d"


def outputs(backend: Backend, stack: str) -> Mapping[str, Any] | None:
    """The stack's outputs; None if only the engine can tell: another backend, a secret, another format."""
    if not backend.is_folder:
        return None
    file = backend.home / "state" / ".pulumi" / "stacks" / backend.project / f"{stack}.json"
    try:
        text = file.read_text()
        state = json.loads(text)
        if state["version"] != _VERSION:
            return None
        resources = (state["checkpoint"].get("latest") or {}).get("resources") or ()
        found: dict[str, Any] = next((r.get("outputs") or {} for r in resources if r["type"] == _STACK_TYPE), {})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return None if _SIGNATURE in json.dumps(found) else found
