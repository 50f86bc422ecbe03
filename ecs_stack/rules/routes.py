"""Listener rules: which requests a route takes, and in which order the load balancer tries them.

A load balancer takes the first rule that matches, by priority. Specific routes have to come before general
ones, and a service that is added must not move the others' priorities. So each degree of specificity has a
band of priorities, and a route's place in its band follows from its service's name.

Ephemeral environments add their rules to their host's listener (docs/adr/0009). Their host names are exact, and have to
come before all that the host answers, so the first half of the priorities is theirs. A host never takes one of those,
and so never meets one that is taken.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/listener-rules.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache

MAX_PRIORITY = 50_000
#: Ephemeral environments' rules have the priorities up to this one; bands begin after it.
LAST_EPHEMERAL = 25_000
ANY_PATH = "/*"

#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
_MAX_PATTERN = 128
_PATH = re.compile(r"/[A-Za-z0-9_.$/~\"'@:+&*?-]*")
_HOST = re.compile(r"[A-Za-z0-9.*?-]+")
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
_MAX_WILDCARDS = 5

#: Paths with more literal characters than this share a band.
_LONGEST_RANKED = 40
_PATH_RANKS = _LONGEST_RANKED + 1
_HOST_RANKS = 3
_SLOTS = (MAX_PRIORITY - LAST_EPHEMERAL) // (_PATH_RANKS * _HOST_RANKS)


@dataclass(frozen=True)
class Route:
    """The requests of a service: by host (None: any) and path. ``priority`` is set by hand, or None."""

    path: str = ANY_PATH
    host: str | None = None
    priority: int | None = None

    @property
    def band(self) -> int:
        """How general the route is: lower bands are tried first. Hosts count more than paths."""
        host = 2 if self.host is None else int(_has_wildcard(self.host))
        if not _has_wildcard(self.path):
            path = 0
        else:
            literals = sum(character not in "*?" for character in self.path)
            path = _PATH_RANKS - min(literals, _LONGEST_RANKED)
        return host * _PATH_RANKS + path

    def __str__(self) -> str:
        return f"{self.host or 'any host'}{' ' if self.host is None else ''}{self.path}"


def priorities(routes: Mapping[str, Route]) -> dict[str, int]:
    """A listener priority for each service's route, each different.

    A priority that was set by hand is kept. Of two services whose names fall on the same place the first in
    ``routes`` has it, and the other takes the next free one: adding a service at the end never moves another.
    """
    taken = {route.priority for route in routes.values() if route.priority is not None}
    allocated: dict[str, int] = {}
    for name, route in routes.items():
        if route.priority is not None:
            allocated[name] = route.priority
            continue
        first = LAST_EPHEMERAL + 1 + route.band * _SLOTS
        start = _digest(name) % _SLOTS
        candidates = (first + (start + step) % _SLOTS for step in range(_SLOTS))
        priority = next((candidate for candidate in candidates if candidate not in taken), None)
        if priority is None:
            raise ValueError(f"more than {_SLOTS} routes are as general as {route}")
        taken.add(priority)
        allocated[name] = priority
    return allocated


def ephemeral_priorities(
    routes: Mapping[str, Route], *, kept: Mapping[str, int], taken: Collection[int], seed: str
) -> dict[str, int]:
    """A priority for each service's route of an ephemeral environment, specific routes before general ones.

    ``kept`` has those that the environment's rules have already, ``taken`` all of the listener. The others are spread
    over the whole range by ``seed``, so that two environments that are made at once rarely choose the same. Raises
    ValueError if there is no free priority between two that are kept.
    """
    allocated = {name: kept[name] for name in routes if name in kept}
    left = sorted(routes.keys() - allocated.keys(), key=lambda name: (routes[name].band, name))
    for index, name in enumerate(left):
        band = routes[name].band
        low = max((at for each, at in allocated.items() if routes[each].band < band), default=0)
        high = min((at for each, at in allocated.items() if routes[each].band > band), default=LAST_EPHEMERAL + 1)
        room = high - low - 1
        # A share of the room, so that those that come after it have theirs.
        share = max(room // (len(left) - index), 1)
        start = _digest(f"{seed}/{name}") % share
        candidates = (low + 1 + (start + step) % room for step in range(room))
        used = {*taken, *allocated.values()}
        priority = next((candidate for candidate in candidates if candidate not in used), None)
        if priority is None:
            raise ValueError(f"there is no free priority for {routes[name]} among the rules of this environment")
        allocated[name] = priority
    return allocated


def inherited(own: Mapping[str, Route], borrowed: Mapping[str, Route], host: Mapping[str, Route]) -> set[str]:
    """Which ``borrowed`` services the ``host``'s own listener rules serve under an ephemeral environment's name, too.

    A rule of the host's without a host name takes requests for every name, unless a rule before it does: one of the
    environment's, which all come first, or one of the host's with a wildcard that the name matches. The others need a
    rule of the environment's, and a load balancer has 100 of them by default.
    """
    wild = [route for route in host.values() if route.host is not None]
    found = {
        name
        for name, route in borrowed.items()
        if host[name].host is None
        and not any(overlap(each.host or "*", route.host or "*") and overlap(each.path, route.path) for each in wild)
    }
    rules = [*own.values(), *(route for name, route in borrowed.items() if name not in found)]
    while rules:
        rule = rules.pop()
        caught = {name for name in found if _before(rule, borrowed[name])}
        found -= caught
        rules += [borrowed[name] for name in caught]
    return found


def _before(rule: Route, route: Route) -> bool:
    """Whether a rule takes requests that are for a more specific route, which has none before it."""
    return rule.band >= route.band and _same(rule.host, route.host) and overlap(rule.path, route.path)


def front(routes: Mapping[str, Route], host: str) -> str | None:
    """The service that people mean by the address of the whole: rather one under ``host``, then one that answers at /,
    then the most general."""

    def distance(name: str) -> tuple[bool, bool, int, str]:
        route = routes[name]
        return (route.host != host, not overlap("/", route.path), -route.band, name)

    return min(routes, key=distance, default=None)


def collision(one: Route, other: Route) -> str | None:
    """Why two routes can't stand side by side, and what to do; None if they can."""
    if one.priority is not None and one.priority == other.priority:
        return f"has the same priority, {one.priority}. Give each its own."
    if _same(one.host, other.host) and one.path == other.path:
        return f"takes the same requests ({one}). Change the host or the path of one."
    if one.priority is not None or other.priority is not None or one.band != other.band:
        return None
    if overlap(one.host or "*", other.host or "*") and overlap(one.path, other.path):
        return f"can take the same requests ({other}), and none is more specific. Give one a priority."
    return None


