"""Small pieces of text that several renderers share. Pure."""

from __future__ import annotations

from datetime import UTC, datetime


def count(number: int, one: str, many: str | None = None) -> str:
    """``1 resource``, ``2 resources``."""
    return f"{number} {one if number == 1 else many or one + 's'}"


def duration(seconds: float) -> str:
    """``0.8 s``, ``41 s``, ``3 min 5 s``."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    return f"{whole} s" if whole < 60 else f"{whole // 60} min {whole % 60} s"


def clock(at: datetime) -> str:
    """The time in UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


def sentence(text: str) -> str:
    """With a capital at its start, unless that is a name or a path: those mean what they are.

    >>> sentence("there is no stack for dev"), sentence("pr-42 stands on dev"), sentence("api.github.com answers 403")
    ('There is no stack for dev', 'pr-42 stands on dev', 'api.github.com answers 403')
    """
    first = text.split(" ", 1)[0]
    return text[:1].upper() + text[1:] if first.rstrip(",:").replace("'", "").isalpha() else text


def shorten(text: str, length: int) -> str:
    """On one line and cut at ``length`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"
