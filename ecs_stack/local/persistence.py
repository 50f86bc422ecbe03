"""Files that a killed process leaves whole: a JSON document replaced at once, and a journal of requests.

What is guarded against is the end of the process at any moment (kill -9), not a power cut: what was written
is in the kernel's hands, and nothing here calls fsync.
"""

from __future__ import annotations

import base64
import json
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """Replace a JSON file in one step; only its owner may read it."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(value, file)
    temporary.replace(path)


def read_json(path: Path) -> Any:
    """What the file holds, or None where there is none."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A request that changed something: ``time`` is when it was answered (Unix seconds)."""

    sequence: int
    time: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes


class Journal:
    """Requests in the order they were executed. ``salt`` differs for each journal ever begun."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries, self.salt = self._load()
        self._last = max((entry.sequence for entry in self._entries), default=0)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        if not self.salt:
            self.salt = secrets.token_hex(8)
            self._append({"salt": self.salt})

    def replay(self) -> Iterator[Entry]:
        """What the journal held when it was opened, once."""
        entries, self._entries = self._entries, []
        yield from entries

    @property
    def size(self) -> int:
        """Bytes."""
        return self._path.stat().st_size

    @property
    def last_sequence(self) -> int:
        """The highest number given out."""
        return self._last

    def next_sequence(self) -> int:
        """A number that no entry has had."""
        self._last += 1
        return self._last

    def add(self, entry: Entry) -> None:
        """Append an entry; it survives the process once this returns."""
        self._append(
            {
                "sequence": entry.sequence,
                "time": entry.time,
                "method": entry.method,
                "path": entry.path,
                "query": entry.query,
                "headers": entry.headers,
                "body": base64.b64encode(entry.body).decode("ascii"),
            }
        )

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, record: dict[str, Any]) -> None:
        self._file.write(json.dumps(record).encode() + b"\n")

    def _load(self) -> tuple[list[Entry], str]:
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return [], ""
        whole, _, torn = content.rpartition(b"\n")
        if torn:
            # The process died while it wrote this line, so its request was never answered.
            os.truncate(self._path, len(content) - len(torn))
        salt, entries = "", []
        for line in whole.split(b"\n"):
            if not line:
                continue
            record = json.loads(line)
            if "salt" in record:
                salt = record["salt"]
            else:
                entries.append(Entry(**{**record, "body": base64.b64decode(record["body"])}))
        return entries, salt
