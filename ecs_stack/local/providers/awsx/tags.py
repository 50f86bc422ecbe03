"""Tag maps that may be, or hold, outputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi


def merged(*tags: Any) -> Any:
    """One tag map; a later map wins. Missing maps (None) are left out."""
    given = [tag_map for tag_map in tags if tag_map is not None]
    if all(isinstance(tag_map, Mapping) for tag_map in given):
        return _merge(given)
    return pulumi.Output.all(*given).apply(_merge)


def _merge(tag_maps: list[Any]) -> dict[str, Any]:
    return {name: value for tag_map in tag_maps for name, value in tag_map.items()}
