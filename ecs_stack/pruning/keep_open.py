"""Which pull requests are open, as somebody says it or as a forge does; and whether an environment is one's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ecs_stack.ci import forges
from ecs_stack.ci.forges import Forge
from ecs_stack.rules.ephemeral import name_of_branch

#: As the pipelines of `ecs-stack ci` name previews.
_NUMBERED = re.compile(r"(?:pr|mr)-(\d+)", re.ASCII)
_NUMBER = re.compile(r"[#!]?(\d+)", re.ASCII)
_LAST_NUMBER = re.compile(r"(?:.*-)?0*(\d+)", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class OpenRequests:
    """``names`` are of branches and of environments. ``branches``: the branches of all of them are among these."""

    numbers: frozenset[int] = frozenset()
    names: frozenset[str] = frozenset()
    branches: bool = False

    def has(self, name: str, branch: str | None) -> bool | None:
        """Whether the pull request of the environment ``name``, made for ``branch``, is open. None if it has none, or
        this can't tell. In doubt it is open."""
        known = self.names | {name_of_branch(each) for each in self.names}
        found = _LAST_NUMBER.fullmatch(name)
        if name in known or branch in self.names or (found and int(found[1]) in self.numbers):
            return True
        if _NUMBERED.fullmatch(name) or (branch is not None and self.branches):
            return False
        return None


@dataclass(frozen=True)
class KeepOpen:
    """What is to be kept: what was said, and the forges that are to be asked."""

    said: OpenRequests
    forges: tuple[Forge, ...]

    def resolve(self) -> OpenRequests:
        """All that is open. Raises EcsStackError if a forge doesn't say all of it."""
        asked = [each for forge in self.forges for each in forge.open_pull_requests()]
        return OpenRequests(
            numbers=self.said.numbers | {each.number for each in asked},
            names=self.said.names | {each.branch for each in asked},
            branches=self.said.branches or bool(self.forges),
        )


def read(items: Sequence[str], variables: Mapping[str, str]) -> KeepOpen:
    """What ``items`` say: each is the name of an environment or a branch, a number, or a forge's repository
    (``github:OWNER/REPOSITORY``, ``gitlab:GROUP/PROJECT``), whose token is in ``variables``.

    Raises RefusedError for a repository that can't be one, or without a token for it.
    """
    numbers: set[int] = set()
    names: set[str] = set()
    asked: list[Forge] = []
    branches = False
    for item in items:
        if ":" in item:  # no branch has one
            asked.append(forges.named(item, variables))
        elif found := _NUMBER.fullmatch(item):
            numbers.add(int(found[1]))
        else:
            names.add(item)
            if found := _NUMBERED.fullmatch(item):
                numbers.add(int(found[1]))
            else:
                branches = True
    return KeepOpen(OpenRequests(numbers=frozenset(numbers), names=frozenset(names), branches=branches), tuple(asked))
