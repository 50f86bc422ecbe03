"""One run of the engine, which can be cancelled and then finishes what it is doing.

The SDK's own runner starts the engine in the terminal's process group and leaves it behind when Python is
interrupted, with its program and its providers gone. This one keeps the engine out of the group, interrupts it when the
run is cancelled (it then finishes the operations in flight, saves its state and releases its lock) and waits. Cancelled
once more, it gives up on those operations. Ctrl-C, where it reaches the thread that waits, cancels the run.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import pulumi.automation as auto
from pulumi.automation.errors import create_command_error
from semver import VersionInfo

from ecs_stack.automation.engine import Engine
from ecs_stack.cancellation import Cancellation

OnLine = Callable[[str], object]

#: The engine collects its garbage when it has made twice as much as it keeps, not as soon as it has made as much (Go's
#: default, 100): 4 % less CPU time for about 20 MiB. The user's own setting wins.
_GOGC = "200"
#: How often the waiting thread looks up, so that a signal is handled at once on every platform. Seconds.
_TICK = 0.5


class EngineCommand(auto.PulumiCommand):
    """The SDK's command, bound to an engine and to a whole process environment (os.environ isn't read).

    A run that is cancelled ends by itself; its own error then tells how. ``killed`` is the signal that ended the last
    engine, if one did.
    """

    def __init__(self, engine: Engine, environment: Mapping[str, str], cancellation: Cancellation) -> None:
        # Not super().__init__(): it starts the engine once more, to ask for the version that is known here.
        self.command = str(engine.root / "bin" / "pulumi")
        self.version = VersionInfo.parse(engine.version)
        self.cancellation = cancellation
        self.killed: signal.Signals | None = None
        self._environment = dict(environment)
        self._environment["PATH"] = os.pathsep.join(
            [str(Path(self.command).parent), environment.get("PATH", os.defpath)]
        )

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: OnLine | None = None,
        on_error: OnLine | None = None,
    ) -> auto.CommandResult:
        """Runs the engine to its end. Raises the SDK's CommandError."""
        process = subprocess.Popen(
            [self.command, "--non-interactive", *args],
            cwd=cwd,
            env={"GOGC": _GOGC, **self._environment, **additional_env, "PULUMI_AUTOMATION_API": "true"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )
        stdout, stderr = _Reader(process.stdout, on_output), _Reader(process.stderr, on_error)

        def interrupt() -> None:
            with suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)

        with self.cancellation.calling(interrupt):
            self._wait(process, stdout)
        result = auto.CommandResult(stdout.text(), stderr.text(), process.returncode)
        self.killed = signal.Signals(-process.returncode) if process.returncode < 0 else None
        if process.returncode != 0:
            raise create_command_error(result)
        return result

    def _wait(self, process: subprocess.Popen[str], stdout: _Reader) -> None:
        """The end of its output is known at once; a wait for the process with a limit only looks every 50 ms."""
        while process.poll() is None:
            try:
                stdout.join(_TICK)
                if not stdout.is_alive():
                    with suppress(subprocess.TimeoutExpired):
                        process.wait(_TICK)
            except KeyboardInterrupt:
                self.cancellation.cancel()


class _Reader(threading.Thread):
    """Drains one stream of the engine, so that it never blocks on a full pipe."""

    def __init__(self, stream: IO[str] | None, on_line: OnLine | None) -> None:
        super().__init__(daemon=True)
        self._stream = stream
        self._on_line = on_line
        self._lines: list[str] = []
        self.start()

    def run(self) -> None:
        if self._stream is None:
            return
        with self._stream:
            for line in self._stream:
                self._lines.append(line.rstrip())
                if self._on_line:
                    self._on_line(line.rstrip())

    def text(self) -> str:
        self.join()
        return "\n".join(self._lines)
