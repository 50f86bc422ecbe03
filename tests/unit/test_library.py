"""What a library must not do in somebody else's process, looked for in its source; and that importing it is cheap."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import ecs_stack

PACKAGE = Path(ecs_stack.__file__).parent
#: Programs of their own, and what only the command line uses.
PROGRAMS = {"__main__.py", "local/daemon.py", "local/providers/__main__.py"}
COMMAND_LINE = ("commands/", "render/", "scaffold/")
FORBIDDEN_CALLS = {
    "print",
    "exit",
    "quit",
    "input",
    "sys.exit",
    "os._exit",
    "os.abort",
    "os.chdir",
    "os.umask",
    "os.putenv",
    "os.unsetenv",
    "os.environ.update",
    "os.environ.setdefault",
    "os.environ.pop",
    "os.environ.clear",
    "sys.path.append",
    "sys.path.insert",
    "signal.signal",
    "atexit.register",
    "logging.basicConfig",
    "logging.disable",
    "locale.setlocale",
    "socket.setdefaulttimeout",
    "boto3.client",
    "boto3.resource",
    "boto3.setup_default_session",
    "warnings.simplefilter",
    "warnings.filterwarnings",
}
FORBIDDEN_IMPORTS = {"typer", "rich", "click"}


def modules() -> list[str]:
    names = (str(file.relative_to(PACKAGE)) for file in sorted(PACKAGE.rglob("*.py")))
    return [name for name in names if name not in PROGRAMS and not name.startswith(COMMAND_LINE)]


def misdeeds(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in FORBIDDEN_CALLS:
            yield f"{node.lineno}: {ast.unparse(node.func)}()"
        if isinstance(node, ast.Assign | ast.AugAssign | ast.Delete):
            targets = [node.target] if isinstance(node, ast.AugAssign) else node.targets
            for target in targets:
                if ast.unparse(target).startswith(("os.environ[", "sys.stdout", "sys.stderr", "sys.path")):
                    yield f"{node.lineno}: changes {ast.unparse(target)}"
        if isinstance(node, ast.Raise) and node.exc and ast.unparse(node.exc).startswith("SystemExit"):
            yield f"{node.lineno}: SystemExit"
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            if name.split(".")[0] in FORBIDDEN_IMPORTS or name.startswith(("ecs_stack.render", "ecs_stack.commands")):
                yield f"{node.lineno}: imports {name}"


def test_the_search_finds_what_it_looks_for() -> None:
    code = "import sys\nimport typer\nsys.exit(1)\nos.environ['A'] = 'b'\nprint()\nraise SystemExit(2)\n"
    found = [line.split(":")[0] for line in misdeeds(ast.parse(code))]
    assert sorted(found) == ["2", "3", "4", "5", "6"]


@pytest.mark.parametrize("module", modules())
def test_library_code_leaves_the_process_alone(module: str) -> None:
    assert list(misdeeds(ast.parse((PACKAGE / module).read_text()))) == []


def test_importing_the_package_loads_nothing_heavy_and_its_names_are_those_it_lists() -> None:
    code = """
import sys
before = set(sys.modules)
import ecs_stack
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
heavy = {"pulumi", "pulumi_aws", "boto3", "botocore", "grpc", "asyncio", "pydantic", "typer", "rich", "docker"}
assert not loaded & heavy, loaded & heavy
ecs_stack.Cancellation().cancel()
assert not {name.split(".")[0] for name in sys.modules} & heavy
assert [getattr(ecs_stack, name).__name__ for name in ecs_stack.__all__] == ecs_stack.__all__
assert all(getattr(ecs_stack, name).__doc__ for name in ecs_stack.__all__)
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_guide_has_every_public_name() -> None:
    guide = (PACKAGE.parent / "docs" / "embedding.md").read_text()
    assert sorted(re.findall(r"^\| `(\w+)` \|", guide, re.M)) == sorted(ecs_stack.__all__)
