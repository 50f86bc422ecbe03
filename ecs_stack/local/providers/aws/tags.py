"""Tags as AWS's services write them: a list of pairs, capitalised or not, or a map."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def pairs(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """A map as AWS's list of pairs, in the order of the keys."""
    return [{key: name, value: text} for name, text in sorted(tags.items())]


def from_pairs(tags: Iterable[Mapping[str, Any]] | None, key: str = "Key", value: str = "Value") -> dict[str, str]:
    """AWS's list of pairs as a map."""
    return {str(tag[key]): str(tag.get(value, "")) for tag in tags or ()}


def own(live: Mapping[str, str], default: Mapping[str, str], declared: Mapping[str, str]) -> dict[str, str]:
    """What of the live tags the resource itself declares.

    AWS's own tags (``aws:``) are left out, and the provider's default tags unless the resource declares them too.
    """
    return {
        key: value
        for key, value in live.items()
        if not key.startswith("aws:") and (key in declared or default.get(key) != value)
    }
