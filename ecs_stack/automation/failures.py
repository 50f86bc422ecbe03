"""The one place where the SDK's CommandError becomes an error of ours.

The SDK tells failures apart by matching the engine's output; so does this, on texts of pinned engine versions
(pkg/backend/diy/lock.go, sdk/go/common/workspace/plugins.go, pkg/secrets/passphrase).
"""

from __future__ import annotations

import re
import signal
from datetime import datetime

import pulumi.automation as auto

from ecs_stack.automation import plugins
from ecs_stack.automation.events import Problem, Recorder
from ecs_stack.automation.locks import clock
from ecs_stack.errors import (
    EcsStackError,
    EngineError,
    InterruptedRunError,
    LockedError,
    RefusedError,
    UpdateFailedError,
)
from ecs_stack.results import ChangeKind, ResourceChange
from ecs_stack.rules import passing_errors

_ANY_LOCK = re.compile(r": created by (?P<who>.+@.+ \(pid \d+\)) at (?P<at>\S+)")
_NEWER_STATE = re.compile(
    "unsupported checkpoint version|not supported by this version of the Pulumi CLI|newer than what this version"
)
#: What AWS said to the engine's own requests, for the state (S3) and for its secrets (KMS).
_AWS = re.compile(
    r"operation error (?:S3|KMS): (?P<operation>\w+), (?:.*?, )?"
    r"(?:api error )?(?P<code>(?!RequestID|HostID)[A-Z]\w+): (?P<words>[^\n]*)"
)
_NO_CREDENTIALS = re.compile(r"get credentials: |failed to retrieve credentials|no EC2 IMDS role found")
#: What the engine says of calls in flight when it ends because of another failure.
_CLOSING = ("grpc: the client connection is closing", "resource monitor shut down")
#: Linux ends the largest process where memory runs out.
_MEMORY = "Where nobody did that, the machine has run out of memory (`dmesg` says so)."
_PREFIX = re.compile(r"^(?:stderr:\s*)?(?:error:\s*)+")


def interruption(environment: str, doing: str, recorder: Recorder) -> InterruptedRunError:
    """What a run that was stopped has done, and what it hasn't."""
    if doing not in ("up", "destroy", "refresh"):
        return InterruptedRunError(f"the {doing} of {environment} was interrupted: nothing was touched")
    begun = tuple(f"{resource}: begun and not finished" for resource in recorder.unfinished)
    return InterruptedRunError(
        f"the {doing} of {environment} was interrupted: {_done(recorder)}",
        problems=(*begun, *(_line(p) for p in _causes(recorder.problems))),
        hint=f"The state knows what was done. Run `ecs-stack {doing} {environment}` again to go on.",
        changes=_changed(recorder),
    )


def engine_killed(environment: str, doing: str, number: signal.Signals, recorder: Recorder) -> UpdateFailedError:
    """What a run has done whose engine was ended by a signal, and no user's."""
    message = f"the engine was killed ({number.name}) in the middle of the {doing} of {environment}"
    if doing not in ("up", "destroy", "refresh"):
        return UpdateFailedError(f"{message}: nothing was touched", hint=f"{_MEMORY} Run it again.")
    return UpdateFailedError(
        f"{message}: {_done(recorder)} that it told of",
        problems=tuple(_line(p) for p in _causes(recorder.problems)),
        hint=f"{_MEMORY} Run `ecs-stack {doing} {environment}` again: it first looks for what was made and not "
        "written down, and goes on from there.",
    )


def translate(error: auto.CommandError, *, environment: str, doing: str, recorder: Recorder) -> EcsStackError:
    """What the failure of a run means to the user. ``doing`` names the verb: "up", "preview" or "destroy"."""
    text = str(error)
    if isinstance(error, auto.ConcurrentUpdateError):
        return _locked(error, environment)
    if "incorrect passphrase" in text or "passphrase must be set" in text:
        return EngineError(
            f"the state of {environment} can't be decrypted: the passphrase is not the right one",
            hint="Put the right one into .ecs-stack/passphrase, or set PULUMI_CONFIG_PASSPHRASE_FILE.",
        )
    if _NEWER_STATE.search(text):
        return _newer(environment)
    if not recorder.touched and (refusal := _refused(text, environment)):
        return refusal
    causes = _causes(recorder.problems)
    told = "\n".join((text, *(problem.message for problem in causes)))
    if not recorder.touched and (without_plugin := plugins.missing(told)):
        return without_plugin
    lines = tuple(_line(p) for p in causes) or (_last_error(text),)
    hint = _hint(doing, environment, recorder)
    if any(passing_errors.is_passing(line) for line in lines):
        hint = " ".join(filter(None, (passing_errors.LATER, hint)))
    if len(lines) == 1:
        return UpdateFailedError(f"the {doing} of {environment} failed: {lines[0]}", hint=hint)
    message = f"the {doing} of {environment} failed, {len(lines)} errors"
    return UpdateFailedError(message, problems=lines, hint=hint)


