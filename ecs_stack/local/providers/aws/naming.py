"""Names that pulumi-aws makes up: the logical name, a dash and seven hex digits.

Source: https://www.pulumi.com/docs/concepts/resources/names/ and, for AWS's limits, pulumi-aws's
provider/resources.go. Like the real one, it refuses a logical name that leaves no room.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

_DIGITS = 7


@dataclass(frozen=True)
class Autoname:
    """How a type is named when its program gives no name: AWS's limit in characters, and the property."""

    limit: int
    field: str = "name"

    def make(self, logical: str, seed: bytes, prefix: str | None = None) -> str:
        """A new name, from the logical one or from a ``namePrefix``; ValueError if it would be too long.

        The engine's seed makes a preview and the update after it agree; without one the digits are random.
        """
        digits = hashlib.sha256(seed).hexdigest()[:_DIGITS] if seed else secrets.token_hex(4)[:_DIGITS]
        stem = f"{logical}-" if prefix is None else prefix
        if len(stem) + _DIGITS > self.limit:
            raise ValueError(f"name {stem!r} plus {_DIGITS} random chars is longer than maximum length {self.limit}")
        return stem + digits
