"""The journal of CloudWatch Logs is replaced by a snapshot once it is long, and nothing is replayed twice."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest

from ecs_stack.local import gateway_logs
from ecs_stack.local.gateway_logs import LogsState
from ecs_stack.local.gateway_messages import Request
from ecs_stack.local.persistence import Entry
from tests import event_loop


class Process:
    """A process with a service that keeps lines, each with the time and the id it got."""

    def __init__(self, folder: Path) -> None:
        self.lines: list[Any] = []
        self.delivered: list[Any] = []
        self.folder = folder
        self.module: Any = types.ModuleType("service")
        self.module.get_state = lambda: {"lines": list(self.lines)}
        self.module.load_persisted_state = lambda state: self.lines.extend(state["lines"])
        self.module._fanout_to_subscription_filters = self.delivered.append
        self.state = LogsState(folder, module=self.module, save=self.save, load=self.load)
        event_loop.run(self.state.restore(self.again))

    def save(self, name: str, state: Any) -> None:
        (self.folder / f"{name}.json").write_text(json.dumps(state))

    def load(self, name: str) -> Any:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.exists() else None

    async def again(self, entry: Entry) -> None:
        self.execute(entry.body)

    def execute(self, body: bytes) -> None:
        self.lines.append([body.decode(), self.module.time.time(), self.module.new_uuid()])
        self.module._fanout_to_subscription_filters(body)

    def put(self, body: bytes) -> None:
        request = Request(
            method="POST",
            path="/",
            query="",
            headers={},
            body=body,
            service="logs",
            region="eu-west-1",
            action="PutLogEvents",
        )
        with self.state.recording(request) as record:
            self.execute(body)
            record()


def test_a_long_journal_becomes_a_snapshot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateway_logs, "JOURNAL_LIMIT", 500)
    first = Process(tmp_path)
    for number in range(7):
        first.put(b"line %d" % number)
    assert len(list(tmp_path.iterdir())) == 2, "one snapshot and one journal"
    second = Process(tmp_path)
    assert second.lines == first.lines, "times and ids included"
    assert second.delivered == [], "subscribers got them already"
    second.put(b"last")
    assert Process(tmp_path).lines == second.lines
