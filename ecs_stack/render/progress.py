"""Progress of long work on stderr: a live line on a terminal, plain lines otherwise."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.text import Text

from ecs_stack.render.words import duration
from ecs_stack.results import Progress

#: Seconds of silence after which plain output says what it waits for.
SILENCE = 20.0


class Steps(ABC):
    """Takes the steps of one long work, from any thread."""

    @abstractmethod
    def __call__(self, step: Progress) -> None:
        """Shows a step."""

    @abstractmethod
    @contextmanager
    def paused(self) -> Iterator[None]:
        """A block in which something else is printed or asked."""


@contextmanager
def shown(console: Console) -> Iterator[Steps]:
    """A block of long work."""
    if console.is_terminal and not console.is_dumb_terminal:
        live = _LiveLine(console)
        with live.display:
            yield live
    else:
        plain = _PlainLines(console)
        try:
            yield plain
        finally:
            plain.close()


def live_text(step: Progress, elapsed: float) -> Text:
    """``12 of 34  41 s  Service api, Listener dev``, cut at the terminal's width; no count before there is one."""
    done = f"{step.done or ''}" if step.total is None else f"{step.done} of {step.total}"
    waiting = ", ".join(step.waiting_for) or step.message
    text = "  ".join(part for part in (done, duration(elapsed), waiting) if part)
    return Text(text, no_wrap=True, overflow="ellipsis")


def plain_text(step: Progress) -> str | None:
    """The line for a step that is worth one: something ended or was said. None for what only begins."""
    if not step.message or any(step.message.endswith(waiting) for waiting in step.waiting_for):
        return None
    done = f"[{step.done}/{step.total}] " if step.total is not None else ""
    return f"{done}{step.message}"


class _LiveLine(Steps):
    def __init__(self, console: Console) -> None:
        self.display = Live(self, console=console, refresh_per_second=8, transient=True)
        self._spinner = Spinner("dots")
        self._step = Progress(message="starting")
        self._started = time.monotonic()

    def __call__(self, step: Progress) -> None:
        # A step without a message of its own keeps the last one.
        self._step = step if step.message else replace(step, message=self._step.message)

    @contextmanager
    def paused(self) -> Iterator[None]:
        self.display.stop()
        try:
            yield
        finally:
            self._step, self._started = Progress(message="starting"), time.monotonic()
            self.display.start()

    def __rich__(self) -> Text:
        # One line: a spinner with its own text would wrap it.
        now = time.monotonic()
        line = Text(no_wrap=True, overflow="ellipsis")
        line.append(str(self._spinner.render(now)))
        return line.append(" ").append_text(live_text(self._step, now - self._started))


class _PlainLines(Steps):
    def __init__(self, console: Console) -> None:
        self._console = console
        self._lock = threading.Lock()
        self._last = ""
        self._step: Progress | None = None
        self._started = self._spoke = time.monotonic()
        self._closed = threading.Event()
        threading.Thread(target=self._break_silence, daemon=True).start()

    def __call__(self, step: Progress) -> None:
        with self._lock:
            self._step = step
            text = plain_text(step)
            if text and text != self._last:
                self._last = text
                self._say(text)

    @contextmanager
    def paused(self) -> Iterator[None]:
        with self._lock:
            self._step = None
            yield

    def close(self) -> None:
        self._closed.set()

    def _break_silence(self) -> None:
        while not self._closed.wait(1):
            with self._lock:
                quiet = time.monotonic() - self._spoke > SILENCE
                if quiet and self._step and self._step.waiting_for:
                    elapsed = duration(time.monotonic() - self._started)
                    self._say(f"waiting for {', '.join(self._step.waiting_for)} ({elapsed})")

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        self._console.print(Text(text), soft_wrap=True)
