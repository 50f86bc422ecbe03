"""Lines of a container's output with their exact times, from the Docker engine's own log."""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from docker.types import CancellableStream

_HEADER = struct.Struct(">BxxxL")
_STDOUT = 1
_TIME = re.compile(rb"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?Z ?")


@dataclass(frozen=True)
class Line:
    """One line.

    ``time`` is in nanoseconds since 1970 and rises strictly within a ``source`` (1 stdout, 2 stderr).
    ``position`` is the time from which reading goes on after it.
    """

    source: int
    time: int
    text: str
    position: int


class OutputStream:
    """The output of one container from ``since`` (seconds since 1970) on.

    With ``follow`` it ends when the container does, or with ``close()``, from any thread.
    """

    def __init__(self, api: Any, container_id: str, *, since: int, follow: bool, tty: bool) -> None:
        self._tty = tty
        self._response = api.get(
            f"{api.base_url}/v{api.api_version}/containers/{container_id}/logs",
            params={
                "stdout": 1,
                "stderr": 1,
                "timestamps": 1,
                "follow": int(follow),
                "since": since,
            },
            stream=True,
            timeout=None,
        )
        self._response.raise_for_status()
        self._messages = CancellableStream(self._read(), self._response)

    def __iter__(self) -> Iterator[Line]:
        """Lines in the order Docker wrote them; long lines, which Docker keeps in parts, are put together."""
        heads: dict[int, bytes] = {}
        for source, data in self._messages:
            match = _TIME.match(data)
            if not match:
                continue
            text = heads.pop(source, b"") + data[match.end() :]
            if text.endswith(b"\n"):
                at = _nanoseconds(match)
                yield Line(source, at, _decode(text), at)
            else:
                heads[source], last = text, _nanoseconds(match)
        # A container may end without ending its last line.
        for source, text in heads.items():
            yield Line(source, last, _decode(text), last)

    def close(self) -> None:
        """End the iteration."""
        self._messages.close()

    def _read(self) -> Iterator[tuple[int, bytes]]:
        raw = self._response.raw
        if self._tty:
            # A terminal has one stream, without frames.
            for line in self._response.iter_lines(chunk_size=1, delimiter=b"\n"):
                if line:
                    yield _STDOUT, line.rstrip(b"\r") + b"\n"
            return
        while header := raw.read(_HEADER.size):
            source, length = _HEADER.unpack(header)
            if length:
                yield source, raw.read(length)


def _nanoseconds(match: re.Match[bytes]) -> int:
    seconds = datetime.strptime(match[1].decode(), "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC).timestamp()
    return int(seconds) * 1_000_000_000 + int((match[2] or b"0").ljust(9, b"0"))


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace").rstrip("\r\n")
