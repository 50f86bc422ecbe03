"""The engine's operations on resources, for every type alike: check, diff, create, read, update, delete."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from . import diff, tags
from .call import Call
from .errors import ProviderError
from .resource import ResourceType, State
from .schema import Problem, schema
from .values import UNKNOWN, Properties, has_unknown, without_nulls

#: Names of the inputs that Check filled in (as pulumi's terraform bridge keeps them).
DEFAULTED = "__defaults"
#: Seconds until a new resource must be readable (EC2 and IAM answer from replicas).
_VISIBLE = 20


class Failed(Exception):
    """The resource exists, but the operation didn't end well: what is known of it is to be kept."""

    def __init__(self, cause: Exception, resource_id: str, properties: State) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.resource_id = resource_id
        self.properties = properties


def check(
    kind: ResourceType, old: State, new: State, *, name: str, seed: bytes, region: str
) -> tuple[State, list[Problem]]:
    """Inputs with types, names and defaults put right, and what is wrong with them."""
    declared = schema(kind.token)
    given = {k: v for k, v in new.items() if not k.startswith("__")}
    inputs, problems = declared.check(given)
    problems.extend(
        Problem(path, f"the local target's stand-in for {kind.token} doesn't implement {path!r}")
        for path in kind.unsupported({k: v for k, v in inputs.items() if k in declared.inputs})
    )
    for group in kind.conflicts:
        both = [n for n in group if inputs.get(n) not in (None, [], False, "")]
        if len(both) > 1:
            problems.append(Problem(both[1], f"{both[1]!r} conflicts with {both[0]!r} in {kind.token}"))
    try:
        defaulted = _fill_in(kind, inputs, old, name, seed)
    except ValueError as error:
        return inputs, [*problems, Problem("name", str(error))]
    if kind.regional and inputs.get("region") == region:
        del inputs["region"]
    if not problems:
        problems.extend(Problem(path, reason) for path, reason in kind.check(inputs))
    inputs[DEFAULTED] = sorted(defaulted)
    return inputs, problems


def _fill_in(kind: ResourceType, inputs: State, old: State, name: str, seed: bytes) -> set[str]:
    filled = {k: v for k, v in kind.defaults.items() if "." not in k and k not in inputs}
    for group in kind.conflicts:
        if any(n in inputs for n in group):
            filled = {k: v for k, v in filled.items() if k not in group}
    inputs.update(filled)
    defaulted = set(filled)
    auto = kind.autoname
    if auto and auto.field not in inputs:
        prefix = inputs.get("namePrefix")
        kept = auto.field in (old.get(DEFAULTED) or ()) and old.get("namePrefix") == prefix
        if kept and old.get(auto.field):
            inputs[auto.field] = old[auto.field]
        elif prefix is UNKNOWN:
            inputs[auto.field] = UNKNOWN
        else:
            inputs[auto.field] = auto.make(name, seed, prefix)
        defaulted.add(auto.field)
    return defaulted


def compare(
    kind: ResourceType,
    old: State,
    new: State,
    state: State,
    default_tags: Mapping[str, str],
    ignore: Iterable[str],
) -> diff.Difference:
    """The difference between old and new inputs; the provider's default tags count as well."""
    result = diff.difference(kind, old, new, state, ignore)
    if kind.tagged and "tags" not in result.properties and not has_unknown(new.get("tags")):
        wanted = {**default_tags, **(new.get("tags") or {})}
        live = {k: v for k, v in (state.get("tagsAll") or {}).items() if not k.startswith("aws:")}
        ours = {k: v for k, v in live.items() if k in wanted or k not in (old.get("tags") or {})}
        if "tagsAll" in state and ours != wanted and "tags" not in set(ignore):
            result.changes["tagsAll"] = 4
            result.outputs.add("tagsAll")
    return result


def replaces_name(kind: ResourceType, old: State, new: State) -> bool:
    """Whether a replacement would have the same name as what it replaces, which AWS refuses."""
    auto = kind.autoname
    if auto is None or auto.field in (new.get(DEFAULTED) or ()):
        return False
    return bool(new.get(auto.field) == old.get(auto.field))


def planned(kind: ResourceType, inputs: State, call: Call) -> State:
    """Outputs of a resource that would be made: what isn't an input is not known."""
    known = {k: v for k, v in inputs.items() if not k.startswith("__")}
    outputs: State = {k: UNKNOWN for k in schema(kind.token).outputs if k in kind.computed or k not in _inputs(kind)}
    outputs.update(known)
    if kind.tagged:
        outputs["tagsAll"] = UNKNOWN if has_unknown(inputs.get("tags")) else dict(call.tags)
    if kind.regional:
        outputs["region"] = call.region
    return outputs


def planned_update(kind: ResourceType, state: State, old: State, inputs: State, call: Call) -> State:
    """Outputs of a resource that would be changed."""
    outputs = {k: v for k, v in state.items() if k in inputs or k not in old or k in kind.computed}
    outputs.update((k, v) for k, v in inputs.items() if not k.startswith("__"))
    changed = diff.difference(kind, old, inputs, state).properties
    outputs.update((k, UNKNOWN) for k, causes in kind.moved_by.items() if causes & changed)
    if kind.tagged:
        outputs["tagsAll"] = UNKNOWN if has_unknown(inputs.get("tags")) else dict(call.tags)
    return outputs


def create(kind: ResourceType, call: Call, inputs: State) -> tuple[str, State]:
    """Make the resource and read it back. Raises Failed if it exists and something went wrong."""
    try:
        resource_id = kind.create(call, inputs)
        call.created = resource_id
        found = _read_new(kind, call, resource_id, inputs)
    except Exception as error:
        if call.created is None:
            raise
        raise Failed(error, call.created, _best_known(kind, call, call.created, inputs)) from error
    return resource_id, found