def overlap(one: str, other: str) -> bool:
    """Whether some text matches both patterns (``*`` any characters, ``?`` one)."""

    @cache
    def meets(i: int, j: int) -> bool:
        if i == len(one) or j == len(other):
            return set(one[i:] + other[j:]) <= {"*"}
        if one[i] == "*":
            return meets(i + 1, j) or meets(i, j + 1)
        if other[j] == "*":
            return meets(i, j + 1) or meets(i + 1, j)
        return (one[i] == other[j] or "?" in (one[i], other[j])) and meets(i + 1, j + 1)

    return meets(0, 0)


def path_problem(path: str) -> str | None:
    """What is wrong with a path pattern; None if a load balancer takes it."""
    if not path.startswith("/"):
        return f"must start with /, such as /{path.lstrip('/')}"
    if len(path) > _MAX_PATTERN:
        return f"has {len(path)} characters; a load balancer takes {_MAX_PATTERN}"
    if not _PATH.fullmatch(path):
        return "must be made of letters, digits, _-.$/~\"'@:+& and the wildcards * and ?"
    return None


def host_problem(host: str) -> str | None:
    """What is wrong with a host pattern; None if a load balancer takes it."""
    if "://" in host or "/" in host or ":" in host:
        return "must be a host name alone, such as api.example.com, without a scheme, port or path"
    if not _HOST.fullmatch(host):
        return "must be a host name of letters, digits, - and . with the wildcards * and ?"
    if len(host) > _MAX_PATTERN:
        return f"has {len(host)} characters; a load balancer takes {_MAX_PATTERN}"
    if not re.search(r"\.[A-Za-z*?]+$", host):
        return "must have a dot with letters after it, such as api.example.com"
    return None


def wildcard_problem(route: Route) -> str | None:
    """What is wrong with the number of wildcards of a route; None if a load balancer takes it."""
    count = sum(character in "*?" for character in (route.host or "") + route.path)
    return f"has {count} wildcards; a rule takes {_MAX_WILDCARDS}" if count > _MAX_WILDCARDS else None


def _digest(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4])


def _same(one: str | None, other: str | None) -> bool:
    """Host names are compared without regard to case."""
    return (one or "").lower() == (other or "").lower()


def _has_wildcard(pattern: str) -> bool:
    return "*" in pattern or "?" in pattern
