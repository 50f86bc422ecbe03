"""The files before the forges' own judges: published schemas, linters, a parser for Jenkins's Groovy.

The schemas are those of SchemaStore and GitLab, as check-jsonschema ships them.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dekobon_tree_sitter_groovy
import pytest
from tree_sitter import Language, Node, Parser

from ecs_stack.ci.files import write
from tests.ci import checkout

TOOLS = Path(sys.executable).parent
ACTIONLINT = Path(__file__).with_name("actionlint")
#: GitHub's own actions by their major version, whose tags only GitHub moves; all others by commit.
ZIZMOR = """
rules:
  unpinned-uses:
    config:
      policies: {"actions/*": ref-pin, "*": hash-pin}
"""
#: With a state and secrets that need variables, and with ones that don't.
VARIANTS = {
    "plain": {},
    "passphrase": {
        "dev": checkout.DEV.replace(", secrets: awskms://alias/acme-state", ""),
        "prod": checkout.PROD.replace(", secrets: awskms://alias/acme-state", ""),
    },
}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> dict[str, str]:
    return VARIANTS[request.param]


def run(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run([str(each) for each in command], cwd=cwd, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr or f"exit code {done.returncode}"


def github(root: Path, variant: dict[str, str]) -> list[Path]:
    write(checkout.write(root, "github", **variant), "github", variables={})
    return sorted((root / ".github/workflows").iterdir())


def actionlint() -> list[str]:
    if shutil.which("go") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("CI checks workflows with actionlint, and there is no Go to build it with")
        pytest.skip("no Go to build actionlint with")
    return ["go", "-C", str(ACTIONLINT), "tool", "actionlint", "-shellcheck=", "-pyflakes="]


def test_workflows_are_as_the_schema_says(tmp_path: Path, variant: dict[str, str]) -> None:
    files = github(tmp_path, variant)
    assert run(TOOLS / "check-jsonschema", "--builtin-schema", "vendor.github-workflows", *files, cwd=tmp_path) == ""


def test_actionlint_finds_nothing_in_workflows(tmp_path: Path, variant: dict[str, str]) -> None:
    files = github(tmp_path, variant)
    assert run(*actionlint(), *files, cwd=tmp_path) == ""
    files[0].write_text(files[0].read_text().replace("runs-on: ubuntu-latest", "runs-on: ${{ github.nothing }}"))
    assert "nothing" in run(*actionlint(), *files, cwd=tmp_path), "it judges"


def test_workflows_have_no_known_weakness(tmp_path: Path, variant: dict[str, str]) -> None:
    github(tmp_path, variant)
    (tmp_path / "zizmor.yml").write_text(ZIZMOR)
    command = (TOOLS / "zizmor", "--offline", "--quiet", "--config", "zizmor.yml", ".github/workflows")
    assert run(*command, cwd=tmp_path) == ""
    preview = tmp_path / ".github/workflows/preview.yml"
    preview.write_text(preview.read_text().replace("  pull_request:\n", "  pull_request_target:\n"))
    assert "dangerous-triggers" in run(*command, cwd=tmp_path), "it judges"


def test_gitlab_files_are_as_the_schema_says(tmp_path: Path, variant: dict[str, str]) -> None:
    write(checkout.write(tmp_path, "gitlab", **variant), "gitlab", variables={})
    files = [tmp_path / "ci/ecs-stack.gitlab-ci.yml", tmp_path / ".gitlab-ci.yml"]
    command = (TOOLS / "check-jsonschema", "--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci")
    assert run(*command, *files, cwd=tmp_path) == ""
    files[0].write_text(files[0].read_text().replace("action: stop", "action: end"))
    assert "action" in run(*command, *files, cwd=tmp_path), "it judges"


# https://www.jenkins.io/doc/book/pipeline/syntax/
DECLARATIVE = {
    "pipeline": {"agent", "environment", "options", "parameters", "post", "stages", "tools", "triggers"},
    "stages": {"stage"},
    "stage": {"agent", "environment", "input", "options", "post", "stages", "steps", "tools", "when"},
    "post": {"always", "aborted", "changed", "cleanup", "failure", "fixed", "regression", "success", "unsuccessful"},
    "when": {"beforeAgent", "branch", "changeRequest", "expression", "not", "triggeredBy"},
    "options": {"disableConcurrentBuilds", "timeout"},
    "triggers": {"cron"},
    "steps": {"input", "sh", "withCredentials"},
    "always": {"sh", "withCredentials"},
    "withCredentials": {"sh"},
}


def groovy(text: str) -> Node:
    """The file's tree; fails the test for a text that isn't Groovy."""
    tree = Parser(Language(dekobon_tree_sitter_groovy.language())).parse(text.encode())
    broken = next((each for each in walk(tree.root_node) if each.is_error or each.is_missing), None)
    assert broken is None, f"not Groovy at line {broken.start_point.row + 1}: {broken.text!r}"
    return tree.root_node


def walk(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from walk(child)


def statements(closure: Node) -> Iterator[tuple[str, str, Node | None]]:
    """What stands in a block: its first word, its text, and the block that it opens itself.

    The grammar takes `agent any` and `stage('x') { }` for two statements; here what goes on in a line is one.
    """
    whole: list[list[Node]] = []
    for each in closure.named_children:
        if each.type == "line_comment":
            continue
        if whole and each.start_point.row == whole[-1][-1].end_point.row:
            whole[-1].append(each)
        else:
            whole.append([each])
    for found in whole:
        text = " ".join(each.text.decode() for each in found)
        nested = next((node for each in found for node in walk(each) if node.type == "closure"), None)
        yield re.match(r"\w*", text)[0], text, nested


def check(section: str, closure: Node) -> Iterator[str]:
    for name, text, nested in statements(closure):
        if section in DECLARATIVE and name not in DECLARATIVE[section]:
            yield f"{name} isn't allowed in {section}: {text[:60]}"
        if nested is not None and name in DECLARATIVE:
            yield from check(name, nested)


def test_the_jenkinsfile_is_a_declarative_pipeline(tmp_path: Path, variant: dict[str, str]) -> None:
    """By a grammar of Groovy and the sections of Jenkins's own reference; its linter is a part of a Jenkins server."""
    write(checkout.write(tmp_path, "jenkins", **variant), "jenkins", variables={})
    text = (tmp_path / "Jenkinsfile").read_text()
    pipeline = next(each for each in walk(groovy(text)) if each.type == "closure")
    assert list(check("pipeline", pipeline)) == []
    for before, after in (("when {", "where {"), ("post {", "finally {"), ("    steps {", "    script {")):
        assert before in text
        wrong = next(each for each in walk(groovy(text.replace(before, after))) if each.type == "closure")
        assert list(check("pipeline", wrong)), f"{after} was overlooked"
    with pytest.raises(AssertionError, match="not Groovy"):
        groovy(text.replace("agent none", "agent none }"))
