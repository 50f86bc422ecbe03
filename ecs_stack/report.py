"""What a bug report needs, in one file, with the secrets taken out: versions, doctor's checks, and logs."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import platform
import tarfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ecs_stack import runlog
from ecs_stack.checkout import versions
from ecs_stack.local.persistence_paths import Paths
from ecs_stack.results import Check, ReportArchive

#: Bytes of the end of a log that are packed: what went wrong last is there.
_TAIL = 1_000_000


def pack(root: Path, checks: Sequence[Check]) -> ReportArchive:
    """Packs a project's logs with the versions and ``checks`` into ``.ecs-stack/report-TIME.tar.gz``.

    Environment files, state and stacks' outputs stay out. The runs' logs had their secrets taken out as they were
    written; all of it goes through the same filter again, for the local cloud's log never did, and what is secret may
    be known only since. The file is readable by its owner only.
    """
    root = root.resolve()
    home = root / ".ecs-stack"
    home.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    path = home / f"report-{now.strftime('%Y%m%dT%H%M%S.%fZ')}.tar.gz"
    hide = runlog.redaction(root, os.environ)
    names = []
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as output, tarfile.open(fileobj=output, mode="w:gz") as archive:
        for name, text in _contents(root, checks):
            content = hide(text).encode()
            member = tarfile.TarInfo(name)
            member.size, member.mtime = len(content), int(now.timestamp())
            archive.addfile(member, io.BytesIO(content))
            names.append(name)
    return ReportArchive(path=str(path), files=tuple(names))


def _contents(root: Path, checks: Sequence[Check]) -> Iterator[tuple[str, str]]:
    about = {
        "versions": versions(),
        "system": platform.platform(),
        "checks": [dataclasses.asdict(check) for check in checks],
    }
    yield "about.json", json.dumps(about, indent=2)
    for log in runlog.logs(root):
        yield f"runs/{log.name}", _tail(log)
    cloud = Paths(root).log
    if cloud.is_file():
        yield "local/cloud.log", _tail(cloud)


def _tail(file: Path) -> str:
    with file.open("rb") as content:
        size = content.seek(0, os.SEEK_END)
        content.seek(max(0, size - _TAIL))
        return content.read().decode(errors="replace")
