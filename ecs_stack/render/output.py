"""The only code that prints: data to stdout, everything else to stderr."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType
from rich.text import Text

from ecs_stack.ci_results import CiReceipt, CommentReceipt, OpenPreviews
from ecs_stack.costs import Cost
from ecs_stack.ephemeral_results import EphemeralReceipt, EphemeralSummary, ExtendReceipt
from ecs_stack.errors import (
    ConfirmationError,
    DeploymentFailedError,
    EcsStackError,
    InterruptedRunError,
    PruneFailedError,
)
from ecs_stack.outputs import StackOutputs
from ecs_stack.pruning.results import PruneReceipt
from ecs_stack.render import begin, changes, ci, cost, documents, ephemeral, progress, pruning, receipts, status
from ecs_stack.render.progress import Steps
from ecs_stack.render.words import sentence
from ecs_stack.results import (
    BootstrapReceipt,
    DestroyReceipt,
    DoctorReport,
    EnvironmentStatus,
    EnvironmentSummary,
    InitReceipt,
    LocalStatus,
    LogLine,
    Preview,
    ResetReceipt,
    UnlockReceipt,
    UpReceipt,
    ValidEnvironment,
)

#: Columns where there is no terminal to fit into: nothing is wrapped for who reads a pipe.
WIDE = 10_000


class Output:
    """Prints results for people, or with ``json`` exactly one JSON document (for log lines, one a line)."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self._out = _console(sys.stdout)
        self._err = _console(sys.stderr)

    def preview(self, preview: Preview) -> None:
        self._show(preview, *_plan(preview))

    def plan(self, preview: Preview) -> None:
        """A preview that a question follows: no data, so not on stdout."""
        self._print(self._err, *_plan(preview))

    def up(self, receipt: UpReceipt) -> None:
        self._show(receipt, *receipts.up(receipt))

    def destroy(self, receipt: DestroyReceipt) -> None:
        self._show(receipt, *receipts.destroy(receipt))

    def unlock(self, receipt: UnlockReceipt) -> None:
        self._show(receipt, *receipts.unlock(receipt))

    def status(self, found: EnvironmentStatus) -> None:
        self._show(found, status.environment(found))

    def environments(self, found: Sequence[EnvironmentSummary]) -> None:
        self._show(found, status.environments(found))

    def cost(self, found: Cost) -> None:
        self._show(found, *cost.cost(found))

    def outputs(self, found: StackOutputs) -> None:
        self._show(found, status.outputs(found))

    def ephemeral_up(self, receipt: EphemeralReceipt) -> None:
        self._show(receipt, *ephemeral.up(receipt))

    def ephemeral_extend(self, receipt: ExtendReceipt) -> None:
        self._show(receipt, *ephemeral.extend(receipt))

    def ephemeral_list(self, found: Sequence[EphemeralSummary]) -> None:
        self._show(found, ephemeral.environments(found, datetime.now(UTC)))

    def prune(self, receipt: PruneReceipt) -> None:
        self._show(receipt, *pruning.prune(receipt))

    def logs(self, lines: Iterable[LogLine], *, several: bool) -> None:
        for line in lines:
            text = Text(documents.line(line)) if self.json else status.log_line(line, service=several)
            self._print(self._out, text)
            sys.stdout.flush()

    def bootstrap(self, receipt: BootstrapReceipt) -> None:
        self._show(receipt, *receipts.bootstrap(receipt))

    def ci(self, receipt: CiReceipt) -> None:
        self._show(receipt, *ci.files(receipt))

    def commented(self, receipt: CommentReceipt) -> None:
        self._show(receipt, *ci.comment(receipt))

    def open_previews(self, found: OpenPreviews) -> None:
        self._show(found, *ci.open_previews(found))

    def local_status(self, found: LocalStatus) -> None:
        self._show(found, status.local(found))

    def reset(self, receipt: ResetReceipt) -> None:
        self._show(receipt, *receipts.reset(receipt))

    def init(self, receipt: InitReceipt) -> None:
        self._show(receipt, *begin.init(receipt, here=Path.cwd() == Path(receipt.root)))

    def doctor(self, report: DoctorReport) -> None:
        self._show(report, *begin.doctor(report))

    def valid(self, found: Sequence[ValidEnvironment]) -> None:
        self._show(found, *begin.valid(found))

    def facts(self, found: Mapping[str, Any], text: str) -> None:
        """A small result that has no type of its own."""
        self._show(found, Text(text))

    def say(self, text: str) -> None:
        """Something to know that is no data."""
        self._print(self._err, Text(text))

    def progress(self) -> AbstractContextManager[Steps]:
        """A block of long work; what it yields takes each step."""
        return progress.shown(self._err)

    def error(self, error: EcsStackError) -> None:
        """What happened and why, and what to do now."""
        if self.json:
            self._out.file.write(documents.document(documents.failure(error)) + "\n")
        elif isinstance(error, DeploymentFailedError) and error.receipt:
            self.up(error.receipt)
        elif isinstance(error, PruneFailedError):
            self.prune(error.receipt)
        head = Text("Error: ", style="bold red").append(sentence(error.message), style="not bold default")
        problems = [Text(f"  {problem}") for problem in error.problems]
        self._print(self._err, head, *problems, *([Text(error.hint)] if error.hint else ()))

    def bug(self) -> None:
        """The traceback of the exception that is being handled: nobody foresaw it."""
        self._err.file.write(traceback.format_exc())
        self.say("This is a bug in ecs-stack. Please report it, with the lines above. In a project,")
        self.say("`ecs-stack doctor --report` packs what helps to find it.")

    def require_terminal(self, *, instead: str) -> None:
        """Refuses what would have to ask a question that nobody can answer."""
        if not sys.stdin.isatty():
            raise ConfirmationError(
                "this asks for a confirmation, and there is no terminal to ask on",
                hint=f"Confirm it with {instead}.",
            )

    def confirm(self, question: str, *, answers: Sequence[str]) -> None:
        """Asks on the terminal; raises ConfirmationError on any other answer."""
        self._err.print(Text(f"{question} "), end="")
        self._err.file.flush()
        try:
            answer = sys.stdin.readline().strip()
        except KeyboardInterrupt as error:
            self._err.print()
            raise InterruptedRunError("interrupted: nothing was touched") from error
        if answer not in answers:
            raise ConfirmationError("not confirmed: nothing was touched")

    def _show(self, value: Any, *lines: RenderableType) -> None:
        if self.json:
            self._out.file.write(documents.document(value) + "\n")
        else:
            self._print(self._out, *lines)

    @staticmethod
    def _print(console: Console, *lines: RenderableType) -> None:
        for line in lines:
            # A line of text is the terminal's to wrap: rich would break words, and lines that others grep.
            console.print(line, soft_wrap=isinstance(line, Text))


def _plan(preview: Preview) -> list[RenderableType]:
    lines: list[RenderableType] = [*changes.drift(preview.drift), *changes.tree(preview.changes)]
    summary = changes.summary(preview.summary)
    priced = [cost.change(preview.cost)] if preview.cost else []
    if not preview.summary.pending:
        outputs = "; its outputs change" if preview.outputs_changed else ""
        same = Text(f"{preview.environment}: nothing to change ({summary}){outputs}")
        return [*changes.drift(preview.drift), same, *priced]
    return [*lines, Text(f"{preview.environment}: {summary}", style="bold"), *priced]


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else WIDE
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)
