"""One exception tree. An error says what happened, why, and what to do now.

Exit codes (the same for every verb): 1 failed (the work was tried), 2 refused (nothing was touched), 4 rolled back,
130 interrupted. 0 (done) and 3 (changes are pending) are not errors.
"""

from __future__ import annotations

from typing import Any


class EcsStackError(Exception):
    """The work was tried and failed.

    ``message`` says what happened and why in one sentence; ``hint`` says what to do now; ``problems`` has a line for
    each thing that is wrong, where there are several.
    """

    exit_code = 1

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.problems = problems
        self.hint = hint


class UpdateFailedError(EcsStackError):
    """The engine changed some resources, or none, and then failed. ``problems`` names each resource that failed, with
    the provider's own words."""


class InterruptedRunError(EcsStackError):
    """A run was stopped: by Ctrl-C, or by a ``Cancellation``. The message says what was done until then.

    ``changes`` has each ``results.ResourceChange`` that was made, ``problems`` a line for each resource that was begun
    and isn't finished. What was done stays done, and the next run goes on from there.
    """

    exit_code = 130

    def __init__(
        self,
        message: str,
        *,
        problems: tuple[str, ...] = (),
        hint: str | None = None,
        changes: tuple[Any, ...] = (),
    ) -> None:
        super().__init__(message, problems=problems, hint=hint)
        self.changes = changes


class RefusedError(EcsStackError):
    """Bad input or a missing precondition: nothing was touched."""

    exit_code = 2


class SpecError(RefusedError):
    """An environment file is wrong. ``problems`` has a line for each thing that is."""


class NotFoundError(RefusedError):
    """There is no such environment, stack or service."""


class EngineError(RefusedError):
    """No Pulumi engine of the pinned version was found, and none could be made; or it can't read its state."""


class DockerError(RefusedError):
    """No Docker engine answers, or an image that is needed isn't there."""


class ConfirmationError(RefusedError):
    """The user said no, or there was no terminal to ask on and no ``--yes``."""


class LockedError(RefusedError):
    """Another run holds the lock of this environment, or a deployment of a service is in flight."""


class LocalCloudError(EcsStackError):
    """The local cloud didn't start, or died."""


class DeploymentFailedError(EcsStackError):
    """A service doesn't run the revision that was asked for.

    ``receipt`` is the ``results.UpReceipt`` of the run, which did change what it says.
    """

    def __init__(
        self, message: str, *, problems: tuple[str, ...] = (), hint: str | None = None, receipt: Any = None
    ) -> None:
        super().__init__(message, problems=problems, hint=hint)
        self.receipt = receipt


class PruneFailedError(EcsStackError):
    """Something that was to go is still there, or it couldn't be told whether it has to.

    ``receipt`` is the ``pruning.results.PruneReceipt`` of the run, which did take away what it says.
    """

    def __init__(self, message: str, *, problems: tuple[str, ...], hint: str | None, receipt: Any) -> None:
        super().__init__(message, problems=problems, hint=hint)
        self.receipt = receipt


class RolledBackError(DeploymentFailedError):
    """A deployment didn't reach the revision that was asked for: ECS put the old one back."""

    exit_code = 4
