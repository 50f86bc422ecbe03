"""The executables for plain ``pulumi``: written once and whole, found by the engine, gone with it."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ecs_stack.local.providers import executables

NAMES = ["pulumi-resource-aws", "pulumi-resource-awsx"]


def test_install(tmp_path: Path) -> None:
    executables.install(tmp_path / "bin", "/some where/python")
    written = sorted((tmp_path / "bin").iterdir())
    assert [path.name for path in written] == NAMES
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o755 for path in written)
    assert written[1].read_text() == ("#!/bin/sh\nexec '/some where/python' -m ecs_stack.local.providers awsx \"$@\"\n")


def test_install_again_touches_nothing_that_is_right(tmp_path: Path) -> None:
    executables.install(tmp_path, "/usr/bin/python3")
    before = {path: path.stat().st_ino for path in tmp_path.iterdir()}
    executables.install(tmp_path, "/usr/bin/python3")
    assert {path: path.stat().st_ino for path in tmp_path.iterdir()} == before


def test_install_replaces_what_is_wrong(tmp_path: Path) -> None:
    executables.install(tmp_path, "/usr/bin/python3")
    (tmp_path / NAMES[0]).chmod(0o644)
    (tmp_path / NAMES[1]).write_text("#!/bin/sh\n")
    executables.install(tmp_path, "/usr/bin/python3")
    assert all(os.access(tmp_path / name, os.X_OK) for name in NAMES)
    assert "ecs_stack.local.providers awsx" in (tmp_path / NAMES[1]).read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == NAMES


def _killed(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def _left_alone(process: subprocess.Popen[str]) -> None:
    """What happens when the engine is killed: its end of the pipe is closed, and nothing else."""
    assert process.stdin is not None
    process.stdin.close()


@pytest.mark.parametrize("end", [_killed, _left_alone])
def test_a_plugin_says_its_port_and_ends_with_its_engine(
    end: Callable[[subprocess.Popen[str]], None], tmp_path: Path
) -> None:
    executables.install(tmp_path, sys.executable)
    process = subprocess.Popen(
        [tmp_path / "pulumi-resource-awsx", "127.0.0.1:1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "AWS_ENDPOINT_URL": "http://127.0.0.1:1"},
    )
    try:
        assert process.stdout is not None
        assert 0 < int(process.stdout.readline()) < 65536
        end(process)
        assert process.wait(timeout=10) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.engine
def test_the_engine_finds_them_on_path_and_leaves_none_behind(tmp_path: Path) -> None:
    import pulumi_awsx as awsx

    from ecs_stack.local.providers.server import listening

    from . import engine
    from .echo_aws import EchoAws

    executables.install(tmp_path / "bin", sys.executable)
    (tmp_path / "bin" / NAMES[0]).unlink()

    def program() -> None:
        awsx.ec2.Vpc("net", number_of_availability_zones=1, subnet_strategy="Auto")

    with listening(EchoAws()) as aws_port:
        stack = engine.stack(
            tmp_path, program, f"aws:{aws_port}", env={"PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"}
        )
        receipt = stack.up()
        assert f"using pulumi-resource-awsx from $PATH at {tmp_path}" in receipt.stdout
        assert ("aws:ec2/subnet:Subnet", "net-public-1") in engine.resources(stack)
    deadline = time.monotonic() + 5
    while _plugins_of(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert _plugins_of(tmp_path) == []


def _plugins_of(folder: Path) -> list[int]:
    """Processes of the plugin that were started for a stack with its state there."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_text()
            environment = (process / "environ").read_text()
        except OSError:
            continue
        if "ecs_stack.local.providers" in command and str(folder) in environment:
            found.append(int(process.name))
    return found
