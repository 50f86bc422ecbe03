"""The pause program and its image."""

from __future__ import annotations

import struct

import docker
import pytest

from ecs_stack.local.ecs.runner import pause
from tests.local.runner.conftest import Bench, serving


@pytest.mark.parametrize(("architecture", "machine"), [("amd64", 62), ("arm64", 183)])
def test_the_executable_is_one_segment_that_is_entered_at_its_code(architecture: str, machine: int) -> None:
    program = pause.executable(architecture)
    assert program[:7] == b"\x7fELF\x02\x01\x01"
    kind, found, _, entry, segments = struct.unpack_from("<HHIQQ", program, 16)
    assert (kind, found, segments) == (2, machine, 64)
    load, flags, offset, address, _, size, in_memory = struct.unpack_from("<IIQQQQQ", program, 64)
    assert (load, flags, offset, size, in_memory) == (1, 5, 0, len(program), len(program))
    assert entry - address == 64 + 56


def test_the_arm64_code_calls_ppoll_in_a_loop() -> None:
    code = struct.unpack("<7I", pause.executable("arm64")[120:])
    assert code[0] == 0xD2800000 | 73 << 5 | 8  # movz x8, #73: ppoll's number
    assert [word & 31 for word in code[1:5]] == [0, 1, 2, 3]  # movz x0..x3, #0
    assert code[5] == 0xD4000001  # svc #0
    assert code[6] == 0x14000000 | (-6 & 0x3FFFFFF)  # b, six instructions back


def test_unknown_architecture() -> None:
    with pytest.raises(ValueError, match="riscv64"):
        pause.executable("riscv64")


@pytest.mark.docker
def test_the_image_is_made_once_and_stays_while_it_is_used(bench: Bench, engine: docker.DockerClient) -> None:
    bench.up(serving())
    first = engine.images.get(pause.IMAGE).id
    assert pause.ensure_image(engine.api) == pause.IMAGE
    assert engine.images.get(pause.IMAGE).id == first
    assert pause.remove_image(engine) is False
