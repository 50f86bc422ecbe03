"""What is wrong with an argument of a component."""

from __future__ import annotations


class ArgumentError(ValueError):
    """An argument is wrong. ``path`` is its place as the engine writes it, for example
    ``subnetSpecs[1].cidrMask``."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason
