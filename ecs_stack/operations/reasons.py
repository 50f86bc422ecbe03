"""Why a task stopped, in words: from what DescribeTasks says (stopCode, stoppedReason, containers' exit codes).

Sources: "Stopped tasks error messages" and "Amazon ECS stopped task error codes" in the Amazon ECS Developer Guide;
exit codes above 128 are 128 + the signal's number (docker run, POSIX shells).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

_SIGNALS = {
    132: "an illegal instruction (SIGILL)",
    134: "an abort (SIGABRT)",
    135: "a bus error (SIGBUS)",
    136: "an arithmetic error (SIGFPE)",
    139: "a segmentation fault (SIGSEGV)",
}
_ERRORS = {
    "CannotPullContainerError": "the image couldn't be pulled",
    "CannotStartContainerError": "the container couldn't be started",
    "CannotCreateContainerError": "the container couldn't be created",
    "CannotInspectContainerError": "the container couldn't be inspected",
    "ContainerRuntimeTimeoutError": "the container runtime didn't answer in time",
    "ContainerRuntimeError": "the container runtime failed",
    "ResourceInitializationError": "what the task needs couldn't be set up",
    "DockerTimeoutError": "the container didn't start in time",
    "InternalError": "ECS failed",
    "OutOfMemoryError": "the container ran out of memory",
}
_STOPS = {
    "failed ELB health checks": "the load balancer's health checks failed",
    "failed container health checks": "the container's health checks failed",
    "SpotInterruption": "AWS took the Fargate Spot capacity back",
    "Task stopped by user": "stopped by a user",
}
_ERROR = re.compile(r"^(\w+Error): *(.*)$", re.DOTALL)
_DEPLOYMENT = re.compile(r"Scaling activity initiated by \(?deployment ([^)]+)\)?")


def exit_code(task: Mapping[str, Any]) -> int | None:
    """The exit code of the container that ended the task: the first essential-looking failure, or any code."""
    codes = [c["exitCode"] for c in task.get("containers", ()) if c.get("exitCode") is not None]
    return next((code for code in codes if code != 0), codes[0] if codes else None)


def stop_reason(task: Mapping[str, Any]) -> str:
    """One sentence without a full stop, such as ``container app exited with code 1``."""
    code, reason = task.get("stopCode") or "", (task.get("stoppedReason") or "").strip()
    containers: Sequence[Mapping[str, Any]] = task.get("containers", ())
    if code == "TaskFailedToStart" or _ERROR.match(reason):
        return _start_failure(reason, containers)
    if code == "EssentialContainerExited" and (ends := [container_reason(c) for c in containers]):
        return "; ".join(end for end in ends if end) or _lower(reason)
    if deployment := _DEPLOYMENT.search(reason):
        return f"replaced or no longer wanted (deployment {deployment[1]})"
    known = next((words for sign, words in _STOPS.items() if sign in (code, reason) or sign in reason), None)
    return known or _lower(reason) or _lower(code) or "no reason was given"


def container_reason(container: Mapping[str, Any]) -> str | None:
    """How one container ended; None if it is still running or gave no sign of an end."""
    name, code, reason = container.get("name", "?"), container.get("exitCode"), container.get("reason") or ""
    if code is None:
        return f"container {name}: {_error(reason)}" if reason else None
    if "OutOfMemory" in reason:
        return f"container {name} ran out of memory and was killed (exit code {code})"
    match code:
        case 0:
            end = "ended by itself (exit code 0)"
        case 126:
            end = "has a command that isn't executable (exit code 126)"
        case 127:
            end = "has a command that wasn't found (exit code 127)"
        case 137:
            end = "was killed (SIGKILL, exit code 137)"
        case 143:
            end = "ended when asked to stop (SIGTERM, exit code 143)"
        case _ if code in _SIGNALS:
            end = f"crashed with {_SIGNALS[code]}, exit code {code}"
        case _:
            end = f"exited with code {code}"
    return f"container {name} {end}" + (f": {_error(reason)}" if reason else "")


def _start_failure(reason: str, containers: Sequence[Mapping[str, Any]]) -> str:
    if reason and not reason.startswith("Task failed to start"):
        return _error(reason)
    return next((_error(c["reason"]) for c in containers if c.get("reason")), "the task failed to start")


def _error(reason: str) -> str:
    found = _ERROR.match(reason.strip())
    if not found:
        return _lower(reason.strip())
    words = _ERRORS.get(found[1], found[1])
    return f"{words}: {found[2].strip()}" if found[2].strip() else words


def _lower(text: str) -> str:
    """Lower-cases the first letter of a sentence, not of a name in capitals."""
    return text[0].lower() + text[1:] if len(text) > 1 and text[1].islower() else text
