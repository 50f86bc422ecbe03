"""The files in which the engine keeps state, where they can be read without it: a folder here, a bucket elsewhere.

The layout is the engine's (pkg/backend/diy): ``.pulumi/stacks/PROJECT/STACK.json`` and one file per lock. A start of
the engine costs more than all else in `status`.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Store(Protocol):
    """Files by their keys, with slashes. Every call may raise RefusedError, if the store can't be reached."""

    def read(self, key: str) -> bytes | None:
        """The content; None without such a file."""

    def names(self, folder: str) -> list[str]:
        """The names of the files in a folder, by name; none without such a folder."""

    def write(self, key: str, content: bytes) -> None:
        """Make a file, whole at once."""

    def delete(self, key: str) -> None:
        """Remove a file; somebody else may have."""


@dataclass(frozen=True)
class FolderStore:
    """State in a folder, which several machines may share."""

    root: Path

    def read(self, key: str) -> bytes | None:
        """See Store."""
        try:
            return (self.root / key).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def names(self, folder: str) -> list[str]:
        """See Store."""
        found = (self.root / folder).glob("*")
        return sorted(file.name for file in found if file.is_file() and file.suffix != ".attrs")

    def write(self, key: str, content: bytes) -> None:
        """See Store."""
        file = self.root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        # Not beside it: the engine takes every file of a folder of locks for one.
        with tempfile.NamedTemporaryFile(dir=self.root, prefix=".", delete=False) as temporary:
            temporary.write(content)
        Path(temporary.name).replace(file)

    def delete(self, key: str) -> None:
        """See Store."""
        file = self.root / key
        file.unlink(missing_ok=True)
        # What the backend's storage library keeps beside each file (gocloud.dev/blob/fileblob).
        file.with_name(f"{file.name}.attrs").unlink(missing_ok=True)
