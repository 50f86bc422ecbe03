"""What differs between the inputs a resource was made from and those it shall have now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime.proto import provider_pb2

from .resource import ResourceType, State
from .values import UNKNOWN

_Kind = provider_pb2.PropertyDiff
_MISSING: Any = object()


@dataclass
class Difference:
    """Changes by property path; ``replaces`` has the paths whose change makes a new resource."""

    changes: dict[str, int] = field(default_factory=dict)
    replaces: set[str] = field(default_factory=set)
    outputs: set[str] = field(default_factory=set)

    @property
    def properties(self) -> frozenset[str]:
        """The top-level properties that differ."""
        return frozenset(top(path) for path in self.changes)

    def response(self, *, delete_before_replace: bool) -> provider_pb2.DiffResponse:
        """As the engine reads it."""
        detailed = {
            path: provider_pb2.PropertyDiff(
                # ADD_REPLACE, DELETE_REPLACE and UPDATE_REPLACE each follow their plain kind.
                kind=kind + (1 if path in self.replaces else 0),  # type: ignore[arg-type]
                inputDiff=path not in self.outputs,
            )
            for path, kind in self.changes.items()
        }
        some = provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE
        return provider_pb2.DiffResponse(
            changes=some,
            diffs=sorted(self.properties),
            replaces=sorted({top(path) for path in self.replaces}),
            detailedDiff=detailed,
            hasDetailedDiff=True,
            deleteBeforeReplace=bool(self.replaces) and delete_before_replace,
        )


def top(path: str) -> str:
    """The top-level property of a path."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]


def difference(
    kind: ResourceType,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    state: State,
    ignore: Iterable[str] = (),
) -> Difference:
    """Compare inputs.

    An input that wasn't given before is compared with the state: naming what AWS had chosen is no change. One that
    AWS computes (``computed``) may be left out again without a change.
    """
    comparison = _Comparison(kind, dict(new), state)
    ignored = set(ignore)
    for name in sorted(old.keys() | new.keys()):
        if name.startswith("__") or name in ignored:
            continue
        before = old[name] if name in old else state.get(name, _MISSING)
        after = kind.filled(name, new.get(name, _MISSING))
        if name not in old and isinstance(before, Mapping) and isinstance(after, Mapping):
            before = {key: value for key, value in before.items() if key in after}
        if (after is not _MISSING or name != "region") and not _unset(kind, name, before, after):
            comparison.compare(name, name, kind.filled(name, before), after)
    result = comparison.result
    for path in [p for p in result.changes if any(p == i or p.startswith((f"{i}.", f"{i}[")) for i in ignored)]:
        del result.changes[path]
        result.replaces.discard(path)
    return result


@dataclass
class _Comparison:
    kind: ResourceType
    inputs: State
    state: State
    result: Difference = field(default_factory=Difference)

    def compare(self, path: str, plain: str, before: Any, after: Any) -> None:
        """Record what differs at ``path``; ``plain`` is the path without indexes."""
        if (_empty(before) and _empty(after)) or (after is _MISSING and plain in self.kind.computed):
            return
        if before is not _MISSING and after is not _MISSING:
            if after is not UNKNOWN and self.kind.same(plain, before, after, self.state):
                return
            if isinstance(before, Mapping) and isinstance(after, Mapping):
                for key in sorted(before.keys() | after.keys()):
                    where = f"{path}.{key}" if re.fullmatch(r"[\w-]+", key) else f'{path}["{key}"]'
                    self.compare(where, f"{plain}.{key}", before.get(key, _MISSING), after.get(key, _MISSING))
                return
            if isinstance(before, list) and isinstance(after, list):
                for index in range(max(len(before), len(after))):
                    items = (v[index] if index < len(v) else _MISSING for v in (before, after))
                    self.compare(f"{path}[{index}]", plain, *items)
                return
        change = _Kind.ADD if before is _MISSING else _Kind.DELETE if after is _MISSING else _Kind.UPDATE
        self.result.changes[path] = change
        if self.kind.replacement(plain, None if after is _MISSING else after, self.inputs, self.state):
            self.result.replaces.add(path)


def _unset(kind: ResourceType, name: str, before: Any, after: Any) -> bool:
    """Whether a value that is on one side only is the one that leaving it out means."""
    present = after if before is _MISSING else before
    if before is not _MISSING and after is not _MISSING:
        return False
    return any(name in facts and facts[name] == present for facts in (kind.defaults, kind.unset))


def _empty(value: Any) -> bool:
    """Nothing, or nothing in it: AWS makes no difference between the two."""
    return value is _MISSING or value in ("", [], {})
