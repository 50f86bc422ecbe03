"""The engine's own folder (PULUMI_HOME), for runs that need nothing of the user's: no plugin, nor who is signed in."""

from __future__ import annotations

from pathlib import Path


def make(below: Path) -> Path:
    """The folder, made if need be. The engine writes no logs there: a file has the name of their folder.

    An engine keeps a log of every run, up to 200 KB each and 500 MB in all, and looks through all of them whenever it
    starts (pkg/v3/logging of engine 3.259): a tenth of a preview (benchmarks/README.md). A run's log of ours is in
    ``.ecs-stack/logs``.
    """
    home = below / "engine"
    home.mkdir(parents=True, exist_ok=True)
    (home / "logs").touch()
    return home
