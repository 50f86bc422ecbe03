"""A snapshot of moto's state, so that a long journal needn't be executed from its beginning.

It only saves time: it is a pickle, good for the version that wrote it. The journal stays whole, and is executed
from its beginning where no snapshot can be read.
"""

from __future__ import annotations

import importlib.metadata
import logging
import os
import pickle
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ecs_stack.local.answers import Answers

log = logging.getLogger(__name__)


@dataclass
class Snapshot:
    """moto's backends after the journal's entry ``sequence``. ``salt`` is the journal's."""

    salt: str
    sequence: int
    touched: set[tuple[str, str]]
    answers: Answers
    #: (service, account, region) -> backend.
    backends: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    versions: tuple[str, ...] = ()


def save(path: Path, snapshot: Snapshot) -> None:
    """Write the state as it is now. What can't be pickled (a key pair, say) only costs the snapshot."""
    from moto.core.base_backend import BackendDict

    snapshot.versions = _versions()
    for service in BackendDict._instances:
        for account, region, backend in service.iter_backends():
            snapshot.backends[(service.service_name, account, region)] = backend
    try:
        content = pickle.dumps(snapshot)
    except Exception as error:
        log.info("moto: no snapshot: %s", error)
        return
    temporary = path.with_name(f"{path.name}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    temporary.replace(path)


def load(path: Path, salt: str) -> Snapshot | None:
    """Put a snapshot's backends in place; None where there is none of this journal and these versions."""
    from moto.backends import get_backend

    try:
        # The folder is the user's own, and no other user can write there (see ``persistence_paths``).
        snapshot: Snapshot = pickle.loads(path.read_bytes())  # noqa: S301
        if (snapshot.salt, snapshot.versions) != (salt, _versions()):
            return None
    except FileNotFoundError:
        return None
    except Exception as error:
        log.warning("moto: the snapshot can't be read, the whole journal is executed: %s", error)
        return None
    for (service, account, region), backend in snapshot.backends.items():
        get_backend(service)[account][region] = backend
    return snapshot


def _versions() -> tuple[str, ...]:
    # The last is this file's own: it changes with the fields of Snapshot.
    return (importlib.metadata.version("moto"), sys.version, "2")
