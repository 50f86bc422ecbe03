"""A stack's settings follow its state, where other checkouts share that, and where the state was moved.

The engine takes what it encrypts secrets with from the settings, which are in this folder, and without them it begins
anew with a passphrase of its own. What they have to say is also in the state.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping
from typing import Any

from ecs_stack.automation import state_file
from ecs_stack.automation.backend import Backend

_PROVIDER = "secretsprovider"


def may_differ(backend: Backend, stack: str) -> bool:
    """Whether the settings may be another state's: one that others share, or where the stack was kept before."""
    if not backend.is_folder:
        return backend.store is not None or backend.secrets is not None
    try:
        return _PROVIDER in backend.settings(stack).read_text()
    except FileNotFoundError:
        return True


def follow(backend: Backend, stack: str, state: Mapping[str, Any] | None) -> None:
    """Makes the settings those of ``state``, as the engine exports it; None: there is no such stack."""
    file = backend.settings(stack)
    if state is None:
        file.unlink(missing_ok=True)
        return
    found = state_file.encryption(state)
    if found is None:
        return
    text = "".join(f"{name}: {json.dumps(value)}\n" for name, value in found.settings.items())  # JSON is YAML
    if file.exists() and file.read_text() == text:
        return
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.write_text(text)
    draft.replace(file)
