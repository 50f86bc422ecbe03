"""Every resource type that the stand-in implements, by token."""

from __future__ import annotations

from collections.abc import Mapping

from .errors import ProviderError
from .resource import ResourceType
from .schema import nearest
from .types import TYPES

REGISTRY: Mapping[str, ResourceType] = {kind.token: kind() for kind in TYPES}


def get(token: str) -> ResourceType:
    """The type of a token; ProviderError if it isn't implemented."""
    kind = REGISTRY.get(token)
    if kind is None:
        hint = nearest(token, REGISTRY)
        raise ProviderError(f"the local target's stand-in for the aws provider has no resource type {token!r}{hint}")
    return kind
