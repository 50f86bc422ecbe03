"""What became of a preview, as a comment on its pull request: Markdown. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ecs_stack.costs import CostTotal
from ecs_stack.errors import RefusedError
from ecs_stack.render import changes, money
from ecs_stack.render.words import count, duration, sentence
from ecs_stack.results import ChangeSummary

#: Lines of a list, characters of somebody's text, and of all: GitHub takes 65,536.
_MOST, _MOST_TEXT, _MOST_ALL = 100, 8_000, 60_000
_STATES = {
    "unchanged": "runs as before",
    "completed": "deployed",
    "rolled-back": "**rolled back**",
    "failed": "**failed**",
}
_VERBS = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}


def markdown(name: str, document: Mapping[str, Any] | None, *, log: str | None) -> str:
    """The comment for the JSON that `ephemeral up` or `ephemeral down` printed; None: they never ran.

    ``log`` is the address of the run's log. Raises RefusedError for another document.
    """
    try:
        text = "\n".join(_lines(name, document))[:_MOST_ALL]
        return f"{text}\n\n<sub>[Log of this run]({log})</sub>\n" if log else f"{text}\n"
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RefusedError(
            f"this isn't what `ecs-stack ephemeral up` or `down` prints with --json ({type(error).__name__}: {error})",
            hint="Both print it on stdout.",
        ) from error


def _lines(name: str, document: Mapping[str, Any] | None) -> list[str]:
    if document is None:
        return [f"### Preview `{name}` wasn't made", "", "The run ended before. Its log says why."]
    if "error" in document:
        return _failed(name, document["error"])
    if "rollouts" not in document:
        done = changes.summary(ChangeSummary(**document["summary"]), done=True)
        return [f"### Preview `{name}` is gone", "", f"{sentence(done)} in {duration(document['duration'])}."]
    return _made(name, document)


def _made(name: str, receipt: Mapping[str, Any]) -> list[str]:
    head = f"### Preview [`{name}`]({receipt['url']})" if receipt["url"] else f"### Preview `{name}`"
    lines = [head, ""]
    if receipt["url"]:
        lines += [f"**{receipt['url']}**", ""]
    return [*lines, *_services(receipt), "", *_terms(receipt), "", *_changed(receipt)]


def _failed(name: str, error: Mapping[str, Any]) -> list[str]:
    said = "\n".join([error["message"], *error["problems"][:_MOST]])
    lines = [f"### Preview `{name}` failed", "", *_fenced(said)]
    if error["hint"]:
        lines += ["", *_fenced(error["hint"])]
    if receipt := error["receipt"]:
        lines += ["", *_services(receipt)]
        for rollout in receipt["rollouts"]:
            if rollout["reason"]:
                last = [rollout["reason"], *rollout["last_lines"]]
                lines += ["", f"`{rollout['service']}`:", "", *_fenced("\n".join(last[:_MOST]))]
    return lines


def _services(receipt: Mapping[str, Any]) -> Iterator[str]:
    yield "| service | revision | |"
    yield "|---|---|---|"
    for rollout in receipt["rollouts"]:
        yield f"| {rollout['service']} | {rollout['running_revision']} | {_STATES[rollout['state']]} |"
    for service in receipt.get("borrowed", ()):
        yield f"| {service} | | {receipt['host']}'s own |"


def _terms(receipt: Mapping[str, Any]) -> Iterator[str]:
    """What it costs, and how long it lives."""
    if cost := receipt.get("cost"):
        per_day, per_month = money.sums(CostTotal(**cost), "$")
        yield f"Costs {per_day} a day on AWS, {per_month} a month, at list prices and without what is charged by use.  "
    if receipt["expires"]:
        at = datetime.fromisoformat(receipt["expires"]).astimezone(UTC)
        yield f"Expires {at:%Y-%m-%d %H:%M} UTC; every push renews that."
    else:
        yield "Never expires."


def _changed(receipt: Mapping[str, Any]) -> Iterator[str]:
    changed = [each for each in receipt["changes"] if each["kind"] in _VERBS]
    yield "<details>"
    done = changes.summary(ChangeSummary(**receipt["summary"]), done=True)
    yield f"<summary>{done} in {duration(receipt['duration'])}</summary>"
    yield ""
    for each in changed[:_MOST]:
        yield f"- {_VERBS[each['kind']]} `{each['type']}` `{each['name']}`"
    if len(changed) > _MOST:
        yield f"- and {count(len(changed) - _MOST, 'more resource')}"
    yield ""
    yield "</details>"


def _fenced(text: str) -> Sequence[str]:
    """Somebody else's text, as it is: nothing in it is Markdown, and nobody is mentioned by it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return (f"{fence}text", text[:_MOST_TEXT], fence)
