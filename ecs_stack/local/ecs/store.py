"""What Amazon ECS remembers: JSON documents in memory, written to SQLite before anything is answered.

One lock guards all of it. SQLite runs with a write-ahead log: a commit survives the process being killed
(``synchronous=NORMAL`` may only lose commits when the operating system itself goes down).
"""

from __future__ import annotations

import copy
import json
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Document = dict[str, Any]


class Store:
    """Documents by kind and key, in the order in which they were first put.

    Read and change documents inside ``transaction()`` only. A document to change is fetched with ``edit``:
    what ``get`` and ``all`` answer is for reading.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Container environments may hold what people shouldn't put there: nobody else reads the file.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._lock = threading.RLock()
        self._depth = 0
        # In order: documents come back in the order in which they were put.
        self._dirty: dict[tuple[str, str], None] = {}
        self._documents: dict[str, dict[str, Document]] = {}
        self._written: dict[tuple[str, str], str] = {}
        self._database = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=NORMAL")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS documents"
            " (id INTEGER PRIMARY KEY, kind TEXT, key TEXT, body TEXT, UNIQUE (kind, key))"
        )
        for kind, key, body in self._database.execute("SELECT kind, key, body FROM documents ORDER BY id"):
            self._documents.setdefault(kind, {})[key] = json.loads(body)
            self._written[kind, key] = body

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Hold the lock; at the end all changes are on disk, or, after an exception, none were made."""
        with self._lock:
            self._depth += 1
            try:
                yield
            except BaseException:
                if self._depth == 1:
                    self._restore()
                raise
            else:
                if self._depth == 1 and self._dirty:
                    self._write()
            finally:
                self._depth -= 1

    def get(self, kind: str, key: str) -> Document | None:
        """The document, to read."""
        return self._documents.get(kind, {}).get(key)

    def edit(self, kind: str, key: str) -> Document:
        """The document, to change. KeyError if there is none."""
        document = self._documents[kind][key]
        self._dirty[kind, key] = None
        return document

    def put(self, kind: str, key: str, document: Document) -> Document:
        """A new document, or one that replaces another."""
        self._documents.setdefault(kind, {})[key] = document
        self._dirty[kind, key] = None
        return document

    def delete(self, kind: str, key: str) -> None:
        """Forget a document; fine if there is none."""
        self._documents.get(kind, {}).pop(key, None)
        self._dirty[kind, key] = None

    def all(self, kind: str) -> list[Document]:
        """Every document of a kind, to read, oldest first."""
        return list(self._documents.get(kind, {}).values())

    def close(self) -> None:
        """Close the file. The store can't be used afterwards."""
        with self._lock:
            self._database.close()

    def _write(self) -> None:
        """Write what has changed: an edited document may have stayed as it was."""
        bodies = {
            name: json.dumps(document) if (document := self.get(*name)) is not None else None for name in self._dirty
        }
        changed = {name: body for name, body in bodies.items() if body != self._written.get(name)}
        if changed:
            self._database.execute("BEGIN")
            try:
                for (kind, key), body in changed.items():
                    self._write_one(kind, key, body)
                self._database.execute("COMMIT")
            except BaseException:
                self._database.execute("ROLLBACK")
                self._restore()
                raise
        for name, body in changed.items():
            if body is None:
                del self._written[name]
            else:
                self._written[name] = body
        self._dirty.clear()

    def _write_one(self, kind: str, key: str, body: str | None) -> None:
        if body is None:
            self._database.execute("DELETE FROM documents WHERE kind = ? AND key = ?", (kind, key))
        else:
            self._database.execute(
                "INSERT INTO documents (kind, key, body) VALUES (?, ?, ?)"
                " ON CONFLICT (kind, key) DO UPDATE SET body = excluded.body",
                (kind, key, body),
            )

    def _restore(self) -> None:
        for kind, key in self._dirty:
            documents = self._documents.setdefault(kind, {})
            body = self._written.get((kind, key))
            if body is None:
                documents.pop(key, None)
            else:
                documents[key] = json.loads(body)
        self._dirty.clear()


def snapshot(document: Document) -> Document:
    """A copy that no later change reaches."""
    return copy.deepcopy(document)
