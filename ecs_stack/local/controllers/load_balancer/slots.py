"""What changes while requests flow, kept out of Caddy's configuration: where a group's targets are, and weights.

A new configuration needs another Caddy (see ``routers``), which targets come and go too often for. So the
configuration names files, which Caddy reads for each request, and only rules and listeners are
in it: each target group has a number of slots, each slot a file with the address of a target. A request takes
the next slot in turn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from ecs_stack.local.controllers.load_balancer.model import Listener, Rule, forwards

#: Folder of the files, below Caddy's own.
FOLDER = "slots"
#: Divisible by 1, 2, 3, 4, 6, 8 and 12: that many targets get exactly equal shares, others nearly so.
SLOTS = 24
#: Servers of the router itself that answer for a group without targets, and for targets without an address.
NO_TARGETS = "unix/no-targets.sock"
NO_ANSWER = "unix/no-answer.sock"

#: As compared with eight hexadecimal digits: after all of them.
_ALWAYS = "g"


def count(targets: int) -> int:
    """How many slots a group of so many targets has."""
    return SLOTS * max(1, -(-targets // SLOTS))


def paths(group_arn: str, number: int) -> list[str]:
    """The files of a group's slots."""
    return [f"{FOLDER}/{_id(group_arn)}-{slot}" for slot in range(number)]


def addresses(group_arn: str, number: int, found: Sequence[str] | None) -> dict[str, str]:
    """What a group's slots hold: its targets in turn. ``found`` is None for a group without any, empty for
    one whose targets have no address."""
    cycle = [NO_TARGETS] if found is None else list(found) or [NO_ANSWER]
    return {path: cycle[slot % len(cycle)] for slot, path in enumerate(paths(group_arn, number))}


def weight_paths(listener: Listener, rule: Rule) -> list[str]:
    """The files of a rule's weights: one for each target group but the last."""
    key = _id(f"{listener.arn} {rule.priority}")
    return [f"{FOLDER}/{key}-weight-{index}" for index in range(len(forwards(rule.actions[-1])) - 1)]


def weights(listener: Listener, rule: Rule) -> dict[str, str]:
    """What they hold: a request goes to the first group whose limit is above the request's random number."""
    values = [weight for _, weight in forwards(rule.actions[-1])]
    total, passed, contents = sum(values), 0, {}
    for path, weight in zip(weight_paths(listener, rule), values, strict=False):
        passed += weight
        share = passed / total if total else 1.0
        contents[path] = _ALWAYS if share >= 1 else f"{int(share * 0x1_0000_0000):08x}"
    return contents


class SlotFiles:
    """The files, written only where they change, each replaced in one step."""

    def __init__(self, base: Path) -> None:
        self._base = base
        self._contents: dict[str, str] = {}

    def write(self, contents: Mapping[str, str]) -> None:
        """Make the files hold this; others stay as they are."""
        (self._base / FOLDER).mkdir(exist_ok=True)
        for path, content in contents.items():
            if self._contents.get(path) != content:
                replace(self._base / path, content)
                self._contents[path] = content

    def keep(self, wanted: Collection[str]) -> None:
        """Delete the files that ``wanted`` doesn't name."""
        for path in [path for path in self._contents if path not in wanted]:
            (self._base / path).unlink(missing_ok=True)
            del self._contents[path]


def replace(path: Path, content: str) -> None:
    """Write a file in one step: Caddy may read it at any moment."""
    temporary = path.with_name(f"{path.name}.tmp")
    temporary.write_text(content)
    temporary.replace(path)


def _id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]
