"""One exception tree. An error says what happened, why, and what to do now.

Exit codes (the same for every verb): 1 failed (the work was tried), 2 refused (nothing was touched),
4 rolled back. 0 (done) and 3 (changes are pending) are not errors.
"""

from __future__ import annotations


class EcsStackError(Exception):
    """The work was tried and failed.

    ``message`` says what happened and why in one sentence; ``hint`` says what to do now.
    """

    exit_code = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class RefusedError(EcsStackError):
    """Bad input or a missing precondition: nothing was touched."""

    exit_code = 2


class SpecError(RefusedError):
    """An environment file is wrong. ``problems`` has a line for each thing that is."""

    def __init__(self, message: str, *, problems: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.problems = problems


class EngineError(RefusedError):
    """No Pulumi engine of the pinned version was found, and none could be made."""


class DockerError(RefusedError):
    """No Docker engine answers, or an image that is needed isn't there."""


class ConfirmationError(RefusedError):
    """The user said no, or there was no terminal to ask on and no ``--yes``."""


class LockedError(RefusedError):
    """Another run holds the lock of this environment."""


class LocalCloudError(EcsStackError):
    """The local cloud didn't start, or died."""


class RolledBackError(EcsStackError):
    """A deployment didn't reach the revision that was asked for: ECS put the old one back."""

    exit_code = 4
