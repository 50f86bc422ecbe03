"""Finds the Pulumi engine, installs it, or builds it.

In this order, the first that answers with a version this SDK can drive:

1. ``pulumi`` on PATH;
2. the per-user cache, ``$XDG_CACHE_HOME/ecs-stack/engine/VERSION`` (``~/.cache/...`` by default);
3. the vendor's download, by the SDK's own ``PulumiCommand.install()``, into that cache;
4. a build with the Go toolchain from the Go module proxy, into that cache, for machines that reach the proxy
   and not the vendor. ``engine_source/`` pins every module by version and hash.

A vendor's engine brings its own Python language host, which plain ``pulumi up`` needs. A built one gets the last
version of the host that the proxy serves (inside sdk/v3 3.79.0); it never replaces another.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from ecs_stack.errors import EngineError

#: The engine and the Python SDK are released together; pyproject.toml pins the SDK to the same minor version.
VERSION = "3.259.0"

VENDOR_HOST = "get.pulumi.com"
_ENGINE_PACKAGE = "github.com/pulumi/pulumi/pkg/v3/cmd/pulumi"
_VERSION_VARIABLE = "github.com/pulumi/pulumi/sdk/v3/go/common/version.Version"
_HOST_MODULE = "github.com/pulumi/pulumi/sdk/v3"
_HOST_PACKAGE = f"{_HOST_MODULE}/python/cmd/pulumi-language-python"

Report = Callable[[str], None]


@dataclass(frozen=True)
class Engine:
    """An engine that can be used: ``<root>/bin/pulumi`` exists and answers with ``version``."""

    root: Path
    version: str

    @property
    def bin(self) -> Path:
        """The folder to put first on PATH."""
        return self.root / "bin"


def ensure(report: Report | None = None) -> Engine:
    """The engine, installed or built first if need be. ``report`` gets one line while that goes on.

    Raises EngineError if there is none and no way to get one.
    """
    say = report or (lambda _line: None)
    cached = cache_root()
    found = find()
    if found is not None:
        return found
    with _one_at_a_time(cached):
        engine = _probe(cached) or _download(cached, say) or _build(cached, say)
    if engine is None:
        raise EngineError(
            f"no Pulumi engine {VERSION} was found: none on PATH, none in {cached}, the vendor's download "
            "doesn't answer, and there is no Go toolchain to build it with",
            hint=f"Install Pulumi {VERSION} or newer (https://www.pulumi.com/docs/install/), or Go 1.26 or newer.",
        )
    return engine


def find() -> Engine | None:
    """The engine on PATH or in the cache, if there is one; nothing is installed."""
    on_path = shutil.which("pulumi")
    if on_path and (binary := Path(on_path).resolve()).parent.name == "bin":
        engine = _probe(binary.parent.parent)
        if engine is not None:
            return engine
    return _probe(cache_root())


def ways() -> tuple[str, ...]:
    """How ``ensure`` would get an engine on this machine, in words; empty if there is no way."""
    found = []
    if vendor_answers():
        found.append("the vendor's download")
    if shutil.which("go"):
        found.append("a build with Go, about 4 minutes on 2 cores")
    return tuple(found)


def cache_root() -> Path:
    """Where the engine of this version is kept for the user."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "ecs-stack" / "engine" / VERSION


def _probe(root: Path) -> Engine | None:
    binary = root / "bin" / "pulumi"
    if not binary.is_file():
        return None
    version = _version(binary)
    return Engine(root, version) if version and _usable(version) else None


