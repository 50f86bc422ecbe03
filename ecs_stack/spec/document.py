"""YAML as a tree that remembers where each value stands, so that every later problem can name the place.

The tree is built from ruamel's node graph and not from its constructed data: only there do duplicate keys,
the position of a key and the text of a scalar as it was written still exist.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode
from ruamel.yaml.resolver import Resolver

#: An environment file of 100 services is about 60 kB.
MAX_BYTES = 256 * 1024
#: Aliases count each time they are used: nine lines of YAML can expand to a billion values.
MAX_VALUES = 20_000

_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True)
class Mark:
    """A place in a file; line and column count from 1, as editors do. Line 0: no file, but an option, say."""

    file: str
    line: int = 1
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: where, in which field (``services.api.cpu``), and what would be right."""

    mark: Mark
    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.mark}: {self.path}: {self.text}" if self.path else f"{self.mark}: {self.text}"


@dataclass(frozen=True)
class Node:
    """A value and its place. ``value`` is a scalar, a list of nodes, or a mapping of names to entries.

    ``text`` is a scalar as it was written: ``1.10`` and ``0123`` lose digits as numbers.
    """

    value: Any
    mark: Mark
    text: str = ""


@dataclass(frozen=True)
class Entry:
    """A key of a mapping, with its own place, and what it holds."""

    key: Mark
    node: Node


@dataclass
class Document:
    """What a file held, and everything that was wrong with its YAML.

    ``readable`` is false when nothing of the file could be used, so that nothing can be said of its fields.
    """

    root: Node
    problems: list[Problem] = field(default_factory=list)
    readable: bool = True


def read(path: Path, shown_as: str) -> Document:
    """Read a YAML file whose top is a mapping. ``shown_as`` is how messages call the file.

    Raises OSError if the file can't be read. Whatever is wrong inside it comes back as problems.
    """
    start = Mark(shown_as)
    if path.stat().st_size > MAX_BYTES:
        return _unreadable(Problem(start, "", f"the file is larger than {MAX_BYTES // 1024} KiB"))
    problems: list[Problem] = []
    try:
        top = _composed(path.read_bytes())
        root = Node({}, start) if top is None else _Builder(shown_as, problems).build(top, ())
    except (YAMLError, UnicodeDecodeError, RecursionError, _TooLargeError) as error:
        return _unreadable(_syntax(shown_as, error))
    if not isinstance(root.value, dict):
        text = f"must be a mapping of fields such as 'target: aws', not {describe(root)}"
        return _unreadable(Problem(root.mark, "", text))
    return Document(root, problems)


@lru_cache(maxsize=32)
def _composed(content: bytes) -> Any:
    """ruamel's nodes, which nothing changes. A run reads the file of an environment up to four times, and composing is
    what takes long: 2 ms a service."""
    return YAML(typ="safe", pure=True).compose(content.decode())


def plain(node: Node) -> Any:
    """The tree without its places: dicts, lists and scalars."""
    if isinstance(node.value, dict):
        return {key: plain(entry.node) for key, entry in node.value.items()}
    if isinstance(node.value, list):
        return [plain(item) for item in node.value]
    return node.value


def scalar(text: str, mark: Mark) -> Node:
    """What one plain YAML value means: ``3`` is a number, ``true`` a boolean, ``1.4.2`` and ``[x]`` are text."""
    kind = Resolver().resolve(ScalarNode, text, (True, False))
    construct = _SCALARS.get(str(kind), str)
    try:
        return Node(construct(text), mark, text)
    except ValueError:
        return Node(text, mark, text)


def mapped(node: Node, change: Callable[[str, Node], Any], path: tuple[str | int, ...] = ()) -> Node:
    """The tree with each text replaced by what ``change`` makes of its path and node."""
    if isinstance(node.value, dict):
        entries = {k: Entry(e.key, mapped(e.node, change, (*path, k))) for k, e in node.value.items()}
        return Node(entries, node.mark)
    if isinstance(node.value, list):
        return Node([mapped(item, change, (*path, index)) for index, item in enumerate(node.value)], node.mark)
    return Node(change(dotted(path), node), node.mark, node.text) if isinstance(node.value, str) else node


def merge(base: Node, over: Node) -> Node:
    """``over`` on top of ``base``: mappings merge key by key, everything else is replaced.

    A null removes what ``base`` has under that key.
    """
    if not (isinstance(base.value, dict) and isinstance(over.value, dict)):
        return over
    merged: dict[str, Entry] = dict(base.value)
    for key, entry in over.value.items():
        if key not in merged:
            merged[key] = entry
        elif entry.node.value is None:
            del merged[key]
        else:
            merged[key] = Entry(entry.key, merge(merged[key].node, entry.node))
    return Node(merged, over.mark)


