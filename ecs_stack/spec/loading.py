"""From a name to an environment: find its file, follow ``extends``, validate, report all that is wrong."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from ecs_stack.errors import SpecError
from ecs_stack.rules import words
from ecs_stack.spec import document, explain
from ecs_stack.spec.document import Document, Mark, Node, Problem
from ecs_stack.spec.environment import Environment, EnvironmentFile

FOLDER = "envs"
#: ``envs/preview.yaml`` is no environment: ephemeral ones are made from it (``template``).
TEMPLATE = "preview"
EXTENDS = "extends"

#: The name is the stack's and the cluster's, and starts the name of most resources.
NAME = re.compile(r"[a-z](?:[a-z0-9-]{0,30}[a-z0-9])?")
#: A file whose name starts with an underscore is there to be extended and is no environment.
_BASE_NAME = re.compile(rf"_?{NAME.pattern}")
_NAME_RULE = "1 to 32 lower-case letters, digits and hyphens, starting with a letter"


def names(root: Path) -> list[str]:
    """The environments that the project in ``root`` describes: ``envs/NAME.yaml``, sorted."""
    found = (path.stem for path in (root / FOLDER).glob("*.yaml") if NAME.fullmatch(path.stem))
    return sorted(name for name in found if name != TEMPLATE)


def load(root: Path, name: str) -> Environment:
    """Read ``envs/NAME.yaml`` of the project in ``root``.

    Raises SpecError when there is no such environment or its file is wrong; ``problems`` has a line
    ``file:line:column: field: what would be right`` for each thing that is.
    """
    if not NAME.fullmatch(name):
        raise SpecError(f"'{name}' can't be the name of an environment: it takes {_NAME_RULE}.")
    if name == TEMPLATE:
        raise SpecError(
            f"'{TEMPLATE}' isn't an environment: ephemeral ones are made from {FOLDER}/{TEMPLATE}.yaml",
            hint="`ecs-stack ephemeral up NAME` makes one.",
        )
    if not (root / FOLDER / f"{name}.yaml").is_file():
        raise _unknown(root, name)
    found = read(root, name)
    problems = list(found.problems)
    if found.readable:
        problems += explain.problems(EnvironmentFile, found.root)
    if problems:
        raise wrong(f"The environment '{name}'", problems)
    return Environment.model_validate({**document.plain(found.root), "name": name})


def load_all(root: Path) -> dict[str, Environment]:
    """The environments of the project in ``root`` by name, without those whose files are wrong: `validate` tells."""
    found = {}
    for name in names(root):
        with suppress(SpecError):
            found[name] = load(root, name)
    return found


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of an environment file, for editors."""
    schema = EnvironmentFile.model_json_schema()
    required = schema.pop("required")
    extends = {
        "type": "string",
        "title": "Extends",
        "description": "The environment whose file this one starts from: mappings merge, everything else is "
        "replaced, null removes.",
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **schema,
        "title": "An ecs-stack environment",
        "properties": {EXTENDS: extends, **schema["properties"]},
        # What a file must have may come from the one it extends.
        "anyOf": [{"required": [EXTENDS]}, {"required": required}],
    }


def read(root: Path, name: str, chain: tuple[str, ...] = ()) -> Document:
    """The file of ``name`` on top of what it extends; ``chain`` has the files that led here."""
    shown_as = f"{FOLDER}/{name}.yaml"
    try:
        found = document.read(root / FOLDER / f"{name}.yaml", shown_as)
    except OSError as error:
        problem = Problem(Mark(shown_as), "", f"can't be read: {error.strerror}")
        return Document(Node({}, problem.mark), [problem], readable=False)
    entry = found.root.value.pop(EXTENDS, None)
    if entry is None:
        return found
    chain = (*chain, name)
    base, mark = entry.node.value, entry.node.mark
    if not (isinstance(base, str) and _BASE_NAME.fullmatch(base)):
        text = f"must be the name of an environment, such as 'prod', not {document.describe(entry.node)}"
    elif base == TEMPLATE:
        text = f"'{base}' isn't an environment, but the template of ephemeral ones"
    elif base in chain:
        text = f"goes in a circle: {' -> '.join((*chain, base))}"
    elif not (root / FOLDER / f"{base}.yaml").is_file():
        text = f"there is no '{base}'. {_choices(root, base)}"
    else:
        text = ""
    if text:
        # What the fields add up to isn't known, so nothing can be said of them.
        problem = Problem(mark, EXTENDS, text)
        return Document(found.root, [*found.problems, problem], readable=False)
    under = read(root, base, chain)
    return Document(
        document.merge(under.root, found.root),
        [*found.problems, *under.problems],
        readable=found.readable and under.readable,
    )


def _choices(root: Path, name: str) -> str:
    known = names(root)
    if not known:
        return f"{root / FOLDER} has no environments."
    return f"{words.did_you_mean(name, known)}There are: {', '.join(known)}."


def _unknown(root: Path, name: str) -> SpecError:
    if not (root / FOLDER).is_dir():
        hint = f"{root.resolve()} has no {FOLDER}/ folder: run in the folder of an ecs-stack project."
    else:
        hint = f"{_choices(root, name)} To make it, write {FOLDER}/{name}.yaml."
        if (root / FOLDER / f"{TEMPLATE}.yaml").is_file():
            hint += f" Ephemeral ones have no file: `ecs-stack ephemeral up {name}`."
    return SpecError(f"There is no environment '{name}' ({FOLDER}/{name}.yaml).", hint=hint)


def wrong(what: str, problems: list[Problem], *, schema: str = "schema") -> SpecError:
    """All that is wrong with ``what``, in the order of the files; ``schema`` is the command that prints its fields."""
    ordered = sorted(set(problems), key=lambda p: (p.mark.file, p.mark.line, p.mark.column, p.path, p.text))
    count = "1 problem" if len(ordered) == 1 else f"{len(ordered)} problems"
    return SpecError(
        f"{what} has {count}.",
        problems=tuple(str(problem) for problem in ordered),
        hint=f"Nothing was touched. `ecs-stack {schema}` prints every field there is.",
    )
