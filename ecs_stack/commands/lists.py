"""Lists as options take them: on the command line, in a file, on stdin."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path

from ecs_stack.errors import RefusedError

#: An empty list. An empty text isn't one: that is also what a step that failed leaves behind.
NONE = "none"


def items(option: str, given: Sequence[str]) -> list[str]:
    """The items of all that was given for an option: with commas or white space between; @FILE and - are read.

    Raises RefusedError for a file that can't be read, and for a text without an item.
    """
    found: list[str] = []
    for each in given:
        text, where = _text(option, each)
        listed = [item for item in re.split(r"[,\s]+", text) if item]
        if not listed:
            raise RefusedError(
                f"{where} has nothing in it, and that may be somebody's mistake",
                hint=f"`{option} {NONE}` says that there is none.",
            )
        found += [item for item in listed if item != NONE]
    return found


def _text(option: str, given: str) -> tuple[str, str]:
    """The text, and what it is called in messages."""
    if given == "-":
        return sys.stdin.read(), f"the list of {option} on stdin"
    if not given.startswith("@"):
        return given, f"the list of {option}"
    file = Path(given[1:])
    try:
        return file.read_text("utf-8"), f"the file {file}"
    except (OSError, UnicodeDecodeError) as error:
        raise RefusedError(f"the file {file} can't be read: {error}") from error
