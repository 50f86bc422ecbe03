"""Engine events -> results, from events that engine 3.259.0 sent (Stash resources under a component)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pulumi.automation.events import EngineEvent, StepEventMetadata

from ecs_stack.automation.diffs import SECRET, UNKNOWN, property_changes
from ecs_stack.automation.events import Recorder, label, summarize
from ecs_stack.results import ChangeKind, DriftKind, Progress

RECORDED = json.loads((Path(__file__).parent / "recorded_events.json").read_text())
STACK = "urn:pulumi:dev::ecs-stack::pulumi:pulumi:Stack::ecs-stack-dev"
CHILD = "urn:pulumi:dev::ecs-stack::ecs-stack:index:Service"
SERVICE = "urn:pulumi:dev::ecs-stack::ecs-stack:index:Service::api"


def replay(name: str, recorder: Recorder | None = None) -> Recorder:
    recorder = recorder or Recorder()
    for event in RECORDED[name]:
        recorder(EngineEvent.from_json(event))
    return recorder


def step(op: str, urn: str = f"{CHILD}$x:y:Z::z", **more: Any) -> dict[str, Any]:
    """An event's metadata as the engine writes it."""
    type_ = urn.split("::")[2].split("$")[-1]
    state = {"type": type_, "urn": urn, "custom": True, "parent": SERVICE, "inputs": {}, "outputs": {}}
    return {"op": op, "urn": urn, "type": type_, "provider": "", "old": state, "new": state, **more}


def send(recorder: Recorder, kind: str, metadata: dict[str, Any]) -> None:
    recorder(EngineEvent.from_json({"sequence": 1, "timestamp": 1, kind: {"metadata": metadata}}))


def test_a_preview_has_each_resource_once_under_its_parent() -> None:
    recorder = replay("preview-update")
    changes = recorder.changes(planned=True)
    assert [(c.name, c.kind, c.parent) for c in changes] == [
        ("a", ChangeKind.UPDATE, SERVICE),
        ("b", ChangeKind.DELETE, SERVICE),
        ("r", ChangeKind.CREATE, SERVICE),
        ("api", ChangeKind.SAME, STACK),
        ("ecs-stack-dev", ChangeKind.SAME, None),
    ]
    counts = RECORDED["preview-update"][-2]["summaryEvent"]["resourceChanges"]
    summary = summarize(changes)
    assert {kind: getattr(summary, kind) for kind in counts} == counts, "the engine's own counts"
    assert recorder.outputs_changed
    assert recorder.outputs == {"ecs_stack": {"secret": SECRET, "v": 2}}


def test_property_changes_open_embedded_json_and_hide_secrets() -> None:
    (changed,) = [c for c in replay("preview-update").changes(planned=True) if c.properties]
    assert [(p.path, p.before, p.after) for p in changed.properties] == [
        ("input.image", "x:1", "x:2"),
        ("input.json[app].environment[GREETING]", "hello1", "hello2"),
        ("input.list[2]", "1", "2"),
    ]


def test_progress_counts_and_names_what_is_waited_for() -> None:
    steps: list[Progress] = []
    replay("up-update", Recorder(steps.append, total=5))
    messages = [s.message for s in steps if s.message]
    assert messages[0].startswith(("creating Stash r", "updating Stash a"))
    assert {"created Stash r", "updated Stash a", "deleted Stash b"} <= set(messages)
    assert (steps[-1].done, steps[-1].total, steps[-1].waiting_for) == (5, 5, ())
    assert any(s.waiting_for == ("Stash a",) for s in steps)


def test_what_failed_or_did_not_end_is_no_change() -> None:
    recorder = Recorder()
    for name in ("failed", "unfinished", "done"):
        send(recorder, "resourcePreEvent", step("create", f"{CHILD}$x:y:Z::{name}"))
    send(recorder, "resOutputsEvent", step("create", f"{CHILD}$x:y:Z::done"))
    send(recorder, "resOpFailedEvent", step("create", f"{CHILD}$x:y:Z::failed"))
    assert [c.name for c in recorder.changes()] == ["done"]
    assert recorder.touched


def test_a_replacement_is_one_change() -> None:
    steps: list[Progress] = []
    recorder = Recorder(steps.append)
    for op in ("create-replacement", "replace", "delete-replaced"):
        send(recorder, "resourcePreEvent", step(op))
        if op != "replace":
            send(recorder, "resOutputsEvent", step(op))
    (change,) = recorder.changes()
    assert change.kind is ChangeKind.REPLACE
    assert summarize((change,)).replace == 1
    assert [s.message for s in steps] == [
        "creating the new Z z",
        "created the new Z z",
        "deleting the old Z z",
        "deleted the old Z z",
    ]


def test_a_program_that_only_declares_components_has_touched_nothing() -> None:
    recorder = Recorder()
    for op, urn, custom in (
        ("create", SERVICE, False),
        ("create", "urn:pulumi:dev::ecs-stack::pulumi:providers:aws::aws", True),
    ):
        metadata = step(op, urn)
        metadata["new"]["custom"] = custom
        send(recorder, "resourcePreEvent", metadata)
    assert not recorder.touched


