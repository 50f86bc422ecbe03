"""Ephemeral environments: names, host names, times to live, and listener rule priorities."""

from __future__ import annotations

import unicodedata
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecs_stack.rules import ephemeral
from ecs_stack.rules.routes import LAST_EPHEMERAL, Route, ephemeral_priorities, front, priorities

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("branch", "name"),
    [
        ("login", "login"),
        ("pr-42", "pr-42"),
        ("feature/Übung #7", "feature-ubung-7-6184db"),
        ("feature/login", "feature-login-df7c7a"),
        ("Login", "login-9d6322"),
        ("42", "branch-42-73475c"),
        ("日本語", "branch-77710a"),
        ("straße", "strasse-787f47"),
        ("a--b", "a-b-90827a"),
        ("dependabot/npm_and_yarn/lodash-4.17.21", "dependabot-npm-and-yarn-l-b7180b"),
    ],
)
def test_names_of_branches(branch: str, name: str) -> None:
    assert ephemeral.name_of_branch(branch) == name


def test_a_letter_may_be_written_in_two_ways() -> None:
    assert ephemeral.name_of_branch("f/u\u0308") == ephemeral.name_of_branch("f/\u00fc")


@given(st.lists(st.text(min_size=1, max_size=80).map(lambda text: unicodedata.normalize("NFC", text)), unique=True))
def test_every_branch_has_a_legal_name_of_its_own(branches: list[str]) -> None:
    names = [ephemeral.name_of_branch(branch) for branch in branches]
    assert [ephemeral.name_problem(name) for name in names] == [None] * len(names)
    assert len(set(names)) == len(branches)


@pytest.mark.parametrize("name", ["", "Pr", "4", "-a", "a-", "a--b", "a_b", "a" * 33, "ä"])
def test_names_that_are_refused(name: str) -> None:
    assert ephemeral.name_problem(name)


def test_a_service_with_its_own_host_has_its_own_label_of_at_most_63_characters() -> None:
    assert ephemeral.host_name("pr-42", "example.com") == "pr-42.example.com"
    assert ephemeral.host_name("pr-42", "example.com", "admin") == "pr-42--admin.example.com"
    label, _, domain = ephemeral.host_name("a" * 32, "example.com", "b" * 64).partition(".")
    assert (len(label), domain) == (63, "example.com")


@pytest.mark.parametrize(("ttl", "hours"), [("90m", 1.5), ("72h", 72), ("7d", 168)])
def test_times_to_live(ttl: str, hours: float) -> None:
    assert ephemeral.expiry(ttl, NOW) == NOW + timedelta(hours=hours)
    assert ephemeral.moment(ephemeral.stamp(ephemeral.expiry(ttl, NOW))) == NOW + timedelta(hours=hours)


def test_a_pinned_one_never_expires() -> None:
    assert ephemeral.expiry("none", NOW) is None
    assert ephemeral.stamp(None) == "never"
    assert ephemeral.moment("never") is None


@pytest.mark.parametrize("ttl", ["", "0h", "-1h", "72", "1w", "1.5h", "never", "999999d"])
def test_times_to_live_that_are_refused(ttl: str) -> None:
    assert ephemeral.ttl_problem(ttl)
    with pytest.raises(ValueError, match="must be a number of minutes"):
        ephemeral.expiry(ttl, NOW)


@pytest.mark.parametrize("domain", ["localhost", "example.com", "previews.a-b.example.com"])
def test_domains(domain: str) -> None:
    assert ephemeral.domain_problem(domain) is None


@pytest.mark.parametrize(
    "domain", ["", "Example.com", "*.example.com", ".com", "a..b", "10.0.0.1", "a/b", "x." * 40 + "com"]
)
def test_domains_that_are_refused(domain: str) -> None:
    assert ephemeral.domain_problem(domain)


def test_an_owners_name_becomes_a_tag() -> None:
    assert ephemeral.owner_tag("dependabot[bot]") == "dependabot_bot_"
    assert ephemeral.owner_tag("Jörg <j@example.com>") == "Jörg _j@example.com_"


ROUTES = [Route(host="pr.localhost", path=path) for path in ("/", "/v1/users/*", "/v1/*", "/v2/*", "/*")]
some_routes = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.sampled_from(ROUTES), min_size=1, max_size=12)


@given(some_routes, st.sets(st.integers(1, LAST_EPHEMERAL), max_size=50), st.text(max_size=5))
def test_specific_routes_come_first_and_none_is_taken(routes: dict[str, Route], taken: set[int], seed: str) -> None:
    allocated = ephemeral_priorities(routes, kept={}, taken=taken, seed=seed)
    assert allocated.keys() == routes.keys()
    assert len(set(allocated.values())) == len(routes)
    assert not taken & set(allocated.values())
    for one, first in routes.items():
        assert 1 <= allocated[one] <= LAST_EPHEMERAL
        for other, second in routes.items():
            assert first.band >= second.band or allocated[one] < allocated[other]


@given(some_routes, some_routes, st.text(max_size=5))
def test_priorities_stay_put(before: dict[str, Route], added: dict[str, Route], seed: str) -> None:
    kept = ephemeral_priorities(before, kept={}, taken=(), seed=seed)
    after = ephemeral_priorities({**added, **before}, kept=kept, taken=kept.values(), seed=seed)
    assert {name: after[name] for name in before} == kept
    ordered = sorted({**added, **before}.items(), key=lambda item: after[item[0]])
    assert [route.band for _, route in ordered] == sorted(route.band for _, route in ordered)


def test_where_there_is_no_room_it_says_so() -> None:
    routes = {"api": Route(path="/*"), "users": Route(path="/users/*")}
    with pytest.raises(ValueError, match="no free priority for any host /users"):
        ephemeral_priorities(routes, kept={"api": 1}, taken=[1], seed="pr-42")


def test_twenty_at_once_rarely_choose_the_same() -> None:
    chosen = [ephemeral_priorities({"api": ROUTES[-1]}, kept={}, taken=(), seed=f"pr-{i}")["api"] for i in range(20)]
    assert len(set(chosen)) == 20


@given(some_routes)
def test_hosts_never_take_one_of_theirs(routes: dict[str, Route]) -> None:
    assert min(priorities(routes).values()) > LAST_EPHEMERAL


def test_the_front_is_what_answers_most() -> None:
    shared = Route(host="pr.localhost", path="/*")
    own = Route(host="pr--admin.localhost", path="/*")
    assert front({"api": ROUTES[1], "web": shared, "admin": own}, "pr.localhost") == "web"
    assert front({}, "pr.localhost") is None


def test_a_route_to_the_root_is_the_front() -> None:
    root, below = (Route(host="pr.localhost", path=path) for path in ("/", "/api/*"))
    assert front({"web": root, "worker": below}, "pr.localhost") == "web"
    assert front({"worker": below, "api": below}, "pr.localhost") == "api"
