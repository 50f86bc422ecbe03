"""The folder ``.ecs-stack`` of a project, before anything is kept in it: it can be written, has room, and is ours.

Found out at the start, so that a run is refused then and doesn't end half-done, with a state that couldn't be saved.
"""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from pathlib import Path

from ecs_stack.errors import EcsStackError, RefusedError

#: Raised when an older ecs-stack would misread what is kept there.
LAYOUT = 1
#: Bytes that have to be free: an environment's state is below 1 MB, and the engine keeps two copies.
ROOM = 8 * 1024 * 1024

_STAMP = "layout"
_FULL = {errno.ENOSPC, errno.EDQUOT}
_READ_ONLY = {errno.EROFS, errno.EACCES, errno.EPERM}


def prepare(home: Path) -> None:
    """Makes the folder and stamps it with its layout.

    Raises RefusedError if it can't be written, the disk is full, or a newer ecs-stack made it; then nothing was made.
    """
    stamp = home / _STAMP
    _refuse_newer(stamp)
    try:
        _refuse_full(home)
        home.mkdir(parents=True, exist_ok=True)
        if not stamp.exists():
            draft = home / f"{_STAMP}.{os.getpid()}.{os.urandom(4).hex()}"
            draft.write_text(f"{LAYOUT}\n")
            draft.replace(stamp)
    except OSError as error:
        found = disk_problem(error)
        if found is None:
            raise
        raise RefusedError(f"{home} can't be written: {error.strerror}", hint=found.hint) from error


def disk_problem(error: OSError) -> EcsStackError | None:
    """What a failed write means to the user; None if it isn't the disk's or the permissions' fault."""
    where = f" ({error.filename})" if error.filename else ""
    if error.errno in _FULL:
        hint = "Make room on the disk, then run it again."
        return EcsStackError(f"the disk is full: {error.strerror}{where}", hint=hint)
    if error.errno in _READ_ONLY:
        hint = "Make the folder writable for this user, or work in a copy of the project that is."
        return EcsStackError(f"a file can't be written or read: {error.strerror}{where}", hint=hint)
    return None


def _refuse_newer(stamp: Path) -> None:
    try:
        text = stamp.read_text().strip()
    except (FileNotFoundError, NotADirectoryError):
        return
    if text != str(LAYOUT):
        raise RefusedError(
            f"a newer ecs-stack made {stamp.parent}: its layout is {text or 'unknown'}, this version knows {LAYOUT}",
            hint="Use that version, or a newer one: `pip install --upgrade ecs-stack`.",
        )


def _refuse_full(home: Path) -> None:
    """Writes a little, too: a read-only mount says so only then, whatever the modes are."""
    folder = next(folder for folder in (home, *home.parents) if folder.exists())
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".ecs-stack-") as probe:
        probe.write(b"\0" * 4096)
        probe.flush()
    free = shutil.disk_usage(folder).free
    if free < ROOM:
        raise RefusedError(
            f"the disk of {home} is full: {free / 1e6:.1f} MB are free, and the state needs {ROOM / 1e6:.1f} MB",
            hint="Make room on the disk, then run it again.",
        )