def _version(binary: Path) -> str | None:
    """What the engine says that it is; None if it doesn't run.

    Asked once for each binary: an engine takes 0.2 s to say it. One that is installed over it has another size or time.
    """
    memory = cache_root().parent / "versions.json"
    try:
        found = binary.stat()
        stamp = f"{found.st_size} {found.st_mtime_ns}"
    except OSError:
        return None
    try:
        known = dict(json.loads(memory.read_text()))
    except (OSError, ValueError, TypeError):
        known = {}
    if str(binary) in known and known[str(binary)].get("stamp") == stamp:
        return str(known[str(binary)].get("version"))
    try:
        answer = subprocess.run(
            [binary, "version"],
            env={**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"},
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        ).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    version = answer.removeprefix("v")
    if re.match(r"\d", version):
        _remember(memory, {**known, str(binary): {"stamp": stamp, "version": version}})
    return version


def _remember(memory: Path, known: dict[str, dict[str, str]]) -> None:
    """Where nothing can be written, the next run asks again."""
    draft = memory.with_name(f"{memory.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(json.dumps(known, indent=2))
        draft.replace(memory)


def _usable(version: str) -> bool:
    """The SDK drives engines of its own major version that aren't older than itself."""
    match = re.match(r"(\d+)\.(\d+)\.(\d+)", version)
    if match is None:
        return False
    have = tuple(int(part) for part in match.groups())
    want = tuple(int(part) for part in VERSION.split("."))
    return have[0] == want[0] and have >= want


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    """Two processes that both miss the engine build it once."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = (root.parent / f"{root.name}.lock").open("w")
    except OSError as error:
        raise EngineError(
            f"the engine can't be kept in {root}: {error.strerror}",
            hint="Set XDG_CACHE_HOME to a writable folder.",
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def vendor_answers() -> bool:
    """Whether the vendor's downloads can be reached, through a proxy if the environment names one."""
    import urllib.error
    import urllib.request

    try:
        # Any answer will do.
        urllib.request.urlopen(urllib.request.Request(f"https://{VENDOR_HOST}/", method="HEAD"), timeout=3).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _download(root: Path, say: Report) -> Engine | None:
    if not vendor_answers():
        return None
    import pulumi.automation as auto
    from semver import VersionInfo

    say(f"Downloading the Pulumi engine {VERSION} to {root} (once)")
    try:
        auto.PulumiCommand.install(root=str(root), version=VersionInfo.parse(VERSION))
    except (OSError, subprocess.SubprocessError):
        return None
    return _probe(root)


def _build(root: Path, say: Report) -> Engine | None:
    go = shutil.which("go")
    if go is None:
        return None
    say(f"Building the Pulumi engine {VERSION} with Go, in {root} (once, about 4 minutes on 2 cores)")
    target = root / "bin"
    target.mkdir(parents=True, exist_ok=True)
    with _source("language_host") as source, tempfile.TemporaryDirectory(dir=root) as output:
        host = Path(output) / "pulumi-language-python"
        _go(source, go, "build", "-trimpath", "-ldflags", "-s -w", "-o", str(host), _HOST_PACKAGE)
        module = _go(source, go, "list", "-m", "-f", "{{.Dir}}", _HOST_MODULE).strip()
        launcher = Path(output) / "pulumi-language-python-exec"
        shutil.copyfile(Path(module) / "python" / "cmd" / launcher.name, launcher)
        _install(target, host, launcher)
    with _source("engine") as source, tempfile.TemporaryDirectory(dir=root) as output:
        binary = Path(output) / "pulumi"
        flags = f"-s -w -X {_VERSION_VARIABLE}={VERSION}"
        _go(source, go, "build", "-trimpath", "-ldflags", flags, "-o", str(binary), _ENGINE_PACKAGE)
        _install(target, binary)
    return _probe(root)


def _install(folder: Path, *files: Path) -> None:
    """Renames, so that a run that is killed never leaves half a binary under its final name."""
    for file in files:
        file.chmod(0o755)
        file.replace(folder / file.name)


@contextmanager
def _source(name: str) -> Iterator[Path]:
    """A private copy of the module: the installed package may be read-only."""
    with (
        resources.as_file(resources.files("ecs_stack.automation") / "engine_source" / name) as packaged,
        tempfile.TemporaryDirectory() as folder,
    ):
        for file in packaged.iterdir():
            shutil.copyfile(file, Path(folder) / file.name)
        yield Path(folder)


def _go(folder: Path, go: str, *arguments: str) -> str:
    done = subprocess.run([go, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["no output"]
        raise EngineError(
            f"building the Pulumi engine with {go} failed: {last[0]}",
            hint=f"Install Pulumi {VERSION} or newer (https://www.pulumi.com/docs/install/) and try again.",
        )
    return done.stdout