def describe(node: Node) -> str:
    """A value in words, for "must be ..., not ...": ``the number 1.1``, ``a list``."""
    value = node.value
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return node.text
    if isinstance(value, int | float):
        return f"the number {node.text}"
    if isinstance(value, str):
        return f"'{value}'" if len(value) <= 60 else f"'{value[:57]}...'"
    return "a list" if isinstance(value, list) else "a mapping"


def dotted(path: tuple[str | int, ...]) -> str:
    """``services.api.permissions[0].actions``"""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def _unreadable(problem: Problem) -> Document:
    return Document(Node({}, Mark(problem.mark.file)), [problem], readable=False)


class _TooLargeError(Exception):
    pass


class _Builder:
    """Turns ruamel's nodes into ours."""

    def __init__(self, file: str, problems: list[Problem]) -> None:
        self._file = file
        self._problems = problems
        self._count = 0
        self._open: set[int] = set()

    def build(self, raw: Any, path: tuple[str | int, ...]) -> Node:
        self._count += 1
        if self._count > MAX_VALUES:
            raise _TooLargeError(f"the file has more than {MAX_VALUES} values, aliases (*name) counted in full")
        if id(raw) in self._open:
            raise _TooLargeError("an alias (*name) contains itself")
        self._open.add(id(raw))
        try:
            match raw:
                case MappingNode():
                    return Node(self._mapping(raw, path), self._mark(raw))
                case SequenceNode():
                    items = [self.build(item, (*path, index)) for index, item in enumerate(raw.value)]
                    return Node(items, self._mark(raw))
                case _:
                    return Node(self._scalar(raw, path), self._mark(raw), raw.value)
        finally:
            self._open.discard(id(raw))

    def _mapping(self, raw: MappingNode, path: tuple[str | int, ...]) -> dict[str, Entry]:
        entries: dict[str, Entry] = {}
        merged: dict[str, Entry] = {}
        for key, value in raw.value:
            mark = self._mark(key)
            if key.tag == f"{_TAG}merge":
                for node in self._merged(value, path):
                    merged = {**node.value, **merged}
                continue
            if not isinstance(key, ScalarNode):
                self._problem(mark, path, "a key must be a name, not a list or a mapping")
                continue
            name = str(key.value)
            if name in entries:
                text = f"is here twice, first in line {entries[name].key.line}: keep one"
                self._problem(mark, (*path, name), text)
                continue
            entries[name] = Entry(mark, self.build(value, (*path, name)))
        return {**merged, **entries}

    def _merged(self, value: Any, path: tuple[str | int, ...]) -> Iterator[Node]:
        """What ``<<: *name`` and ``<<: [*one, *two]`` bring in; keys of the mapping itself win."""
        for raw in value.value if isinstance(value, SequenceNode) else [value]:
            if isinstance(raw, MappingNode):
                yield self.build(raw, path)
            else:
                self._problem(self._mark(raw), (*path, "<<"), "must be an alias of a mapping")

    def _scalar(self, raw: ScalarNode, path: tuple[str | int, ...]) -> Any:
        text = raw.value
        construct = _SCALARS.get(str(raw.tag))
        if construct is None:
            self._problem(self._mark(raw), path, f"unknown YAML tag {raw.tag}: write a plain value")
            return text
        try:
            return construct(text)
        except ValueError:
            return text

    def _mark(self, raw: Any) -> Mark:
        return Mark(self._file, raw.start_mark.line + 1, raw.start_mark.column + 1)

    def _problem(self, mark: Mark, path: tuple[str | int, ...], text: str) -> None:
        self._problems.append(Problem(mark, dotted(path), text))


def _integer(text: str) -> int:
    digits = text.replace("_", "").lower()
    base = {"0x": 16, "0o": 8, "0b": 2}.get(digits.lstrip("+-")[:2], 10)
    return int(digits, base)


def _number(text: str) -> float:
    value = text.replace("_", "").lower()
    if value.lstrip("+-") in {".inf", ".nan"}:
        return math.nan
    return float(value)


#: A date stays the text it is: no field is one.
_SCALARS: Mapping[str, Callable[[str], Any]] = {
    f"{_TAG}str": str,
    f"{_TAG}timestamp": str,
    f"{_TAG}null": lambda _: None,
    f"{_TAG}bool": lambda text: text.lower() == "true",
    f"{_TAG}int": _integer,
    f"{_TAG}float": _number,
}


def _syntax(file: str, error: Exception) -> Problem:
    place = Mark(file)
    match error:
        case MarkedYAMLError():
            if mark := error.problem_mark or error.context_mark:
                place = Mark(file, mark.line + 1, mark.column + 1)
            text = f"not YAML: {', '.join(str(part) for part in (error.problem, error.context) if part)}"
        case UnicodeDecodeError():
            text = f"the file isn't UTF-8 text (byte {error.start + 1})"
        case RecursionError():
            text = "the values are nested too deeply"
        case _TooLargeError():
            text = str(error)
        case _:
            text = f"not YAML: {' '.join(str(error).split())}"
    return Problem(place, "", text)
