"""A journal that a killed process leaves, whole or with half a line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

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


def moto_answers(state: Path, count: int, snapshot_every: int) -> tuple[str, str]:
    """What a process that starts on ``state`` says of its VPCs after ``count`` more, and its log."""
    program = f"""
import logging, pathlib, sys
logging.basicConfig(level=logging.INFO, stream=sys.stderr)
from ecs_stack.local import gateway_moto
from ecs_stack.local.gateway_messages import Request
gateway_moto.SNAPSHOT_EVERY = {snapshot_every}
moto = gateway_moto.Moto(pathlib.Path({str(state)!r}))
def call(body):
    scope = "AWS4-HMAC-SHA256 Credential=local/20261124/eu-west-1/ec2/aws4_request, SignedHeaders=host"
    headers = {{"authorization": scope, "content-type": "application/x-www-form-urlencoded", "host": "x"}}
    action = body.partition("&")[0].partition("=")[2]
    request = Request(method="POST", path="/", query="", headers=headers, body=body.encode(), service="ec2",
                      region="eu-west-1", action=action)
    return moto.executor.submit(moto.handle, request).result().body.decode()
for number in range({count}):
    call(f"Action=CreateVpc&Version=2016-11-15&CidrBlock=10.{{number}}.0.0/16")
print(call("Action=DescribeVpcs&Version=2016-11-15"))
"""
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, env=environment)
    return done.stdout, done.stderr


@pytest.mark.emulator
def test_moto_continues_from_a_snapshot_or_from_the_whole_journal(tmp_path: Path) -> None:
    """Neither process ends in order: what is left is what a kill leaves."""
    made, _ = moto_answers(tmp_path, 8, snapshot_every=6)
    from_snapshot, log = moto_answers(tmp_path, 0, snapshot_every=6)
    assert "2 requests executed again after 6" in log
    (tmp_path / "moto.snapshot").write_bytes(b"of another version")
    from_journal, log = moto_answers(tmp_path, 0, snapshot_every=6)
    assert "8 requests executed again after 0" in log
    assert made.count("<cidrBlock>") > 8
    assert from_snapshot == made
    assert from_journal == made


def test_json_files_are_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    assert read_json(path) is None
    write_json(path, {"a": 1})
    assert read_json(path) == {"a": 1}
    assert path.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in tmp_path.iterdir()] == ["file.json"]
