"""Which inputs of a resource differ, in words for people: the engine's step metadata -> PropertyChange.

Values come from engine events, in which secrets are blinded already; what marks them is turned into ``[secret]``. A
string that holds a JSON document (a task's container definitions, a policy) is compared inside, so that a change of
one environment variable reads as that.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from pulumi.automation.events import DiffKind, StepEventMetadata, StepEventStateMetadata

from ecs_stack.results import PropertyChange

SECRET = "[secret]"  # noqa: S105 (what stands for one)
UNKNOWN = "(known after apply)"

# sdk/go/common/resource: SigKey and SecretSig mark a secret; UnknownStringValue marks what a preview can't know.
_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105
_UNKNOWNS = re.compile(
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9"  # string
    "|1c4a061d-8072-4f0a-a4cb-0ff528b18fe7"  # bool
    "|3eeb2bf0-c639-47a8-9e75-3b44932eb421"  # number
    "|6a19a0b0-7e62-4c92-b797-7f8e31da9cc2"  # array
    "|030794c1-ac77-496b-92df-f27374a8bd58"  # asset
    "|e48ece36-62e2-4504-bad9-02848725956a"  # archive
    "|dd056dcd-154b-4c76-9bd3-c8f88648b5ff"  # object
)
_REPLACES = {DiffKind.ADD_REPLACE, DiffKind.DELETE_REPLACE, DiffKind.UPDATE_REPLACE}
_ADDS = {DiffKind.ADD, DiffKind.ADD_REPLACE}
_PATH_STEP = re.compile(r'\["((?:[^"\\]|\\.)*)"\]|\[(\d+)\]|\.?([^.\[]+)')
_MISSING = object()


def property_changes(step: StepEventMetadata) -> tuple[PropertyChange, ...]:
    """The inputs that make this step an update or a replacement; empty for any other step."""
    if step.old is None or step.new is None:
        return ()
    old_inputs, new_inputs = step.old.inputs or {}, step.new.inputs or {}
    replacing = set(step.keys or ())
    changes: list[PropertyChange] = []
    if step.detailed_diff:
        for path, difference in step.detailed_diff.items():
            old = old_inputs if difference.input_diff else (step.old.outputs or old_inputs)
            before = _MISSING if difference.diff_kind in _ADDS else _lookup(old, path)
            changes += _changes(path, before, _lookup(new_inputs, path), difference.diff_kind in _REPLACES)
    else:
        for key in step.diffs or ():
            before, after = old_inputs.get(key, _MISSING), new_inputs.get(key, _MISSING)
            changes += _changes(key, before, after, key in replacing)
    return tuple(changes)


def input_changes(old: StepEventStateMetadata, new: StepEventStateMetadata) -> tuple[PropertyChange, ...]:
    """The inputs that differ between two states of one resource. What the provider computes is left out: it changes by
    itself (a load balancer gets its addresses, a service its running tasks)."""
    before, after = old.inputs or {}, new.inputs or {}
    names = [*before, *(name for name in after if name not in before)]
    # Keys with two underscores are the providers' bookkeeping.
    differ = (n for n in names if not n.startswith("__") and before.get(n, _MISSING) != after.get(n, _MISSING))
    return tuple(
        change for n in differ for change in _changes(n, before.get(n, _MISSING), after.get(n, _MISSING), False)
    )


def _changes(path: str, before: Any, after: Any, forces: bool) -> list[PropertyChange]:
    """At least one: where the values look the same, what differs is blinded."""
    found = list(_compare(path, before, after, forces))
    return found or [PropertyChange(path=path, before=SECRET, after=SECRET, forces_replacement=forces)]


def _compare(path: str, before: Any, after: Any, forces: bool) -> Iterator[PropertyChange]:
    before, after = _plain(before), _plain(after)
    if isinstance(before, dict) and isinstance(after, dict):
        # The "__defaults" key is the providers' bookkeeping of which inputs nobody gave.
        for key in [*before, *(k for k in after if k not in before)]:
            if key != "__defaults" and before.get(key, _MISSING) != after.get(key, _MISSING):
                step = f"{path}.{key}" if re.fullmatch(r"[\w-]+", str(key)) else f'{path}["{key}"]'
                yield from _compare(step, before.get(key, _MISSING), after.get(key, _MISSING), forces)
        return
    if isinstance(before, list) and isinstance(after, list):
        names = _names(before), _names(after)
        if names[0] is not None and names[1] is not None:
            for name in dict.fromkeys([*names[0], *names[1]]):
                pair = names[0].get(name, _MISSING), names[1].get(name, _MISSING)
                if pair[0] != pair[1]:
                    yield from _compare(f"{path}[{name}]", *pair, forces)
            return
        if len(before) == len(after):
            for index, pair in enumerate(zip(before, after, strict=True)):
                if pair[0] != pair[1]:
                    yield from _compare(f"{path}[{index}]", *pair, forces)
            return
    yield PropertyChange(path=path, before=_show(before), after=_show(after), forces_replacement=forces)


def _names(items: list[Any]) -> dict[str, Any] | None:
    """The items by their ``name``, if each has its own: order then says nothing. A name-value pair is its value."""
    found: dict[str, Any] = {}
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or item["name"] in found:
            return None
        found[item["name"]] = item["value"] if item.keys() == {"name", "value"} else item
    return found


def blind(value: Any) -> Any:
    """``value`` with every secret replaced by ``[secret]``."""
    if isinstance(value, dict):
        if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return SECRET
        return {key: blind(item) for key, item in value.items()}
    return [blind(item) for item in value] if isinstance(value, list) else value


def _plain(value: Any) -> Any:
    """Secrets blinded, unknowns named, embedded JSON opened."""
    value = blind(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, str):
        if value[:1] in ("{", "["):
            try:
                return _plain(json.loads(value))
            except ValueError:
                pass
        return _UNKNOWNS.sub(UNKNOWN, value)
    return value


def _show(value: Any) -> str | None:
    if value is _MISSING:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def _lookup(values: Any, path: str) -> Any:
    """What is at a property path as the engine writes it: ``a.b[0]["c.d"]``."""
    for match in _PATH_STEP.finditer(path):
        quoted, index, name = match.groups()
        if index is not None:
            if not isinstance(values, list) or int(index) >= len(values):
                return _MISSING
            values = values[int(index)]
        else:
            key = re.sub(r"\\(.)", r"\1", quoted) if quoted is not None else name
            if not isinstance(values, Mapping) or key not in values:
                return _MISSING
            values = values[key]
    return values
