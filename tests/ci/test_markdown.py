"""What a comment says, of each way that a preview's run can end."""

from __future__ import annotations

import pytest

from ecs_stack.errors import RefusedError
from ecs_stack.render.comment import markdown

LOG = "https://github.com/acme/shop/actions/runs/7"
CHANGE = {"urn": "u", "type": "aws:ecs/service:Service", "name": "pr-42-api", "parent": None, "properties": []}
RECEIPT = {
    "environment": "pr-42",
    "changes": [{**CHANGE, "kind": "create"}, {**CHANGE, "kind": "same", "name": "other"}],
    "summary": {"create": 1, "update": 0, "replace": 0, "delete": 0, "same": 1},
    "rollouts": [
        {
            "service": "api",
            "state": "completed",
            "requested_revision": "pr-42-api:3",
            "running_revision": "pr-42-api:3",
            "reason": None,
            "last_lines": [],
        }
    ],
    "urls": {"api": "http://pr-42.example.com/"},
    "duration": 4.2,
    "host": "dev",
    "url": "http://pr-42.example.com/",
    "borrowed": ["web"],
    "owner": "me",
    "created": "2026-11-24T12:00:00+00:00",
    "expires": "2026-11-27T12:00:00+00:00",
    "notes": [],
}
COST = {"per_day": 0.3, "max_per_day": 0.3, "per_month": 9.01, "max_per_month": 9.01, "complete": True}


def test_a_preview_that_is_up() -> None:
    text = markdown("pr-42", {**RECEIPT, "cost": COST}, log=LOG)
    assert "**http://pr-42.example.com/**" in text
    assert "| api | pr-42-api:3 | deployed |" in text
    assert "| web | | dev's own |" in text
    assert "Costs $0.30 a day on AWS, $9.01 a month" in text
    assert "Expires 2026-11-27 12:00 UTC" in text
    assert "<summary>1 created, 1 unchanged in 4.2 s</summary>" in text
    assert "- created `aws:ecs/service:Service` `pr-42-api`" in text
    assert "`other`" not in text
    assert text.endswith(f"<sub>[Log of this run]({LOG})</sub>\n")


def test_one_that_never_expires_and_has_no_address() -> None:
    text = markdown("pr-42", {**RECEIPT, "url": None, "expires": None, "cost": None}, log=None)
    assert text.startswith("### Preview `pr-42`\n")
    assert "Never expires." in text
    assert "Costs" not in text
    assert "Log" not in text


def test_one_that_is_gone() -> None:
    gone = {key: RECEIPT[key] for key in ("environment", "changes", "duration")}
    summary = {"create": 0, "update": 0, "replace": 0, "delete": 9, "same": 0}
    text = markdown("pr-42", {**gone, "summary": summary}, log=LOG)
    assert text.startswith("### Preview `pr-42` is gone\n\n9 deleted in 4.2 s.")


def test_a_failure_in_its_own_words_and_nobody_elses() -> None:
    error = {
        "kind": "RolledBackError",
        "message": "api was rolled back: ```\n@everyone <img src=x> [x](http://evil)",
        "problems": ["a", "b"],
        "hint": "look",
        "exit_code": 4,
        "receipt": {
            **RECEIPT,
            "rollouts": [
                {**RECEIPT["rollouts"][0], "state": "rolled-back", "reason": "exit code 1", "last_lines": ["boom"]}
            ],
        },
    }
    text = markdown("pr-42", {"error": error}, log=LOG)
    assert text.startswith("### Preview `pr-42` failed\n\n````text\napi was rolled back: ```\n@everyone")
    assert "\na\nb\n````\n" in text
    assert "| api | pr-42-api:3 | **rolled back** |" in text
    assert "```text\nexit code 1\nboom\n```" in text


def test_a_run_that_never_got_there() -> None:
    assert "wasn't made" in markdown("pr-42", None, log=LOG)


def test_it_fits() -> None:
    many = [{**CHANGE, "kind": "create", "name": f"n{number}"} for number in range(500)]
    text = markdown("pr-42", {**RECEIPT, "changes": many}, log=LOG)
    assert "- and 400 more resources" in text
    error = {"message": "x" * 200_000, "problems": ["y" * 100_000] * 9, "hint": "z" * 90_000, "receipt": None}
    assert len(markdown("pr-42", {"error": error}, log=LOG)) < 65_536


@pytest.mark.parametrize("document", [{}, {"rollouts": 1}, {"error": {}}, {"summary": {"x": 1}, "duration": 1.0}])
def test_another_document_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(RefusedError, match="isn't what"):
        markdown("pr-42", document, log=None)
