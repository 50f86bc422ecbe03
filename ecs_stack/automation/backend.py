"""Where the engine keeps an environment's state, and what it reads it with.

Everything is under ``.ecs-stack/`` in the project root, so that plain ``pulumi`` in the checkout (whose Pulumi.yaml
names ``.ecs-stack/stacks`` as its ``stackConfigDir``) works on the same state, configuration and encryption salt.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from ecs_stack import home as homes
from ecs_stack.automation.store import FolderStore, Store
from ecs_stack.errors import RefusedError

#: The project's name where the root has no Pulumi.yaml. The state's path holds it.
DEFAULT_PROJECT = "ecs-stack"

#: What the engine calls a state, after the stack's name: packed where PULUMI_DIY_BACKEND_GZIP says so.
_STATES = (".json", ".json.gz")
#: What the engine calls a copy of a state, after the stack's name.
COPY = ".json.bak"

_PASSPHRASES = {"PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE"}


class Reach(Protocol):
    """How state, or the key for it, is reached on AWS, which this package knows nothing of."""

    def variables(self, base: Mapping[str, str]) -> Mapping[str, str]:
        """``base``, a whole process environment, with what the engine needs for it."""

    def store(self) -> Store | None:
        """The files of the state; None if only the engine can read them."""


@dataclass(frozen=True, kw_only=True)
class Backend:
    """The state of one project.

    ``root`` is the project's folder, ``home`` the one that everything of the engine's is kept in, ``url`` the
    engine's backend URL. ``secrets`` is the engine's secrets provider; None is the backend's own: a passphrase, or
    Pulumi Cloud's.
    """

    root: Path
    home: Path
    url: str
    project: str
    secrets: str | None = None
    reach: Reach | None = field(default=None, compare=False)

    @classmethod
    def local(cls, root: Path) -> Backend:
        """The state under ``.ecs-stack/state`` in the project's folder."""
        home = root / ".ecs-stack"
        return cls(root=root, home=home, url=_folder_url(home), project=_project_name(root))

    @classmethod
    def configured(cls, root: Path, environment: Mapping[str, str], declared: str | None = None) -> Backend:
        """What PULUMI_BACKEND_URL, ``declared`` or Pulumi.yaml names, in that order; the project's folder otherwise."""
        backend = cls.local(root)
        url = environment.get("PULUMI_BACKEND_URL") or declared
        url = url or (_project_file(root).get("backend") or {}).get("url")
        return replace(backend, url=url) if url else backend

    @contextmanager
    def throwaway(self, stack: str | None = None) -> Iterator[Backend]:
        """An empty state of the same project, for as long as the block runs; with ``stack``, it has an empty one."""
        with tempfile.TemporaryDirectory(prefix="ecs-stack-") as folder:
            made = replace(self, home=Path(folder), url=_folder_url(Path(folder)), secrets=None)
            if stack:
                made.begin(stack)
            yield made

    @property
    def can_begin(self) -> bool:
        """Whether ``begin`` makes what the engine would: in the project's folder, with its passphrase."""
        return self.is_folder and self.secrets is None

    def begin(self, stack: str) -> bool:
        """Makes an empty stack in the project's folder, as `stack init` does in 0.4 s: an engine that finds this file
        makes all else when it runs. False if there is such a stack already."""
        checkpoint = {"stack": f"organization/{self.project}/{stack}", "latest": None}
        file = self.home / "state" / self.stacks_folder / f"{stack}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        return _create(file, json.dumps({"version": 3, "checkpoint": checkpoint}))

    @property
    def is_folder(self) -> bool:
        """Whether the state is in ``home``, and not in a service or bucket that others share."""
        return self.url == _folder_url(self.home)

    @property
    def is_service(self) -> bool:
        """Whether the state is in Pulumi Cloud, or what speaks its protocol."""
        return self.url.startswith(("https://", "http://"))

    @property
    def passphrase_file(self) -> Path:
        """What secrets in the state are encrypted with. Losing it loses them."""
        return self.home / "passphrase"

    @property
    def place(self) -> str:
        """Where the state is, for messages: without what only the engine has to know."""
        return str((self.home / "state").relative_to(self.root)) if self.is_folder else self.url.partition("?")[0]

    @cached_property
    def store(self) -> Store | None:
        """The files of the state; None if only the engine can read them."""
        if self.is_folder:
            return FolderStore(self.home / "state")
        if self.url.startswith("file:///"):
            return FolderStore(Path(unquote(urlsplit(self.url).path)))
        return self.reach.store() if self.reach else None

    @property
    def stacks_folder(self) -> str:
        """The key of the stacks' files in the store."""
        return f".pulumi/stacks/{self.project}"

    def has(self, stack: str) -> bool | None:
        """Whether there is such a stack; None if only the engine can tell. May raise RefusedError."""
        return None if self.store is None else stack in self.stacks()

    def stacks(self) -> list[str]:
        """The stacks that there are, by name; none where only the engine can tell. May raise RefusedError."""
        names = self.store.names(self.stacks_folder) if self.store else []
        return sorted({name.removesuffix(each) for each in _STATES for name in names if name.endswith(each)})

    def is_empty(self) -> bool:
        """Whether there is certainly no stack at all. May raise RefusedError."""
        return self.store is not None and not any(".json" in name for name in self.store.names(self.stacks_folder))

    def prepare(self) -> None:
        """Makes the folders and the passphrase that the engine needs; changes nothing that is there.

        Raises RefusedError if nothing can be written there, or a newer ecs-stack made it.
        """
        homes.prepare(self.home)
        for folder in ("state", "stacks", "work"):
            (self.home / folder).mkdir(parents=True, exist_ok=True)
        _create(self.passphrase_file, secrets.token_urlsafe(32))

    def environment(self, base: Mapping[str, str]) -> dict[str, str]:
        """``base``, a whole process environment, pointed at this backend.

        A passphrase that ``base`` has wins on a configured backend: that may be encrypted with it already.
        """
        reached = self.reach.variables(base) if self.reach else base
        variables = {**reached, "PULUMI_BACKEND_URL": self.url, "PULUMI_SKIP_UPDATE_CHECK": "true"}
        if self.is_folder or not (_PASSPHRASES & base.keys()):
            for name in _PASSPHRASES:
                variables.pop(name, None)
            variables["PULUMI_CONFIG_PASSPHRASE_FILE"] = str(self.passphrase_file)
        if self.is_service and "PULUMI_HOME" in variables:
            # Who is signed in is kept in the user's own.
            del variables["PULUMI_HOME"]
            variables |= {name: value for name, value in os.environ.items() if name == "PULUMI_HOME"}
        return variables

    def work_dir(self, stack: str) -> Path:
        """A private folder for the stack's engine runs, with a project file that equals the checkout's.

        ``stackConfigDir`` has to be relative: the engine joins it to the project's folder even if it is absolute.
        """
        folder = self.home / "work" / stack
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "name": self.project,
            "runtime": "python",
            "main": str(self.root),
            "stackConfigDir": "../../stacks",
        }
        draft = folder / f"Pulumi.yaml.{os.getpid()}.{secrets.token_hex(4)}"
        draft.write_text(json.dumps(settings, indent=2) + "\n")  # JSON is YAML
        draft.replace(folder / "Pulumi.yaml")
        return folder

    def settings(self, stack: str) -> Path:
        """The engine's settings of a stack: what its secrets are encrypted with, and no more."""
        return self.home / "stacks" / f"Pulumi.{stack}.yaml"

    def mend(self, stack: str) -> None:
        """Removes what an engine that was killed while it wrote the state left half-written beside it.

        The state itself is replaced as a whole; the file with its attributes isn't, the engine can't read the state
        with an empty one, and doesn't need any (gocloud.dev/blob/fileblob).
        """
        if not isinstance(self.store, FolderStore):
            return
        for attributes in (self.store.root / self.stacks_folder).glob(f"{stack}.json*.attrs"):
            try:
                json.loads(attributes.read_text())
            except FileNotFoundError:
                continue
            except ValueError:
                attributes.unlink(missing_ok=True)

    def copies(self) -> list[str]:
        """The stacks that the engine keeps a copy of the last state of; they need not be there any more."""
        names = self.store.names(self.stacks_folder) if self.store else []
        return [name.removesuffix(COPY) for name in names if name.endswith(COPY)]

    def drop(self, stack: str) -> None:
        """Removes a stack's state, whatever it says, and all that the engine keeps of it; where that is in files."""
        if self.store:
            for each in _STATES:
                self.store.delete(f"{self.stacks_folder}/{stack}{each}")
        self.forget(stack)

    def forget(self, stack: str) -> None:
        """Removes what the engine leaves behind of a stack that it removed: its work folder and old copies of
        its state, which describe resources that are gone."""
        shutil.rmtree(self.home / "work" / stack, ignore_errors=True)
        self.settings(stack).unlink(missing_ok=True)
        if self.is_folder:
            state = self.home / "state" / ".pulumi"
            for folder in ("backups", "history", "locks/organization"):
                shutil.rmtree(state / folder / self.project / stack, ignore_errors=True)
            # Copies, and what an engine that was killed was writing.
            for pattern in (f"{stack}.json*.bak*", f"{stack}.json*.tmp"):
                for file in (state / "stacks" / self.project).glob(pattern):
                    file.unlink(missing_ok=True)
        elif self.store:
            for key in self._left_of(self.store, stack):
                self.store.delete(key)

    def _left_of(self, store: Store, stack: str) -> Iterator[str]:
        """The keys of what the engine keeps of a stack beside its state: the one before, backups, its history."""
        copies = {f"{stack}{each}.bak" for each in _STATES}
        yield from (f"{self.stacks_folder}/{name}" for name in store.names(self.stacks_folder) if name in copies)
        for folder in (f".pulumi/{kind}/{self.project}/{stack}" for kind in ("backups", "history")):
            yield from (f"{folder}/{name}" for name in store.names(folder))


def _folder_url(home: Path) -> str:
    return f"file://{home / 'state'}"


def _project_name(root: Path) -> str:
    return str(_project_file(root).get("name") or DEFAULT_PROJECT)


def _project_file(root: Path) -> Mapping[str, Any]:
    file = root / "Pulumi.yaml"
    try:
        found = file.stat()
        return _parsed(file, found.st_mtime_ns, found.st_size)
    except FileNotFoundError:
        return {}
    except (OSError, YAMLError) as error:
        raise RefusedError(f"{file} can't be read: {error}") from error


@lru_cache(maxsize=16)
def _parsed(file: Path, _modified: int, _size: int) -> Mapping[str, Any]:
    """Read once as long as it stays the same: a run asks for the project's name eight times, at 2 ms each."""
    content = YAML(typ="safe").load(file)
    return content if isinstance(content, Mapping) else {}


def _create(file: Path, content: str) -> bool:
    """Makes a file that only its owner may read, whole or not at all; False if it exists: the first of two processes
    that start together makes it."""
    if file.exists():
        return False
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}.tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(content)
    try:
        os.link(draft, file)
    except FileExistsError:
        return False
    finally:
        draft.unlink()
    return True
