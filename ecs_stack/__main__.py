"""The Pulumi program that plain ``pulumi preview`` and ``pulumi up`` run in a checkout.

Pulumi.yaml names this folder as the program, and Python then puts the folder itself on the module path, where
our ``local`` or ``spec`` would pass for top-level modules. The project's root takes its place.
"""

from __future__ import annotations

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE.parent
sys.path[:] = [str(_ROOT), *(entry for entry in sys.path if Path(entry or ".").resolve() != _PACKAGE)]

from ecs_stack import plain  # noqa: E402

if __name__ == "__main__":
    plain.run(_ROOT)
