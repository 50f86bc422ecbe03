"""What a runner must remember of a task over a restart of its process and can't read back from Docker."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any


@dataclass(kw_only=True)
class Ended:
    """How a container ended."""

    exit_code: int | None = None
    reason: str | None = None


@dataclass(kw_only=True)
class Record:
    """One task. ``times`` are TaskState's, by field name; ``ended`` and ``created`` name containers."""

    created: list[str] = field(default_factory=list)
    ended: dict[str, Ended] = field(default_factory=dict)
    stop_code: str | None = None
    stopped_reason: str | None = None
    times: dict[str, datetime] = field(default_factory=dict)


class Records:
    """One small file a task, replaced as a whole: a kill at any moment leaves the old one or the new."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def save(self, task_id: str, record: Record) -> None:
        """Write a task's record."""
        value = asdict(record)
        value["times"] = {name: at.isoformat() for name, at in record.times.items()}
        path = self._path(task_id)
        temporary = path.with_suffix(".tmp")
        temporary.write_text(json.dumps(value))
        temporary.replace(path)

    def load(self, task_id: str) -> Record | None:
        """A task's record; None if there is none that can be read."""
        try:
            value: dict[str, Any] = json.loads(self._path(task_id).read_text())
            value["ended"] = {name: Ended(**ended) for name, ended in value["ended"].items()}
            value["times"] = {name: datetime.fromisoformat(at) for name, at in value["times"].items()}
            return Record(**value)
        except (OSError, ValueError, TypeError, KeyError):
            return None

    def remove(self, task_id: str) -> None:
        """Forget a task."""
        self._path(task_id).unlink(missing_ok=True)

    def keep_only(self, task_ids: Iterable[str]) -> None:
        """Forget all other tasks, their log positions included."""
        keep = set(task_ids)
        for path in self._directory.glob("*.json"):
            if path.name.split(".")[0] not in keep:
                path.unlink(missing_ok=True)

    def _path(self, task_id: str) -> Path:
        return self._directory / f"{task_id}.json"