def unreadable(error: auto.CommandError, *, environment: str, place: str) -> RefusedError:
    """A state that the engine couldn't look at: nothing was touched. ``place`` says where it is."""
    if found := _refused(str(error), environment):
        return found
    if _NEWER_STATE.search(str(error)):
        return _newer(environment)
    return RefusedError(
        f"the state of {environment} can't be read from {place}: {_last_error(str(error))}",
        hint="Correct `state` in the environment file, or PULUMI_BACKEND_URL; both are in docs/state.md.",
    )


def _refused(text: str, environment: str) -> RefusedError | None:
    """Why the engine couldn't get at the state, or at the key for it, if the text is about that."""
    if "PULUMI_ACCESS_TOKEN" in text or "[401]" in text:
        return RefusedError(
            f"Pulumi Cloud, where the state of {environment} is kept, doesn't know who you are",
            hint="Set PULUMI_ACCESS_TOKEN, or sign in: `pulumi login`.",
        )
    if "unable to open state directory" in text:
        return RefusedError(
            f"the folder for the state of {environment} can't be used: {_last_error(text)}",
            hint="Make the folder, or mount it; or correct `state` in the environment file.",
        )
    what = "the key" if "KMS" in text else "the bucket"
    if _NO_CREDENTIALS.search(text):
        return RefusedError(
            f"AWS doesn't know who you are: there are no credentials for {what} of the state of {environment}",
            hint="Set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or sign in (`aws sso login`).",
        )
    if found := _AWS.search(text):
        return RefusedError(
            f"{what} of the state of {environment} can't be used: {found['operation']} failed: "
            f"{found['code']}: {found['words'].rstrip('.')}",
            hint=f"`ecs-stack bootstrap {environment}` makes what is missing; or correct `state` in the environment "
            "file, or the credentials' permissions.",
        )
    return None


def _newer(environment: str) -> EngineError:
    return EngineError(
        f"the state of {environment} was written by a newer engine than this one",
        hint="Use that version of ecs-stack and its engine, or newer ones: `pip install --upgrade ecs-stack`.",
    )


def _locked(error: auto.CommandError, environment: str) -> LockedError:
    found = _ANY_LOCK.search(str(error))
    return locked(environment, f"{found['who']} since {_at(found['at'])}" if found else None)


def locked(environment: str, holder: str | None) -> LockedError:
    """What somebody is told whose run found a lock. ``holder`` says who holds it and since when, if that is known."""
    return LockedError(
        f"the state of {environment} is locked{f' by {holder}' if holder else ''}: another run is changing it",
        hint=f"Wait until that run ends (`--wait` does). If it is gone for good, `ecs-stack unlock {environment}` "
        "removes its lock.",
    )


def _at(at: str) -> str:
    try:
        return clock(datetime.fromisoformat(at))
    except ValueError:
        return at


def _causes(problems: list[Problem]) -> list[Problem]:
    """Without the engine's own echoes of a failure ("update failed", the end of what it talked to)."""
    echoes = ("update failed", "preview failed", "destroy failed", "update canceled")
    causes = [p for p in problems if p.message not in echoes]
    first = [p for p in causes if not p.message.endswith(_CLOSING)]
    return list(dict.fromkeys(first or causes))


def _line(problem: Problem) -> str:
    """The provider's words, without a traceback."""
    text = problem.message.split("Traceback (most recent call last)")[0].strip()
    text = text.removeprefix("an unhandled error occurred: ")
    text = " ".join(line.strip() for line in text.splitlines() if line.strip())
    text = _PREFIX.sub("", text)
    return f"{problem.resource}: {text}" if problem.resource else text


def _last_error(text: str) -> str:
    errors = [line.strip() for line in text.splitlines() if line.strip().startswith("error:")]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return _PREFIX.sub("", (errors or lines or ["the engine said nothing"])[-1])


def _done(recorder: Recorder) -> str:
    made, pending = len(_changed(recorder)), recorder.pending
    if pending is not None and pending >= made:
        return f"{made} of {pending} changes were made"
    return f"{made} changes were made" if made != 1 else "1 change was made"


def _changed(recorder: Recorder) -> tuple[ResourceChange, ...]:
    return tuple(change for change in recorder.changes() if change.kind is not ChangeKind.SAME)


def _hint(doing: str, environment: str, recorder: Recorder) -> str | None:
    if doing == "preview" or not recorder.touched:
        return None
    again = f"Run `ecs-stack {doing} {environment}` again once the cause is gone."
    return f"{_done(recorder).capitalize()} before that. {again}"
