"""pydantic's errors in the user's words: the place in the file, the field, what would be right."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ecs_stack.rules import words
from ecs_stack.spec.base import RULE, Path
from ecs_stack.spec.document import Entry, Mark, Node, Problem, describe, dotted, plain

_ON_KEY = "[key]"
_UNKNOWN = "extra_forbidden"


def problems(model: type[BaseModel], tree: Node) -> list[Problem]:
    """All that is wrong with what ``tree`` says of a ``model``; empty if nothing is.

    A model's rules over several fields run only if each field is well. So that a field that doesn't exist
    hides nothing else, the rest is looked at again without it.
    """
    found = _errors(model, tree)
    unknown = [details["loc"] for details in found if details["type"] == _UNKNOWN]
    if unknown:
        seen = {(details["loc"], details["type"]) for details in found}
        rest = _errors(model, _without(tree, unknown))
        found += [details for details in rest if (details["loc"], details["type"]) not in seen]
    return [_problem(details, tree, model) for details in found]


def _errors(model: type[BaseModel], tree: Node) -> list[ErrorDetails]:
    try:
        model.model_validate(plain(tree))
    except ValidationError as error:
        return error.errors(include_url=False)
    return []


def _without(tree: Node, paths: list[Path]) -> Node:
    """The tree without the mapping entries at ``paths``."""
    if isinstance(tree.value, list):
        items = [_without(item, _below(paths, index)) for index, item in enumerate(tree.value)]
        return Node(items, tree.mark)
    if not isinstance(tree.value, dict):
        return tree
    kept = {
        key: Entry(entry.key, _without(entry.node, _below(paths, key)))
        for key, entry in tree.value.items()
        if (key,) not in paths
    }
    return Node(kept, tree.mark)


def _below(paths: list[Path], part: str | int) -> list[Path]:
    return [path[1:] for path in paths if path[0] == part and len(path) > 1]


def _problem(details: ErrorDetails, tree: Node, model: type[BaseModel]) -> Problem:
    path = details["loc"]
    on_key = bool(path) and path[-1] == _ON_KEY
    if on_key:
        path = path[:-1]
    kind = details["type"]
    key, node = _find(tree, path)
    if kind == "missing":
        return Problem(key, dotted(path), f"is missing: {_described(model, path)}")
    if kind == _UNKNOWN:
        fields = _fields(model, path[:-1])
        known = f"{words.did_you_mean(str(path[-1]), fields)}There are: {', '.join(fields)}."
        return Problem(key, dotted(path), f"is not a field. {known}")
    # An empty value stands nowhere: its key does.
    mark = key if on_key or node is None or (node.value is None and not node.text) else node.mark
    return Problem(mark, dotted(path), _text(details, node, on_key))


def _text(details: ErrorDetails, node: Node | None, on_key: bool) -> str:
    kind, context = details["type"], details.get("ctx", {})
    got = f"'{details['input']}'" if on_key or node is None else describe(node)
    if "secrets" in details["loc"][:-1] and not on_key:
        # What stands here may be a secret that was pasted in.
        got = "a value"
        node = None
    if kind == RULE:
        text = str(context["text"])
    elif kind == "string_type" and node is not None and isinstance(node.value, bool | int | float):
        text = f'must be text: put it in quotes, "{node.text}"'
    elif kind in _WANTED:
        text = f"must be {_WANTED[kind]}, not {got}"
    elif kind == "literal_error":
        choices = [choice.strip("' ") for choice in str(context["expected"]).replace(" or ", ",").split(",")]
        near = words.did_you_mean(str(details["input"]), choices)
        text = f"must be one of {', '.join(choices)}, not {got}. {near}".rstrip(" .")
    elif bound := next((bound for bound in _BOUNDS if bound in context), None):
        text = _BOUNDS[bound].format(context[bound], got=got)
    else:
        text = f"{details['msg']}, not {got}"
    return text


_WANTED: Mapping[str, str] = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "tuple_type": "a list",
    "mapping_type": "a mapping",
    "model_type": "a mapping",
}

_BOUNDS: Mapping[str, str] = {
    "ge": "must be {0} or more, not {got}",
    "le": "must be {0} or less, not {got}",
    "max_length": "takes at most {0}",
}


def _find(tree: Node, path: Path) -> tuple[Mark, Node | None]:
    """The place that speaks for ``path`` (its key, or the nearest above), and the value if it is there."""
    key, node = tree.mark, tree
    for part in path:
        if isinstance(node.value, dict) and part in node.value:
            entry = node.value[part]
            key, node = entry.key, entry.node
        elif isinstance(node.value, list) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            key = node.mark
        else:
            return key, None
    return key, node


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    found = _model_at(model, path)
    return list(found.model_fields) if found else []


def _described(model: type[BaseModel], path: Path) -> str:
    """The first sentence of the field's description."""
    found = _model_at(model, path[:-1])
    field = found.model_fields.get(str(path[-1])) if found else None
    text = " ".join((field.description or "").split()) if field else ""
    return text.split(". ")[0].rstrip(".") + "." if text else "it is required."


def takes_text(model: type[BaseModel], path: Path) -> bool:
    """Whether what stands at ``path`` has to be text."""
    return _type_at(model, path) is str


def _model_at(model: type[BaseModel], path: Path) -> type[BaseModel] | None:
    """The model that describes the mapping at ``path``."""
    found = _type_at(model, path)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _type_at(model: type[BaseModel], path: Path) -> Any:
    """The type of what stands at ``path``, without None; None if there is no such place."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            field = current.model_fields.get(str(part))
            current = field.annotation if field else None
        else:
            current = typing.get_args(current)[-1] if typing.get_args(current) else None
        current = _without_none(current)
    return current


def _without_none(annotation: Any) -> Any:
    origin = typing.get_origin(annotation)
    if origin is typing.Annotated:
        return _without_none(typing.get_args(annotation)[0])
    if origin in (types.UnionType, typing.Union):
        rest = [arg for arg in typing.get_args(annotation) if arg is not type(None)]
        return _without_none(rest[0]) if len(rest) == 1 else None
    return annotation
