"""Ephemeral environments: what they are called, how long they live, under which host names they answer.

An ephemeral environment is a stack of its own on another environment's (its host's) network, cluster and load balancer.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime, timedelta

from ecs_stack.rules import names

#: The facts that every resource of an ephemeral environment carries, beside project and environment.
HOST_TAG = "ecs-stack:host"
OWNER_TAG = "ecs-stack:owner"
#: RFC 3339 in UTC, or ``never``. Not on task definitions: tasks inherit their tags once, and then it would be stale.
EXPIRES_TAG = "ecs-stack:expires"
NEVER = "never"
#: On what belongs to a protected one, with the value ``true``.
PROTECT_TAG = "ecs-stack:protect"

#: The time to live that pins an environment.
NO_TTL = "none"
_TTL = re.compile(r"([1-9]\d{0,4})([mhd])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_TTL_RULE = "a number of minutes, hours or days, such as 90m, 72h or 7d, or none for an environment that doesn't expire"

#: Environments' names have at most this many characters (``ecs_stack.spec``).
MAX_NAME = 32
_NAME = re.compile(r"[a-z](?:-?[a-z0-9])*", re.ASCII)
_NAME_RULE = f"1 to {MAX_NAME} lower-case letters, digits and single hyphens, starting with a letter"
#: Stand between an environment's name and a service's. No name has them inside, so no two pairs make the same.
_JOINT, _LABEL_JOINT = "_", "--"
#: RFC 1035, section 2.3.4.
_MAX_LABEL = 63
_MAX_DOMAIN = 128 - _MAX_LABEL - 1
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z]+")
_HASH_LENGTH = 6
#: Letters that Unicode doesn't decompose into a Latin one and a mark.
_SPELLED = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "đ": "d", "ł": "l", "þ": "th"})


def name_of_branch(branch: str) -> str:
    """A legal name for a branch's environment: always the same for it, and another one for every other branch.

    >>> name_of_branch("login"), name_of_branch("feature/Übung #7")
    ('login', 'feature-ubung-7-6184db')

    Where something of the branch's name is lost, digits of its hash are added.
    """
    canonical = unicodedata.normalize("NFC", branch)
    folded = unicodedata.normalize("NFKD", canonical.lower().translate(_SPELLED))
    plain = re.sub(r"[^a-z0-9]+", "-", "".join(c for c in folded if not unicodedata.combining(c))).strip("-")
    if not plain[:1].isalpha():
        plain = f"branch-{plain}".rstrip("-")
    if plain == canonical and len(plain) <= MAX_NAME:
        return plain
    digest = hashlib.sha256(canonical.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{plain[: MAX_NAME - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def name_problem(name: str) -> str | None:
    """What is wrong with an ephemeral environment's name; None if nothing is."""
    return None if _NAME.fullmatch(name) and len(name) <= MAX_NAME else f"it takes {_NAME_RULE}"


def ecs_service(name: str, service: str) -> str:
    """What a service of the environment ``name`` is called in its host's cluster, beside the host's and all others'.

    >>> ecs_service("pr-42", "api")
    'pr-42_api'
    """
    return f"{name}{_JOINT}{service}"


def host_name(name: str, domain: str, service: str | None = None) -> str:
    """Where an environment answers: one label below the domain, so that one DNS record ``*.DOMAIN`` serves all.

    ``service`` is given for one that has a host name of its own on the host, too.

    >>> host_name("pr-42", "example.com"), host_name("pr-42", "example.com", "admin")
    ('pr-42.example.com', 'pr-42--admin.example.com')
    """
    label = name if service is None else names.cut(f"{name}{_LABEL_JOINT}{service}", _MAX_LABEL)
    return f"{label}.{domain}"


def domain_problem(domain: str) -> str | None:
    """What is wrong with the domain that environments answer below; None if nothing is."""
    if not _DOMAIN.fullmatch(domain):
        return f"must be a domain in lower case, such as previews.example.com, not '{domain}'"
    # A listener rule's host has at most 128 characters.
    return f"has {len(domain)} characters; {_MAX_DOMAIN} leave room for a name" if len(domain) > _MAX_DOMAIN else None


def ttl_problem(text: str) -> str | None:
    """What is wrong with a time to live; None if nothing is."""
    return None if text == NO_TTL or _TTL.fullmatch(text) else f"must be {_TTL_RULE}, not '{text}'"


def expiry(ttl: str, now: datetime) -> datetime | None:
    """When something that lives for ``ttl`` from ``now`` on expires, to the second; None if it doesn't.

    Raises ValueError for what ``ttl_problem`` has something against.
    """
    if ttl == NO_TTL:
        return None
    found = _TTL.fullmatch(ttl)
    if found is None:
        raise ValueError(ttl_problem(ttl))
    return (now + timedelta(**{_UNITS[found[2]]: int(found[1])})).replace(microsecond=0)


def stamp(at: datetime | None) -> str:
    """A moment as it is kept, RFC 3339 in UTC: ``2026-11-24T12:00:00Z``; ``never`` for None."""
    return NEVER if at is None else at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def moment(text: str) -> datetime | None:
    """What ``stamp`` wrote. Raises ValueError for anything else."""
    return None if text == NEVER else datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def owner_tag(owner: str) -> str:
    """An owner's name as a tag takes it: other characters become underscores, and 256 are kept.

    https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
    """
    return re.sub(r"[^\w\s+\-=.:/@]", "_", owner)[:256]
