"""What a stack's state says without a start of the engine, which costs more than all else in `status`.

The format is the engine's checkpoint, version 3 (sdk/go/common/apitype/core.go, CheckpointV3). Anything that isn't as
known is left to the engine.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecs_stack.automation.backend import COPY, Backend
from ecs_stack.rules.state import PASSPHRASE

_VERSION = 3
_STACK_TYPE = "pulumi:pulumi:Stack"
#: Marks a value as something else than it looks: a secret, an asset (sdk/go/common/resource/sig).
_SIGNATURE = "4dabf18193072939515e22adb298388d"


@dataclass(frozen=True)
class Encryption:
    """What the secrets in a state are encrypted with: the engine's secrets provider, and what it keeps for it in the
    stack's settings (a salt, or a data key that a KMS key encrypts; neither is a secret)."""

    provider: str
    settings: Mapping[str, str]


def outputs(backend: Backend, stack: str) -> Mapping[str, Any] | None:
    """The stack's outputs; None if only the engine can tell: another backend, a secret, another format."""
    state = deployment(backend, stack)
    if state is None:
        return None
    try:
        resources = state.get("resources") or ()
        found: dict[str, Any] = next((r.get("outputs") or {} for r in resources if r["type"] == _STACK_TYPE), {})
    except (KeyError, TypeError, AttributeError):
        return None
    return None if _SIGNATURE in json.dumps(found) else found


def deployment(backend: Backend, stack: str) -> Mapping[str, Any] | None:
    """The state itself, as `stack export` has it; None if only the engine can tell."""
    return _deployment(backend, f"{stack}.json")


def copy(backend: Backend, stack: str) -> Mapping[str, Any] | None:
    """The state before the last one, which the engine keeps; None if there is none, or it can't be read."""
    return _deployment(backend, f"{stack}{COPY}")


def _deployment(backend: Backend, file: str) -> Mapping[str, Any] | None:
    content = backend.store.read(f"{backend.stacks_folder}/{file}") if backend.store else None
    try:
        state = json.loads(content or b"")
        if state["version"] != _VERSION:
            return None
        found = state["checkpoint"].get("latest") or {}
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return found if isinstance(found, Mapping) else None


def encryption(state: Mapping[str, Any]) -> Encryption | None:
    """What the secrets of a state are encrypted with (pkg/secrets/{passphrase,cloud}); None if it doesn't say, or has
    another way than these."""
    provider = state.get("secrets_providers") or {}
    known = provider.get("state") or {}
    if provider.get("type") == "passphrase" and known.get("salt"):
        return Encryption(PASSPHRASE, {"encryptionsalt": known["salt"]})
    if provider.get("type") == "cloud" and known.get("url") and known.get("encryptedkey"):
        settings = {"secretsprovider": known["url"], "encryptedkey": known["encryptedkey"]}
        return Encryption(known["url"], settings)
    return None
