"""Near misses and lists, in words."""

from __future__ import annotations

import difflib
from collections.abc import Collection


def nearest(word: str, choices: Collection[str]) -> str | None:
    """The choice that ``word`` was most likely meant to be; None if none comes close."""
    folded = {choice.lower().replace("-", "_"): choice for choice in choices}
    close = difflib.get_close_matches(word.lower().replace("-", "_"), folded, n=1, cutoff=0.6)
    return folded[close[0]] if close else None


def did_you_mean(word: str, choices: Collection[str]) -> str:
    """``Did you mean 'cpu'? `` with a space after it, or nothing."""
    close = nearest(word, choices)
    return f"Did you mean '{close}'? " if close else ""
