"""Listener rule priorities: specific before general, and stable."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import combinations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ecs_stack.rules.routes import MAX_PRIORITY, Route, collision, inherited, overlap, priorities

#: From the most specific to the most general.
ORDER = [
    Route(host="api.example.com", path="/v1/health"),
    Route(host="api.example.com", path="/v1/users/*"),
    Route(host="api.example.com", path="/v1/*"),
    Route(host="api.example.com", path="/*"),
    Route(host="*.example.com", path="/v1/*"),
    Route(host="*.example.com", path="/*"),
    Route(path="/health"),
    Route(path="/v1/*"),
    Route(path="/*"),
]


def test_specific_routes_come_first() -> None:
    allocated = priorities({f"service-{index}": route for index, route in enumerate(reversed(ORDER))})
    assert sorted(allocated, key=lambda name: allocated[name]) == [f"service-{i}" for i in range(8, -1, -1)]


def test_priorities_do_not_change_from_release_to_release() -> None:
    assert priorities({"api": Route(), "web": Route(host="www.example.com")}) == {"api": 49835, "web": 33215}


def test_a_priority_set_by_hand_is_kept_and_not_given_to_another() -> None:
    allocated = priorities({"api": Route(), "web": Route(priority=49835)})
    assert allocated == {"api": 49836, "web": 49835}


def test_a_full_band_is_an_error() -> None:
    routes = {f"s{index}": Route(host=f"s{index}.example.com") for index in range(203)}
    assert len(set(priorities(routes).values())) == 203
    with pytest.raises(ValueError, match="more than 203 routes are as general"):
        priorities({**routes, "last": Route(host="last.example.com")})


names = st.lists(st.text("abcdefgh-", min_size=1, max_size=12), unique=True, min_size=1, max_size=60)


@given(names, st.data())
def test_each_has_its_own_and_a_service_added_at_the_end_moves_none(services: list[str], data: st.DataObject) -> None:
    routes = {name: data.draw(st.sampled_from(ORDER)) for name in services}
    allocated = priorities(routes)
    assert len(set(allocated.values())) == len(routes)
    assert all(1 <= priority <= MAX_PRIORITY for priority in allocated.values())
    fewer = dict(list(routes.items())[:-1])
    assert priorities(fewer) == {name: allocated[name] for name in fewer}


patterns = st.text("ab*?", max_size=6)


@given(patterns, patterns)
def test_overlap_is_symmetric(one: str, other: str) -> None:
    assert overlap(one, other) == overlap(other, one)


@given(st.text("ab", max_size=6), patterns)
def test_overlap_with_a_literal_is_matching(text: str, pattern: str) -> None:
    assert overlap(text, pattern) == fnmatchcase(text, pattern)


PATHS = ["/*", "/a/*", "/a/b/*", "/a/b", "/*.css", "/c/*", "/*/b"]
HOSTS = [None, None, "*.localhost", "www.localhost"]
NAME = "pr-1.localhost"
some_routes = st.lists(st.tuples(st.sampled_from(PATHS), st.sampled_from(HOSTS)), unique=True, min_size=1, max_size=6)


@given(some_routes, st.data())
def test_what_the_hosts_rules_serve_is_the_same_with_and_without_rules_of_its_own(
    drawn: list[tuple[str, str | None]], data: st.DataObject
) -> None:
    host = {f"s{index}": Route(path=path, host=name) for index, (path, name) in enumerate(drawn)}
    changed = data.draw(st.sets(st.sampled_from(sorted(host)), min_size=1))

    def here(name: str) -> Route:
        return Route(path=host[name].path, host=f"pr-1--{name}.localhost" if host[name].host else NAME)

    own = {name: here(name) for name in changed}
    borrowed = {name: here(name) for name in host.keys() - changed}
    everything = own | borrowed
    assume(not any(collision(one, other) for one, other in combinations(everything.values(), 2)))
    assume(not any(collision(one, other) for one, other in combinations(host.values(), 2)))
    fewer = {name: everything[name] for name in everything.keys() - inherited(own, borrowed, host)}
    for name in {NAME, *(str(route.host) for route in everything.values())}:
        for path in ("/", "/a", "/a/b", "/a/b/c", "/a/x.css", "/x.css", "/c/b", "/c/d"):
            assert served(fewer, host, name, path) == served(everything, host, name, path), (name, path)


def served(ephemeral: dict[str, Route], host: dict[str, Route], at: str, path: str) -> str | None:
    """The service that a load balancer sends a request for a host name to."""
    for rules in (ephemeral, host):
        for name in sorted(rules, key=lambda name: rules[name].band):
            if fnmatchcase(at, rules[name].host or "*") and fnmatchcase(path, rules[name].path):
                return name
    return None


def test_one_in_ten_needs_one_rule() -> None:
    host = {f"s{index}": Route(path=f"/s{index}/*") for index in range(10)}
    here = {name: Route(path=route.path, host=NAME) for name, route in host.items()}
    own = {"s0": here.pop("s0")}
    assert inherited(own, here, host) == here.keys()
