"""What the verbs of `ecs-stack ci` return; see ``results``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FileState(StrEnum):
    """A pipeline file beside what would be written today. ``yours`` are written once, and are the project's then."""

    NEW = "new"
    CURRENT = "current"
    CHANGED = "changed"
    YOURS = "yours"


@dataclass(frozen=True, kw_only=True)
class CiFile:
    """A file of the pipelines, as it was found. ``diff`` is a unified one to what would be written today, by line."""

    path: str
    state: FileState
    diff: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CiReceipt:
    """The pipeline files of a checkout. ``current``: all of them say what they should; so they do once ``written``.

    ``next`` is what only a person can do.
    """

    forge: str
    written: bool
    current: bool
    files: tuple[CiFile, ...]
    next: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CommentReceipt:
    """A comment on a pull request. ``created`` is whether it is new: there is one, and later runs change it."""

    environment: str
    forge: str
    url: str
    created: bool


@dataclass(frozen=True, kw_only=True)
class OpenPreviews:
    """What the previews of the pull requests that are open are called, whether they are there or not."""

    forge: str
    names: tuple[str, ...]
