"""The command line: the app, and ``main``, the boundary at which every error becomes a message and an exit code."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from typing import Annotated, cast

import typer

from ecs_stack.commands import begin, change, ci, completion, ephemeral, local, look, process, state
from ecs_stack.errors import EcsStackError, InterruptedRunError, RefusedError
from ecs_stack.home import disk_problem

# Typer brings its own copy of click, in a place that moves: its exceptions are found by one that is public.
_ClickException = cast(
    type[typer.BadParameter],
    next(each for each in typer.BadParameter.__mro__ if each.__name__ == "ClickException"),
)

app = typer.Typer(
    name="ecs-stack",
    help="Amazon ECS environments as code: preview, apply, watch, destroy; on AWS or on this machine.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: loading rich would double the time of every command
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(begin.init)
app.command()(begin.doctor)
app.command()(begin.validate)
app.command()(state.bootstrap)
app.command()(change.preview)
app.command()(change.up)
app.command()(change.destroy)
app.command()(change.unlock)
app.command()(look.status)
app.command()(look.logs)
app.command("list")(look.list_)
app.command()(look.cost)
app.command()(look.outputs)
app.command()(look.schema)
app.command()(look.version)
app.add_typer(ephemeral.app, name="ephemeral")
app.add_typer(ci.app, name="ci")
app.add_typer(local.app, name="local")


def _say_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"ecs-stack {version('ecs-stack')}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print ecs-stack's version.")
    ] = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command; returns the exit code. Prints a traceback for bugs only.

    Without ``arguments`` it is the process's own command, and ends the process too.
    """
    if arguments is not None:
        return _run(arguments)
    process.collect_rarely()
    code = _run(sys.argv[1:])
    # All is said, and only threads are waited for: Ctrl-C ends that without a traceback.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return process.leave(code)


def _run(words: Sequence[str]) -> int:
    # gRPC's fork handlers log to stderr when the engine is started beside running servers; nothing here forks.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "false")
    try:
        with process.interruptible():
            code = int(app(list(words), prog_name="ecs-stack", standalone_mode=False) or 0)
        # Typer makes this of a Ctrl-C that nothing else handled. It is the way to end `logs --follow`: nothing to tell.
        if code == InterruptedRunError.exit_code and words[:1] != ["logs"]:
            raise InterruptedRunError("interrupted")
        # Now, and not when the process ends: what can't be written is a failure.
        sys.stdout.flush()
        return code
    except EcsStackError as error:
        return _report(error, words)
    except _ClickException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(error.format_message(), err=True)  # the help, which is no error of anybody's
            return RefusedError.exit_code
        return _report(_usage(error), words)
    except BrokenPipeError:
        # Whoever read stdout has seen enough. What is still buffered has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        problem = disk_problem(error)
        if problem:
            return _report(problem, words)
        _report_bug()
        return 1
    except Exception:
        _report_bug()
        return 1


def _report(error: EcsStackError, words: Sequence[str]) -> int:
    from ecs_stack.render.output import Output

    Output(json="--json" in words).error(error)
    return error.exit_code


def _usage(error: typer.BadParameter) -> RefusedError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "ecs-stack"
    # pydantic's words, which typer reads choices with.
    message, known = error.format_message().replace("Value error, ", ""), []
    if context and "argument 'ENV'" in message:
        known = completion.environments(context, "")
    there_are = f"There are: {', '.join(known)}. " if known else ""
    return RefusedError(message, hint=f"{there_are}`{command} --help` shows what it takes.")


def _report_bug() -> None:
    from ecs_stack.render.output import Output

    Output().bug()
