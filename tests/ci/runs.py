"""Runs what pipeline files say, without a forge: their shell steps, with the shells and variables they have there."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tests.ci.forge import Forge

#: Set up by the runner's image, or tested elsewhere (the package's own installation).
_NOT_HERE = re.compile(r"(\S*python3? -m (pip|venv)|apt-get)\b")


@dataclass
class Pipeline:
    """The files of a project in ``root``; ``bin`` is where the installed command is."""

    root: Path
    bin: Path
    forge: Forge
    log: list[str] = field(default_factory=list)

    def github(self, workflow: str, job: str, event: dict[str, Any]) -> bool:
        """A job's steps, one after the other, as GitHub runs them; whether all succeeded."""
        file = self.root / ".github/workflows" / f"{workflow}.yml"
        described = YAML(typ="safe", pure=True).load(file)
        steps = described["jobs"][job]["steps"]
        self._clean()
        (self.root / "event.json").write_text(json.dumps(event))
        context = {"github": {"event": event, "token": self.forge_token, "head_ref": "feature/login"}}
        common = {
            **self.forge.github(event=str(self.root / "event.json")),
            "CI": "true",
            "GITHUB_ACTOR": "octocat",
            "GITHUB_WORKSPACE": str(self.root),
            **_expanded(described.get("env", {}), context),
            **_expanded(described["jobs"][job].get("env", {}), context),
        }
        del common["GITHUB_TOKEN"]  # a job has it only where a step asks for it
        fine = True
        for step in steps:
            if "run" not in step or not (fine or "cancelled()" in step.get("if", "")):
                continue
            variables = {**common, **_expanded(step.get("env", {}), context)}
            fine &= self._shell(["bash", "-e", "-c", step["run"]], variables)
        return fine

    def gitlab(self, job: str, **variables: str) -> bool:
        """A job's script, and after it after_script, whatever became of it."""
        self._clean()
        described = YAML(typ="safe", pure=True).load(self.root / "ci/ecs-stack.gitlab-ci.yml")
        parts = [described[job]]
        while "extends" in parts[0]:
            parts.insert(0, described[parts[0]["extends"]])
        merged = {key: value for part in parts for key, value in part.items()}
        common = {
            **self.forge.gitlab(),
            "CI": "true",
            "AWS_ID_TOKEN": "a.b.c",
            "GITLAB_USER_LOGIN": "tanuki",
            "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME": "feature/login",
            **variables,
        }
        for part in parts:
            for name, value in part.get("variables", {}).items():
                common[name] = re.sub(r"\$(\w+)", lambda match: common[match[1]], str(value))
        common["AWS_WEB_IDENTITY_TOKEN_FILE"] = str(self.root / "token")
        for name in ("DOCKER_HOST", "DOCKER_TLS_CERTDIR", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY"):
            common.pop(name, None)
        lines = [each for each in (*merged["before_script"], *merged["script"]) if not _NOT_HERE.match(each)]
        fine = self._shell(["bash", "-e", "-o", "pipefail", "-c", "\n".join(lines)], common)
        for line in merged.get("after_script", ()):
            self._shell(["bash", "-c", line], common)
        return fine

    def jenkins(self, stage: str, **variables: str) -> bool:
        """A stage's steps with what it binds, and its post section."""
        text = (self.root / "Jenkinsfile").read_text()
        body = re.search(rf"\n( +)stage\('{re.escape(stage)}'\) \{{\n(.*?)\n\1\}}", text, re.DOTALL)
        assert body is not None, stage
        steps, _, post = body[2].partition(" post {")
        common = {
            **self.forge.jenkins("pull/42"),
            "CHANGE_ID": "42",
            "CHANGE_AUTHOR": "butler",
            "CHANGE_BRANCH": "feature/login",
            "AWS_WEB_IDENTITY_TOKEN_FILE": str(self.root / "token"),
            **variables,
        }
        for name, quoted in re.findall(r"^ +(\w+) = (['\"].*['\"])$", steps, re.MULTILINE):
            common[name] = re.sub(r"\$\{env\.(\w+)\}", lambda match: common[match[1]], quoted[1:-1])
        fine = True
        for command in _commands(steps):
            fine = fine and self._shell(["sh", "-xe", "-c", command], common)
        for command in _commands(post):
            fine &= self._shell(["sh", "-xe", "-c", command], common)
        return fine

    def _clean(self) -> None:
        """GitHub's checkout and GitLab's runner remove what the run before left in the folder; Jenkins doesn't."""
        for name in ("images.txt", "preview.json"):
            (self.root / name).unlink(missing_ok=True)

    @property
    def forge_token(self) -> str:
        return self.forge.github(event="")["GITHUB_TOKEN"]

    def _shell(self, command: list[str], variables: Mapping[str, str]) -> bool:
        """A runner's environment, and nothing of this process's but where things are."""
        if _NOT_HERE.match(command[-1]):
            return True
        here = {name: os.environ[name] for name in ("HOME", "DOCKER_HOST", "XDG_CACHE_HOME") if name in os.environ}
        path = f"{self.bin}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.root,
            env={**here, "PATH": path, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        self.log.append(f"$ {command[-1]}\n{done.stdout}{done.stderr}[exit code {done.returncode}]")
        return done.returncode == 0


def _commands(groovy: str) -> Iterator[str]:
    return iter(re.findall(r"\bsh '([^']*)'", groovy))


def _expanded(variables: Mapping[str, Any], context: Mapping[str, Any]) -> dict[str, str]:
    def value(match: re.Match[str]) -> str:
        found: Any = context
        for part in match[1].split("."):
            found = found[part]
        return str(found)

    return {name: re.sub(r"\$\{\{ ([\w.]+) \}\}", value, str(text)) for name, text in variables.items()}
