"""Where the engine comes from. The programs are small scripts; nothing is downloaded or built."""

from __future__ import annotations

from pathlib import Path

import pytest

from ecs_stack.automation import engine
from ecs_stack.errors import EngineError


@pytest.fixture(autouse=True)
def nothing_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty PATH and cache, and a vendor that can't be reached."""
    (tmp_path / "path" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(tmp_path / "path" / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(engine, "VENDOR_HOST", "vendor.invalid")


def script(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)
    return file


def test_the_one_on_path_comes_first(tmp_path: Path) -> None:
    script(tmp_path / "path" / "bin" / "pulumi", "echo v3.300.1")
    script(engine.cache_root() / "bin" / "pulumi", f"echo v{engine.VERSION}")
    assert engine.find() == engine.Engine(tmp_path / "path", "3.300.1")


@pytest.mark.parametrize("version", ["v3.100.0", "v4.0.0", "nonsense"])
def test_a_version_that_the_sdk_cannot_drive_is_passed_over(tmp_path: Path, version: str) -> None:
    script(tmp_path / "path" / "bin" / "pulumi", f"echo {version}")
    assert engine.find() is None
    script(engine.cache_root() / "bin" / "pulumi", f"echo v{engine.VERSION}")
    assert engine.find() == engine.Engine(engine.cache_root(), engine.VERSION)


def test_an_engine_is_asked_once_until_it_is_another(tmp_path: Path) -> None:
    binary = script(tmp_path / "path" / "bin" / "pulumi", f"echo asked >> {tmp_path}/asked; echo v3.300.1")
    assert [engine.find(), engine.find()] == [engine.Engine(tmp_path / "path", "3.300.1")] * 2
    assert (tmp_path / "asked").read_text() == "asked\n"
    script(binary, "echo v3.400.0")
    assert engine.find() == engine.Engine(tmp_path / "path", "3.400.0")
    (engine.cache_root().parent / "versions.json").write_text("nonsense")
    assert engine.find() == engine.Engine(tmp_path / "path", "3.400.0")
    script(binary, "exit 1")
    assert engine.find() is None


def test_a_broken_one_is_passed_over(tmp_path: Path) -> None:
    script(tmp_path / "path" / "bin" / "pulumi", "exit 1")
    assert engine.find() is None


def test_no_engine_and_no_way_to_get_one() -> None:
    said: list[str] = []
    with pytest.raises(EngineError) as refused:
        engine.ensure(said.append)
    assert refused.value.exit_code == 2
    assert engine.VERSION in refused.value.message
    assert "Install Pulumi" in (refused.value.hint or "")
    assert said == []


def test_a_build_is_one_line_and_lands_in_the_cache(tmp_path: Path) -> None:
    """This go answers `build ... -o FILE ...` with a script, and `list` with a module's folder."""
    script(tmp_path / "module" / "python" / "cmd" / "pulumi-language-python-exec", "")
    script(
        tmp_path / "path" / "bin" / "go",
        f"""
        if [ "$1" = list ]; then echo {tmp_path}/module; exit; fi
        while [ "$1" != -o ]; do shift; done
        printf '#!/bin/sh\\necho v{engine.VERSION}\\n' > "$2"
        """,
    )
    said: list[str] = []
    built = engine.ensure(said.append)
    assert built == engine.Engine(engine.cache_root(), engine.VERSION)
    assert sorted(file.name for file in built.bin.iterdir()) == [
        "pulumi",
        "pulumi-language-python",
        "pulumi-language-python-exec",
    ]
    assert len(said) == 1
    assert engine.ensure(said.append) == built
    assert len(said) == 1


def test_a_build_that_fails_says_why_and_leaves_nothing(tmp_path: Path) -> None:
    script(tmp_path / "path" / "bin" / "go", "echo 'go: no network' >&2; exit 1")
    with pytest.raises(EngineError, match="go: no network"):
        engine.ensure()
    assert [file for file in engine.cache_root().rglob("*") if file.is_file()] == []


def test_a_cache_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Root may write into any folder, but nobody makes one below a file.
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(EngineError, match="can't be kept"):
        engine.ensure()


def test_the_ways_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine.ways() == ()
    script(tmp_path / "path" / "bin" / "go", "exit 1")
    assert engine.ways() == ("a build with Go, about 4 minutes on 2 cores",)
    monkeypatch.setattr(engine, "vendor_answers", lambda: True)
    assert engine.ways()[0] == "the vendor's download"
