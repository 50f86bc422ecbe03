"""What pulumi_aws declares of a resource type: its properties' names and types, read from the SDK's own classes.

Loaded when a type is first used, with all of its package (`aws:ec2` takes 0.4 s, others some 10 to 60 ms), and kept.
"""

from __future__ import annotations

import collections.abc
import difflib
import enum
import importlib
import inspect
import json
import re
import threading
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from pulumi import Output, _types

from .values import UNKNOWN

#: The SDK's packages load when an attribute of theirs is first read (pulumi._utils). That isn't safe in two threads at
#: once; nor may a submodule come first: it loads its package from within, which then lacks that submodule's classes.
_loading = threading.Lock()


@dataclass(frozen=True)
class Problem:
    """An input that is wrong: where it is, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class Schema:
    """A resource type as pulumi_aws declares it. Types are Python annotations without Output and Awaitable."""

    token: str
    inputs: Mapping[str, Any]
    required: frozenset[str]
    outputs: frozenset[str]

    def check(self, values: Mapping[str, Any]) -> tuple[dict[str, Any], list[Problem]]:
        """The inputs in their declared types ("8080" for a number becomes 8080), and what is wrong with them."""
        problems: list[Problem] = []
        checked = _check_fields(values, self.inputs, self.token, "", problems)
        problems.extend(
            Problem(name, f"Missing required property {name!r} of {self.token}")
            for name in sorted(self.required - values.keys())
        )
        return checked, problems


@cache
def schema(token: str) -> Schema:
    """The schema of a type that pulumi_aws knows, by its token (``aws:ec2/vpc:Vpc``)."""
    _, path, name = token.split(":")
    package = path.partition("/")[0]
    with _loading:
        module = importlib.import_module(f"pulumi_aws.{package}")
        arguments, resource = getattr(module, f"{name}Args"), getattr(module, name)
    names = _types.input_type_py_to_pulumi_names(arguments)
    parameters = inspect.signature(arguments.__init__).parameters
    return Schema(
        token=token,
        inputs=_input_types(arguments),
        required=frozenset(
            names[p.name] for p in parameters.values() if p.name in names and p.default is inspect.Parameter.empty
        ),
        outputs=frozenset(_types.resource_types(resource)),
    )


@cache
def provider_inputs() -> Mapping[str, Any]:
    """The properties of ``pulumi:providers:aws`` and their types."""
    module = importlib.import_module("pulumi_aws.provider")
    return _input_types(module.ProviderArgs)


def nearest(name: str, names: Iterable[str]) -> str:
    """A hint that names the nearest right one, or nothing."""
    camel = re.sub(r"_([a-z0-9])", lambda m: m.group(1).upper(), name)
    found = difflib.get_close_matches(camel, sorted(names), n=1, cutoff=0.6)
    return f"; did you mean {found[0]!r}?" if found else ""


@cache
def _input_types(arguments: type) -> dict[str, Any]:
    return {name: _plain(annotation) for name, annotation in _types.input_type_types(arguments).items()}


def _plain(annotation: Any) -> Any:
    """``Union[str, Awaitable[str], Output[str]]`` is ``str``, at the annotation's outermost level."""
    if typing.get_origin(annotation) not in (typing.Union, types.UnionType):
        return annotation
    members = [
        member
        for member in typing.get_args(annotation)
        if typing.get_origin(member) not in (Output, collections.abc.Awaitable) and member is not type(None)
    ]
    return members[0] if len(members) == 1 else typing.Union[tuple(members)]  # noqa: UP007 (a computed union)


def _check_fields(
    values: Mapping[str, Any], fields: Mapping[str, Any], owner: str, path: str, problems: list[Problem]
) -> dict[str, Any]:
    checked: dict[str, Any] = {}
    for name, value in values.items():
        where = f"{path}.{name}" if path else name
        if name not in fields:
            hint = nearest(name, fields)
            problems.append(Problem(where, f"{owner} has no property {where!r}{hint}"))
        elif value is not None:
            checked[name] = _check(value, fields[name], owner, where, problems)
    return checked


def _check(value: Any, annotation: Any, owner: str, path: str, problems: list[Problem]) -> Any:
    if value is UNKNOWN:
        return value
    annotation = _plain(annotation)
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return _check_union(value, typing.get_args(annotation), owner, path, problems)
    origin = typing.get_origin(annotation)
    if origin in (collections.abc.Sequence, list):
        if isinstance(value, list):
            (item,) = typing.get_args(annotation)
            return [_check(v, item, owner, f"{path}[{i}]", problems) for i, v in enumerate(value)]
    elif origin in (collections.abc.Mapping, dict):
        if isinstance(value, Mapping):
            item = typing.get_args(annotation)[1]
            return {k: _check(v, item, owner, f"{path}.{k}", problems) for k, v in value.items()}
    elif isinstance(annotation, type) and _types.is_input_type(annotation):
        if isinstance(value, Mapping):
            return _check_fields(value, _input_types(annotation), owner, path, problems)
    else:
        scalar = _scalar(value, annotation)
        if scalar is not None:
            return scalar
    problems.append(Problem(path, f"{path!r} of {owner} must be {_words(annotation)}, not {_shown(value)}"))
    return value


def _check_union(value: Any, members: tuple[Any, ...], owner: str, path: str, problems: list[Problem]) -> Any:
    """Unions are text or an enum, or text or a policy document, which is sent to AWS as JSON."""
    if isinstance(value, Mapping):
        for member in members:
            if isinstance(member, type) and _types.is_input_type(member):
                return json.dumps(value, sort_keys=True, separators=(",", ":"))
    return _check(value, str if str in members else members[0], owner, path, problems)


def _scalar(value: Any, annotation: Any) -> Any:
    """The value as the wanted scalar, converted where Pulumi converts, or None if it can't be."""
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        annotation = str
    if annotation is Any:
        return value
    if annotation is str:
        if isinstance(value, bool):
            return "true" if value else "false"
        return str(value) if isinstance(value, str | int | float) else None
    if annotation is bool:
        if isinstance(value, str):
            return {"true": True, "false": False}.get(value)
        return value if isinstance(value, bool) else None
    if annotation in (int, float) and not isinstance(value, bool):
        if isinstance(value, str):
            pattern = r"-?\d+" if annotation is int else r"-?\d+(\.\d+)?"
            return annotation(value) if re.fullmatch(pattern, value) else None
        if annotation is int and isinstance(value, float):
            return None
        return value if isinstance(value, int | float) else None
    return None


def _words(annotation: Any) -> str:
    origin = typing.get_origin(annotation)
    if origin in (collections.abc.Sequence, list):
        return "a list"
    if origin in (collections.abc.Mapping, dict) or (isinstance(annotation, type) and _types.is_input_type(annotation)):
        return "an object"
    return {str: "a string", int: "a whole number", float: "a number", bool: "a boolean"}.get(annotation, "text")


def _shown(value: Any) -> str:
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, Mapping) else repr(value)
