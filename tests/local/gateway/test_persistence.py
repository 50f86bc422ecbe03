"""A journal that a killed process leaves, whole or with half a line."""

from __future__ import annotations

from pathlib import Path

from ecs_stack.local.persistence import Entry, Journal, read_json, write_json


def entry(sequence: int) -> Entry:
    return Entry(sequence=sequence, time=1.5, method="POST", path="/", query="", headers={"host": "x"}, body=b"\x00b")


def test_a_journal_gives_back_what_was_added(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    for _ in range(3):
        journal.add(entry(journal.next_sequence()))
    again = Journal(path)
    assert list(again.replay()) == [entry(1), entry(2), entry(3)]
    assert again.salt == journal.salt
    assert again.next_sequence() == 4
    assert list(again.replay()) == [], "it is replayed once"


def test_half_a_line_was_never_answered(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    journal = Journal(path)
    journal.add(entry(1))
    journal.add(entry(2))
    path.write_bytes(path.read_bytes()[:-10])
    again = Journal(path)
    assert list(again.replay()) == [entry(1)]
    again.add(entry(2))
    assert list(Journal(path).replay()) == [entry(1), entry(2)]


def test_two_journals_have_different_identifiers(tmp_path: Path) -> None:
    assert Journal(tmp_path / "a").salt != Journal(tmp_path / "b").salt


def test_json_files_are_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    assert read_json(path) is None
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]