def test_errors_keep_the_resource_they_belong_to() -> None:
    recorder = Recorder()
    for urn, message in (
        (f"{CHILD}$aws:ecs/service:Service::dev-api", "no such cluster\n"),
        (STACK, "update failed"),
    ):
        event = {"urn": urn, "message": message, "severity": "error", "color": "never"}
        recorder(EngineEvent.from_json({"sequence": 1, "timestamp": 1, "diagnosticEvent": event}))
    assert [(p.resource, p.message) for p in recorder.problems] == [
        ("Service dev-api", "no such cluster"),
        (None, "update failed"),
    ]


def test_a_refresh_tells_what_others_deleted_or_changed() -> None:
    recorder = Recorder()
    gone, other, same = (f"{CHILD}$x:y:Z::{name}" for name in ("gone", "other", "same"))

    def look(urn: str, new: dict[str, Any] | None) -> None:
        found = step("refresh", urn)
        found["old"]["inputs"] = {"path": "/health", "__defaults": []}
        found["old"]["outputs"] = {"members": 1}
        send(recorder, "resourcePreEvent", found)
        send(recorder, "resOutputsEvent", {**found, "new": new and {**found["old"], **new}})

    look(gone, None)
    look(other, {"inputs": {"path": "/wrong", "__defaults": ["x"]}})
    look(same, {"outputs": {"members": 2}})
    assert [(d.name, d.kind, [(p.path, p.before, p.after) for p in d.properties]) for d in recorder.drift] == [
        ("gone", DriftKind.DELETED, []),
        ("other", DriftKind.CHANGED, [("path", "/health", "/wrong")]),
    ]
    assert recorder.changes(planned=True) == ()
    assert not recorder.touched, "a look is no change"
    for urn, op in ((gone, "create"), (other, "update"), (same, "same")):
        send(recorder, "resourcePreEvent", step(op, urn))
        send(recorder, "resOutputsEvent", step(op, urn))
    assert [c.kind for c in recorder.changes()] == [ChangeKind.CREATE, ChangeKind.UPDATE, ChangeKind.SAME]


def test_labels() -> None:
    assert label(f"{CHILD}$aws:ecs/taskDefinition:TaskDefinition::dev::api") == "TaskDefinition dev::api"


SECRET_1 = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "ciphertext": "[secret]"}


@pytest.mark.parametrize(
    ("old", "new", "more", "expected"),
    [
        pytest.param(
            {"tags": {"a.b": "1"}},
            {"tags": {"a.b": "2"}},
            {"detailedDiff": {'tags["a.b"]': {"diffKind": "update", "inputDiff": True}}},
            [('tags["a.b"]', "1", "2", False)],
            id="a quoted path",
        ),
        pytest.param(
            {"cidr": "10.0.0.0/16"},
            {"cidr": "10.1.0.0/16"},
            {"detailedDiff": {"cidr": {"diffKind": "update-replace", "inputDiff": True}}},
            [("cidr", "10.0.0.0/16", "10.1.0.0/16", True)],
            id="a replacement",
        ),
        pytest.param(
            {"cidr": 1},
            {"cidr": 2},
            {"diffs": ["cidr"], "keys": ["cidr"]},
            [("cidr", "1", "2", True)],
            id="a provider without a detailed diff",
        ),
        pytest.param(
            {},
            {"count": 3.0},
            {"detailedDiff": {"count": {"diffKind": "add", "inputDiff": True}}},
            [("count", None, "3", False)],
            id="an addition",
        ),
        pytest.param(
            {"count": 3},
            {},
            {"detailedDiff": {"count": {"diffKind": "delete", "inputDiff": True}}},
            [("count", "3", None, False)],
            id="a removal",
        ),
        pytest.param(
            {"password": SECRET_1},
            {"password": SECRET_1},
            {"diffs": ["password"]},
            [("password", SECRET, SECRET, False)],
            id="a secret",
        ),
        pytest.param(
            {"arn": "x"},
            {"arn": "04da6b54-80e4-46f7-96ec-b56ff0331ba9"},
            {"diffs": ["arn"]},
            [("arn", "x", UNKNOWN, False)],
            id="a value that a preview can't know",
        ),
        pytest.param(
            {"list": ["a", "b"]},
            {"list": ["a"]},
            {"diffs": ["list"]},
            [("list", '["a", "b"]', '["a"]', False)],
            id="a list of another length",
        ),
        pytest.param(
            {"env": '[{"name":"A","value":"1"},{"name":"B","value":"2"}]'},
            {"env": '[{"name":"B","value":"3"}]'},
            {"diffs": ["env"]},
            [("env[A]", "1", None, False), ("env[B]", "2", "3", False)],
            id="name-value pairs in any order",
        ),
    ],
)
def test_property_changes(old: Any, new: Any, more: dict[str, Any], expected: list[tuple[Any, ...]]) -> None:
    metadata = step("update", **more)
    metadata["old"] = {**metadata["old"], "inputs": old}
    metadata["new"] = {**metadata["new"], "inputs": new}
    found = property_changes(StepEventMetadata.from_json(metadata))
    assert [(p.path, p.before, p.after, p.forces_replacement) for p in found] == expected
