"""Every resource type through its whole life: planned, made, read, changed, imported, replaced, drifted, deleted."""

from __future__ import annotations

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from ecs_stack.local.providers.aws.registry import REGISTRY
from ecs_stack.local.providers.aws.values import UNKNOWN

from .cases import CASES, Case
from .conftest import World
from .harness import CheckFailed, Resource

pytestmark = pytest.mark.emulator

NONE, SOME = provider_pb2.DiffResponse.DIFF_NONE, provider_pb2.DiffResponse.DIFF_SOME


def test_every_registered_type_has_a_case() -> None:
    assert sorted(case.token for case in CASES) == sorted(REGISTRY)


def merged(inputs: dict, change: dict) -> dict:
    return {k: v for k, v in {**inputs, **change}.items() if v is not None}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_life(case: Case, world: World) -> None:
    engine = world.engine
    inputs = case.inputs(world)
    resource = engine.create(case.token, "case", inputs)
    try:
        resource = _check_made(case, world, resource, inputs)
        inputs = {**inputs, **(case.change(world) if case.change else {})}
        inputs = {k: v for k, v in inputs.items() if v is not None}
        resource = _check_changed(case, world, resource, inputs)
        _check_imported(case, world, resource, inputs)
        _check_replaced(case, world, resource, merged(inputs, case.replace(world)))
        _check_drift(case, world, resource, inputs)
    finally:
        engine.delete(resource)
    assert (engine.refresh(resource) is None) != case.remains
    engine.delete(resource)  # not being there is no error


def _check_made(case: Case, world: World, resource: Resource, inputs: dict) -> Resource:
    for name in case.outputs:
        assert resource.outputs.get(name), f"{name} was not read back"
    diff = world.engine.diff(resource, inputs)
    assert diff.changes == NONE, f"spurious: {diff.detailedDiff}"
    refreshed = world.engine.refresh(resource)
    assert refreshed is not None
    assert refreshed.id == resource.id
    assert refreshed.outputs == resource.outputs
    assert refreshed.inputs == resource.inputs
    return refreshed


def _check_changed(case: Case, world: World, resource: Resource, inputs: dict) -> Resource:
    if case.change is None:
        return resource
    diff = world.engine.diff(resource, inputs)
    assert diff.changes == SOME
    assert not diff.replaces
    preview = world.engine.update(resource, inputs, preview=True)
    changed = world.engine.update(resource, inputs)
    for name, value in case.change(world).items():
        if value is not None and not isinstance(value, (dict, list, str)):
            assert changed.outputs[name] == preview.outputs[name] == value
    assert world.engine.diff(changed, inputs).changes == NONE, world.engine.diff(changed, inputs).detailedDiff
    refreshed = world.engine.refresh(changed)
    assert refreshed is not None
    assert refreshed.outputs == changed.outputs
    assert world.engine.diff(refreshed, inputs).changes == NONE
    return changed


def _check_imported(case: Case, world: World, resource: Resource, inputs: dict) -> None:
    if case.import_id is None:
        with pytest.raises(grpc.RpcError) as error:
            world.engine.adopt(case.token, "imported", resource.id)
        assert f"{case.token} can't be imported" in error.value.details()
        return
    imported = world.engine.adopt(case.token, "imported", case.import_id(resource))
    assert imported is not None
    refreshed = world.engine.refresh(resource)
    assert refreshed is not None
    assert imported.id == refreshed.id
    named = dict(inputs)
    kind = REGISTRY[case.token]
    if kind.autoname:
        named.setdefault(kind.autoname.field, resource.inputs[kind.autoname.field])
    diff = world.engine.diff(imported, named)
    assert diff.changes == NONE, f"the import would not match: {diff.detailedDiff}"


def _check_replaced(case: Case, world: World, resource: Resource, inputs: dict) -> None:
    diff = world.engine.diff(resource, inputs)
    assert diff.changes == SOME
    assert set(diff.replaces) == set(case.replace(world))
    assert diff.deleteBeforeReplace == case.delete_before_replace


def _check_drift(case: Case, world: World, resource: Resource, inputs: dict) -> None:
    case.drift(world, resource)
    refreshed = world.engine.refresh(resource)
    if case.drifted is None:
        assert refreshed is None
        return
    assert refreshed is not None
    assert refreshed.outputs.get(case.drifted) != resource.outputs.get(case.drifted)
    diff = world.engine.diff(refreshed, inputs)
    assert diff.changes == SOME
    assert case.drifted in diff.diffs
    repaired = world.engine.update(refreshed, inputs)
    assert world.engine.diff(repaired, inputs).changes == NONE
    again = world.engine.refresh(repaired)
    assert again is not None
    assert world.engine.diff(again, inputs).changes == NONE


@pytest.mark.parametrize("case", CASES, ids=str)
def test_preview_with_an_unknown_input(case: Case, world: World) -> None:
    inputs = {**case.inputs(world), case.unknown: UNKNOWN}
    planned = world.engine.plan(case.token, "planned", inputs)
    assert planned[case.unknown] is UNKNOWN
    for name in case.outputs:
        assert name in planned
    if "arn" in case.outputs:
        assert planned["arn"] is UNKNOWN


@pytest.mark.parametrize("case", CASES, ids=str)
def test_unknown_property(case: Case, world: World) -> None:
    inputs = case.inputs(world)
    name = next(iter(inputs))
    wrong = {**inputs, f"{name}x": inputs[name]}
    with pytest.raises(CheckFailed) as error:
        world.engine.check(case.token, "wrong", wrong)
    (reason,) = error.value.failures.values()
    assert f"{name}x" in reason
    assert case.token in reason
    assert f"did you mean {name!r}?" in reason
