"""A project as files: what ``init`` writes, and whether its environments are valid. Needs no engine, no AWS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from ecs_stack import spec
from ecs_stack.errors import NotFoundError, RefusedError, SpecError
from ecs_stack.results import InitReceipt, NextStep, ValidEnvironment

#: Pulumi's rule for project names (sdk/go/common/tokens/project.go).
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_IGNORED = ".ecs-stack/"

_SCAFFOLD = {
    "Pulumi.yaml": "Pulumi.yaml",
    "__main__.py": "__main__.py",
    ".gitignore": "gitignore",
    "envs/dev.yaml": "envs/dev.yaml",
    "envs/preview.yaml": "envs/preview.yaml",
    "envs/prod.yaml": "envs/prod.yaml",
}
_SCHEMAS = {"envs/environment.schema.json": spec.json_schema, "envs/preview.schema.json": spec.template_schema}
_DEMO = ("main.go", "go.mod", "Dockerfile", "build.sh")


def init(folder: Path, name: str | None = None) -> InitReceipt:
    """Write a project into ``folder``, which is made if need be; ``name`` is the folder's own by default.

    Overwrites nothing: raises RefusedError, before anything is written, if a file is there already. Only a
    .gitignore may be, and stays as it is.
    """
    folder = folder.resolve()
    files = dict(_contents(_project_name(folder, name)))
    kept = tuple(each for each in (".gitignore",) if (folder / each).exists())
    for each in kept:
        del files[each]
    taken = tuple(each for each in files if _is_there(folder / each))
    if taken:
        raise RefusedError(
            f"{folder} has files of a project already, and init overwrites nothing",
            problems=taken,
            hint="Run it in another folder: `ecs-stack init FOLDER` makes one.",
        )
    _write(folder, files)
    return InitReceipt(root=str(folder), project=_project_name(folder, name), files=tuple(files), next=_next(kept))


def validate(root: Path, name: str | None = None) -> tuple[ValidEnvironment, ...]:
    """The environments of the project in ``root``, or the one called ``name``, if all of them are valid. The template
    of ephemeral environments counts as one.

    Raises SpecError with every problem of every file.
    """
    root = root.resolve()
    names = [name] if name is not None else [*spec.names(root), *_template(root)]
    if not names:
        raise NotFoundError(f"{root / 'envs'} has no environments", hint="`ecs-stack init` writes a project with two.")
    valid: list[ValidEnvironment] = []
    wrong: list[SpecError] = []
    for each in names:
        try:
            found = spec.load_ephemeral(root, spec.ANY) if each == spec.TEMPLATE else spec.load(root, each)
        except SpecError as error:
            wrong.append(error)
        else:
            valid.append(ValidEnvironment(name=each, target=found.target, services=tuple(sorted(found.services))))
    if len(wrong) == 1:
        raise wrong[0]
    if wrong:
        problems = dict.fromkeys(problem for error in wrong for problem in error.problems)
        raise SpecError(
            f"{len(wrong)} of {len(names)} environments are wrong", problems=tuple(problems), hint=wrong[0].hint
        )
    return tuple(valid)


def _template(root: Path) -> list[str]:
    """The template of ephemeral environments, if there is one."""
    return [spec.TEMPLATE] if (root / "envs" / f"{spec.TEMPLATE}.yaml").is_file() else []


def _project_name(folder: Path, given: str | None) -> str:
    if given is None:
        return re.sub(r"[^A-Za-z0-9_.-]+", "-", folder.name)[:100].strip("-.") or "ecs-stack"
    if not _NAME.fullmatch(given):
        raise RefusedError(
            f"'{given}' can't be the name of a project",
            hint="It takes 1 to 100 letters, digits, hyphens, underscores and dots.",
        )
    return given


def _contents(project: str) -> Iterator[tuple[str, bytes]]:
    """Every file of a new project, by its path in it."""
    scaffold = resources.files("ecs_stack") / "scaffold"
    for target, source in _SCAFFOLD.items():
        yield target, (scaffold / source).read_text("utf-8").replace("PROJECT", project).encode()
    for target, schema in _SCHEMAS.items():
        yield target, (json.dumps(schema(), indent=2) + "\n").encode()
    demo = _demo(scaffold)
    for each in _DEMO:
        yield f"demo/{each}", (demo / each).read_bytes()


def _demo(scaffold: Traversable) -> Traversable:
    """The demo's source: the wheel has a copy (pyproject.toml: force-include), a checkout has the original."""
    packaged = scaffold / "demo"
    return packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "examples" / "demo"


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _write(folder: Path, files: dict[str, bytes]) -> None:
    """All of the files or none: what was written goes again if one can't be."""
    written: list[Path] = []
    made: list[Path] = []
    try:
        for each, content in files.items():
            path = folder / each
            for parent in reversed(path.parents):
                if not parent.exists():
                    parent.mkdir()
                    made.append(parent)
            with path.open("xb") as output:
                written.append(path)
                output.write(content)
            if path.suffix == ".sh":
                path.chmod(0o755)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        for parent in reversed(made):
            with suppress(OSError):
                parent.rmdir()
        raise RefusedError(f"the project can't be written to {folder}: {error.strerror}") from error


def _next(kept: tuple[str, ...]) -> tuple[NextStep, ...]:
    ignore = [NextStep(command=f"echo {_IGNORED} >>.gitignore", purpose="keeps state out of git")] if kept else []
    return (
        *ignore,
        NextStep(command="ecs-stack doctor", purpose="is everything here that it needs?"),
        NextStep(command="demo/build.sh", purpose="the demo's image, for Docker on this machine"),
        NextStep(command="ecs-stack up dev", purpose="makes the environment and says where it answers"),
        NextStep(command="ecs-stack destroy dev", purpose="takes it away again"),
    )
