"""Answers on disk, for a part whose state is in files that are replaced as a whole (MiniStack).

State and answer can't be written in one step. So the answer is written first, with what the state's files are at that
moment: after a restart it counts if one of them was replaced since, which means that what it answers was done.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection
from pathlib import Path
from typing import Any

from ecs_stack.local.answers import KEPT, Answers
from ecs_stack.local.gateway_messages import Response

_NAME = "answers.jsonl"
#: Of an answer that is in no doubt: no file has such a stamp.
_DONE = {"": [0, 0]}


class AnswerFile(Answers):
    """The last answers. ``folder`` holds the state's files, ``KEY.json``."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._path = folder / _NAME
        self._lines = 0
        self._load()

    def promise(self, invocation: str, response: Response, keys: Collection[str]) -> None:
        """Keep the answer to a change of the state of ``keys``, which is written right after this."""
        if not invocation:
            return
        if self._lines >= 4 * KEPT:
            # Before this one, which is in doubt until the state is written.
            self._rewrite()
        self.remember(invocation, response)
        record = {**_record(invocation, response), "before": {key: self._stamp(key) for key in keys}}
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        self._lines += 1

    def _stamp(self, key: str) -> list[int] | None:
        """What changes when the file is replaced."""
        try:
            found = (self._folder / f"{key}.json").stat()
        except FileNotFoundError:
            return None
        return [found.st_ino, found.st_mtime_ns]

    def _load(self) -> None:
        """What was promised and done; a line that a kill cut short was promised and not done."""
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                record = json.loads(line)
            except ValueError:
                continue
            if any(self._stamp(key) != stamp for key, stamp in record["before"].items()):
                self.remember(record["invocation"], _response(record))
        self._rewrite()

    def _rewrite(self) -> None:
        """Only what is kept, none of it in doubt any more."""
        records = [{**_record(invocation, response), "before": _DONE} for invocation, response in self.items()]
        temporary = self._path.with_name(f"{_NAME}.tmp")
        temporary.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
        temporary.replace(self._path)
        self._lines = len(records)


def _record(invocation: str, response: Response) -> dict[str, Any]:
    return {
        "invocation": invocation,
        "status": response.status,
        "headers": response.headers,
        "body": base64.b64encode(response.body).decode("ascii"),
    }


def _response(record: dict[str, Any]) -> Response:
    return Response(status=record["status"], headers=record["headers"], body=base64.b64decode(record["body"]))
