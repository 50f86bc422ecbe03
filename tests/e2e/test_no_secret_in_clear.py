"""Planted secrets, used by an environment, are searched for in everything that ecs-stack writes, prints and starts."""

from __future__ import annotations

import base64
import gzip
import stat
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import Project, Run, get

pytestmark = [pytest.mark.engine, pytest.mark.docker]

PARAMETER = "planted-parameter-Zq7Wv"
SECRET = "planted-secret-Kx3Tn"
#: What encrypts secrets in the state, and the user's own for other projects, which the local target doesn't use.
PASSPHRASE = "planted-passphrase-Hm5Rb"
FOREIGN_PASSPHRASE = "planted-foreign-Jd8Yc"
PLANTED = (PARAMETER, SECRET, PASSPHRASE, FOREIGN_PASSPHRASE)

#: Where a value may stand. Each is readable by its owner only, which the test checks, too.
STORES: Mapping[str, tuple[str, ...]] = {
    # The emulated SSM and Secrets Manager: the store itself, as AWS's own is on AWS. A key to encrypt it with
    # would lie in the folder beside it, and what reads the one reads the other.
    ".ecs-stack/local/state/ministack": (PARAMETER, SECRET),
    # What the engine encrypts secrets in the state with.
    ".ecs-stack/passphrase": (PASSPHRASE,),
}

WITH_SECRETS = (
    DEV.replace("count: 2", "count: 1").replace(
        "environment: {GREETING: hello}", 'secrets: {GREETING: "ssm:/acme/greeting"}'
    )
    + """
  web:
    image: ecs-stack-demo:1
    cpu: 256
    memory: 512
    secrets: {TOKEN: "secretsmanager:acme/token#value"}
"""
)
# Two deployments that fail with a secret in hand: the demo ends with an error where the variable has a value; and
# the secret is there, but has no such key.
FAILING = WITH_SECRETS.replace("GREETING: ", 'CRASH_ON_START: "ssm:/acme/greeting", GREETING: ').replace(
    "token#value", "token#nothing"
)


def test_planted_secrets_are_found_nowhere(make_project: Callable[[Mapping[str, str]], Project]) -> None:
    project = make_project({"dev": WITH_SECRETS})
    runs: list[Run] = []

    def run(*arguments: str, code: int) -> None:
        foreign = {"PULUMI_CONFIG_PASSPHRASE": FOREIGN_PASSPHRASE}
        runs.append(project.run(*arguments, code=code, environment=foreign))

    passphrase = project.root / ".ecs-stack" / "passphrase"
    passphrase.parent.mkdir()
    passphrase.touch(mode=0o600)
    passphrase.write_text(PASSPHRASE)
    with _watched_processes() as seen:
        run("local", "start", code=0)
        project.client("ssm").put_parameter(Name="/acme/greeting", Value=PARAMETER, Type="SecureString")
        secret = f'{{"value": "{SECRET}"}}'
        project.client("secretsmanager").create_secret(Name="acme/token", SecretString=secret)
        run("up", "dev", "--yes", code=0)
        url = project.run("status", "dev", "--json").json["services"][0]["url"]
        assert get(url)[1]["greeting"] == PARAMETER, "the tasks got the secret"
        for verb in ("logs", "outputs"):
            run(verb, "dev", code=0)
        run("local", "status", code=0)
        run("local", "env", code=0)
        project.write("dev", FAILING)
        run("preview", "dev", "--json", code=0)
        run("up", "dev", "--yes", "-v", code=4)
        run("status", "dev", code=0)
        run("logs", "dev", "--json", code=0)
        run("doctor", "--report", code=0)
        found = _files_with_secrets(project.root)
        assert not found, f"in clear: {found}"
        everywhere = _files_with_secrets(project.root, stores={})
        assert set().union(*everywhere.values()) == {PARAMETER, SECRET, PASSPHRASE}, "the search finds what is there"
        assert _readable_by_others(project.root) == set()
        run("destroy", "dev", "--yes", code=0)

    assert _files_with_secrets(project.root) == {}
    printed = [f"{run.out}\n{run.err}" for run in runs]
    assert not [value for value in PLANTED for text in printed if value in text]
    assert seen["commands"] > 0
    assert not seen["with secrets"]


def _readable_by_others(root: Path) -> set[str]:
    """What may hold secrets, and isn't its owner's only."""
    local = root / ".ecs-stack" / "local"
    kept = [
        local,
        root / ".ecs-stack" / "passphrase",
        *(file for file in (local / "state").rglob("*") if file.is_file()),
    ]
    return {str(path.relative_to(root)) for path in kept if stat.S_IMODE(path.stat().st_mode) & 0o077}


def _forms(value: str) -> set[bytes]:
    """A value as it is, and in base64 at each offset (the journal of the local cloud keeps bodies so)."""
    forms = {value.encode()}
    for offset in range(3):
        whole = base64.b64encode(b"x" * offset + value.encode())
        forms.add(whole[4 if offset else 0 : len(whole) // 4 * 4 - 4])
    return forms


def _files_with_secrets(root: Path, stores: Mapping[str, tuple[str, ...]] = STORES) -> dict[str, set[str]]:
    """Every file below the project with a planted value that may not stand there."""
    found: dict[str, set[str]] = {}
    read = 0
    for file in root.rglob("*"):
        if not file.is_file():
            continue
        read += 1
        content = file.read_bytes()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        name = str(file.relative_to(root))
        allowed = next((values for store, values in stores.items() if name.startswith(store)), ())
        values = {v for v in PLANTED if v not in allowed and any(form in content for form in _forms(v))}
        if values:
            found[name] = values
    assert read > 10, "there is something to search"
    return found


@contextmanager
def _watched_processes() -> Iterator[dict[str, int | set[str]]]:
    """Reads every process's command line again and again; says how many there were, and which had a planted value."""
    seen: set[bytes] = set()
    stop = threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for process in Path("/proc").iterdir():
                # A process may end meanwhile.
                with suppress(OSError):
                    seen.add((process / "cmdline").read_bytes())
            stop.wait(0.05)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    result: dict[str, int | set[str]] = {}
    try:
        yield result
    finally:
        stop.set()
        watcher.join()
        result["commands"] = sum(b"pulumi" in line for line in seen)
        result["with secrets"] = {line.decode(errors="replace") for line in seen for v in PLANTED if v.encode() in line}