def read(kind: ResourceType, call: Call, resource_id: str, state: State) -> tuple[str, State] | None:
    """The resource as AWS has it. An empty state is an import."""
    if not state:
        resource_id, state = kind.resolve(call, resource_id)
    found = kind.read(call, resource_id, state)
    if found is None:
        return None
    return str(found.pop("id", resource_id)), _complete(kind, call, found, state)


def update(
    kind: ResourceType,
    call: Call,
    resource_id: str,
    state: State,
    old: State,
    inputs: State,
    ignore: Iterable[str],
) -> State:
    """Change the resource and read it back. Raises Failed if something went wrong midway."""
    changed = diff.difference(kind, old, inputs, state, ignore).properties
    if not changed:
        # A create that failed midway is tried again with the inputs it had: what AWS has is what differs.
        changed = diff.difference(kind, {k: v for k, v in state.items() if k in inputs}, inputs, state).properties
    try:
        kind.update(call, resource_id, state, inputs, changed)
        if kind.tagged:
            _retag(kind, call, resource_id, state)
        return _read_new(kind, call, resource_id, inputs | {k: v for k, v in state.items() if k not in old})
    except Exception as error:
        raise Failed(error, resource_id, _best_known(kind, call, resource_id, state)) from error


def inputs_of(kind: ResourceType, properties: State, old: State, state: State, *, importing: bool) -> State:
    """The inputs that would make the resource as it is now.

    An input that was given follows what AWS has, where that changed since the state was written. One that wasn't given
    appears if it was changed behind our back, or if the resource is being imported.
    """
    inputs: State = {k: v for k, v in old.items() if k.startswith("__")}
    names = _inputs(kind) | old.keys()
    for name in sorted(n for n in names if not n.startswith("__")):
        live = properties.get(name)
        if name in old:
            moved = name in state and not _equal(kind, name, state[name], live, properties)
            value = live if moved and not _equal(kind, name, old[name], live, properties) else old[name]
        elif importing:
            worth = live not in (None, "", [], {}, False) and kind.unset.get(name) != live
            value = live if worth or kind.defaults.get(name) == live else None
        else:
            moved = not _equal(kind, name, state.get(name), live, properties)
            value = live if moved and name not in kind.computed and name != "region" else None
        if value is not None and not (importing and name == "region"):
            inputs[name] = value
    return inputs


def _equal(kind: ResourceType, name: str, old: Any, new: Any, state: State) -> bool:
    if old in (None, "", [], {}) and new in (None, "", [], {}):
        return True
    return (
        old is not None and new is not None and kind.same(name, kind.filled(name, old), kind.filled(name, new), state)
    )


def _inputs(kind: ResourceType) -> frozenset[str]:
    extra = ({"region"} if kind.regional else set()) | ({"tags"} if kind.tagged else set())
    return kind.inputs | extra


def _read_new(kind: ResourceType, call: Call, resource_id: str, inputs: State) -> State:
    state = inputs | call.facts
    found: list[State] = []

    def look() -> bool:
        properties = kind.read(call, resource_id, state)
        if properties is not None:
            found.append(properties)
        return bool(found)

    call.wait(look, seconds=_VISIBLE, what=f"{kind.token} {resource_id} to be visible")
    found[0].pop("id", None)
    return _complete(kind, call, found[0], state)


def _best_known(kind: ResourceType, call: Call, resource_id: str, state: State) -> State:
    try:
        found = kind.read(call, resource_id, state | call.facts)
    except Exception:  # the first failure is the one to report
        found = None
    if found is None:
        return {k: v for k, v in state.items() if not k.startswith("__")}
    found.pop("id", None)
    return _complete(kind, call, found, state)


def _complete(kind: ResourceType, call: Call, found: State, state: State) -> State:
    """Outputs, with what AWS doesn't know: the attributes kept in the state, the split of the tags, the region."""
    properties = without_nulls(found)
    for name in kind.kept:
        if state.get(name, kind.defaults.get(name)) is not None:
            properties[name] = state.get(name, kind.defaults.get(name))
    if kind.tagged:
        live = {k: v for k, v in (properties.get("tagsAll") or {}).items() if not k.startswith("aws:")}
        declared = tags.own(live, call.configuration.default_tags, state.get("tags") or {})
        properties["tagsAll"] = live
        properties["tags"] = declared or None
    if kind.regional:
        properties["region"] = call.region
    return {k: v for k, v in properties.items() if v is not None}


def _retag(kind: ResourceType, call: Call, resource_id: str, state: State) -> None:
    live = state.get("tagsAll") or {}
    drop = sorted(live.keys() - call.tags.keys())
    add = {k: v for k, v in call.tags.items() if live.get(k) != v}
    if add or drop:
        kind.retag(call, resource_id, state, add, drop)


def merged_tags(default: Mapping[str, str], inputs: State) -> dict[str, str]:
    """All tags: the provider's default ones, overridden by the resource's. Those not known yet are left out."""
    own = inputs.get("tags")
    declared = own if isinstance(own, Mapping) else {}
    return {**default, **{k: v for k, v in declared.items() if v is not UNKNOWN}}


def secrets_of(properties: Mapping[str, Any], *sources: Properties) -> set[str]:
    """Which outputs are secret: those whose input or former output was. Secret tags are in tagsAll too."""
    names = {name for source in sources for name in source.secret}
    if "tags" in names:
        names.add("tagsAll")
    return names & properties.keys()


def require_known(inputs: State) -> None:
    """Refuse unknown values outside a preview: the engine never sends them."""
    if has_unknown(inputs):
        raise ProviderError("an input isn't known although this is no preview")
