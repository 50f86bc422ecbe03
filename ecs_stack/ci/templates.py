"""Fills in the templates of pipeline files. Strict: what isn't given, or isn't used, is an error."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import resources

_PLACE = re.compile(r"<<([a-z_]+)>>")
_WHOLE_LINE = re.compile(r"(?m)^([ \t]*)<<([a-z_]+)>>\n")


def read(name: str) -> str:
    """The template ``name``, such as github/preview.yml."""
    return (resources.files("ecs_stack.ci") / "templates" / name).read_text("utf-8")


def fill(name: str, values: Mapping[str, str]) -> str:
    """The template ``name`` with its places filled in.

    A place that has a line to itself takes a text of any number of lines, indented as it stands; one of none goes with
    its line. Raises KeyError for a place without a value, ValueError for a value without a place.
    """
    text, used = read(name), set[str]()

    def lines(match: re.Match[str]) -> str:
        indent, value = match[1], values[match[2]]
        used.add(match[2])
        return "".join(f"{indent}{line}".rstrip() + "\n" for line in value.splitlines())

    def word(match: re.Match[str]) -> str:
        used.add(match[1])
        return values[match[1]]

    filled = _PLACE.sub(word, _WHOLE_LINE.sub(lines, text))
    if unused := values.keys() - used:
        raise ValueError(f"{name} has no place for {', '.join(sorted(unused))}")
    return filled
