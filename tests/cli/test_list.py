"""``list`` where a file is wrong: that isn't the same as no file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ecs_stack.commands.main import main


def test_a_wrong_file_is_no_missing_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "envs").mkdir()
    (tmp_path / "envs" / "dev.yaml").write_text("target: local\nregion: eu-west-1\n")
    (tmp_path / "envs" / "broken.yaml").write_text("target: [")
    monkeypatch.chdir(tmp_path)
    assert main(["list"]) == 0
    text = capsys.readouterr().out
    assert "(file is wrong)" in text
    assert "(no file)" not in text
    assert main(["list", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["target"], each["valid"]) for each in found] == [
        ("broken", None, False),
        ("dev", "local", True),
    ]
