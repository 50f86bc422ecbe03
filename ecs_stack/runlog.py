"""A log file for each run that changes something, or says what would: what a bug report needs, and no secret.

Written line by line, so that a run that is killed leaves its log too.
"""

from __future__ import annotations

import os
import re
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from ecs_stack.errors import EcsStackError
from ecs_stack.results import ChangeKind, Preview, Progress, ResourceChange

#: Logs that are kept; the oldest go first.
KEPT = 50

_HIDDEN = "[secret]"
#: Names of variables whose values are nobody's business, in whatever they turn up.
_SECRET_NAMES = re.compile(r"SECRET|TOKEN|PASSWORD|PASSWD|PASSPHRASE|CREDENTIAL|ACCESS_KEY|API_KEY|PRIVATE_KEY", re.I)
#: A shorter value would hide half of the log, and is no secret worth the name.
_SHORTEST = 6
_SHAPES = (
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-unique-ids
    (re.compile(r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b"), _HIDDEN),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+(?=@)"), rf"\1{_HIDDEN}"),
    (re.compile(r"((?:secret|token|password|passphrase)\w*[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&]+", re.I), rf"\1{_HIDDEN}"),
)


class RunLog:
    """The log of one run. Takes lines from any thread; ``echo`` gets each of them too."""

    def __init__(self, file: Path | None, hide: Callable[[str], str], echo: Callable[[str], object] | None) -> None:
        self._file = file
        self._hide = hide
        self._echo = echo
        self._lock = threading.Lock()
        self._started = time.monotonic()

    def write(self, text: str) -> None:
        """Adds a line, or several, with the seconds since the run began."""
        line = self._hide(f"{time.monotonic() - self._started:9.3f}  {text}")
        with self._lock:
            if self._file:
                # A full disk must not end a run that could still go on.
                with suppress(OSError), self._file.open("a", encoding="utf-8") as output:
                    output.write(f"{line}\n")
            if self._echo:
                self._echo(line)

    def steps(self, then: Callable[[Progress], None]) -> Callable[[Progress], None]:
        """Writes each step that says something, and hands it on, unless what is written is shown already."""

        def step(progress: Progress) -> None:
            if progress.message:
                done = f"[{progress.done}/{'?' if progress.total is None else progress.total}] "
                self.write(f"{done}{progress.message}")
            if not self._echo:
                then(progress)

        return step

    def plan(self, plan: Preview) -> None:
        """What a run would change: the resources, without their values."""
        for drift in plan.drift:
            self.write(f"drift: {drift.type} {drift.name} was {drift.kind.value}")
        self.changes("plan", plan.changes)

    def changes(self, what: str, changes: tuple[ResourceChange, ...]) -> None:
        """Each change of a plan or a receipt, with the paths of the properties and not their values."""
        counts = {kind: sum(change.kind is kind for change in changes) for kind in ChangeKind}
        self.write(
            f"{what}: {', '.join(f'{number} {kind.value}' for kind, number in counts.items() if number) or 'none'}"
        )
        for change in changes:
            if change.kind is not ChangeKind.SAME:
                paths = ", ".join(each.path for each in change.properties)
                self.write(f"{what}: {change.kind.value} {change.urn}{f' ({paths})' if paths else ''}")


@contextmanager
def recorded(
    root: Path,
    verb: str,
    environment: str,
    *,
    versions: Mapping[str, str],
    echo: Callable[[str], object] | None = None,
) -> Iterator[RunLog]:
    """A log for the block, with the error that ends it. Where no file can be made there, the run goes on without."""
    log = RunLog(_create(root, verb, environment), redaction(root, os.environ), echo)
    log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {verb} {environment} in {root}, pid {os.getpid()}")
    log.write(f"arguments: {' '.join(sys.argv[1:])}")
    log.write(f"versions: {', '.join(f'{name} {number}' for name, number in versions.items())}; {sys.platform}")
    try:
        yield log
    except BaseException as error:
        if isinstance(error, EcsStackError):
            log.write(f"ended with exit code {error.exit_code}: {error.message}")
            for problem in error.problems:
                log.write(f"  {problem}")
        log.write("".join(traceback.format_exception(error)).rstrip())
        raise
    log.write("done")


def logs(root: Path) -> list[Path]:
    """The logs of a project, the oldest first."""
    return sorted((root / ".ecs-stack" / "logs").glob("*.log"))


def redaction(root: Path, environment: Mapping[str, str]) -> Callable[[str], str]:
    """What takes secrets out of a text: values of variables with telling names, the passphrase, and what looks so."""
    values = {value for name, value in environment.items() if _SECRET_NAMES.search(name)}
    with suppress(OSError):
        values.add((root / ".ecs-stack" / "passphrase").read_text().strip())
    # The longest first: one may hold another.
    known = sorted((value for value in values if len(value) >= _SHORTEST), key=len, reverse=True)

    def hide(text: str) -> str:
        for value in known:
            text = text.replace(value, _HIDDEN)
        for shape, hidden in _SHAPES:
            text = shape.sub(hidden, text)
        return text

    return hide


def _create(root: Path, verb: str, environment: str) -> Path | None:
    folder = root / ".ecs-stack" / "logs"
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    file = folder / f"{at}-{verb}-{environment}.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        for old in logs(root)[:-KEPT]:
            old.unlink(missing_ok=True)
    except OSError:
        return None
    return file
