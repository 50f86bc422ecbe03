"""CPU and memory of tasks: AWS's notations and the sizes that Fargate has."""

from __future__ import annotations

import re

#: Developer Guide, "Task definition parameters for Fargate", task size: CPU units to the MiB allowed.
FARGATE_SIZES: dict[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}
_CPU = re.compile(r"(?P<units>\d+)|(?P<virtual>\d*\.?\d+)\s*vcpu", re.IGNORECASE)
_MEMORY = re.compile(r"(?P<mib>\d+)|(?P<gib>\d*\.?\d+)\s*gb", re.IGNORECASE)


def cpu_units(text: str) -> int | None:
    """``256`` or ``.25 vCPU`` as CPU units, 1024 to a vCPU; None if it is neither."""
    match = _CPU.fullmatch(text.strip())
    if match is None:
        return None
    return int(match["units"]) if match["units"] else round(float(match["virtual"]) * 1024)


def memory_mib(text: str) -> int | None:
    """``512`` or ``0.5 GB`` as MiB; None if it is neither."""
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        return None
    return int(match["mib"]) if match["mib"] else round(float(match["gib"]) * 1024)


def is_fargate_size(cpu: int, memory: int) -> bool:
    """Whether Fargate runs tasks of ``cpu`` units and ``memory`` MiB."""
    return memory in FARGATE_SIZES.get(cpu, ())
