"""Listener rule priorities: specific before general, and stable."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_stack.rules.routes import MAX_PRIORITY, Route, overlap, priorities

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
