"""What Fargate runs: the pairs of CPU and memory there are.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size
"""

from __future__ import annotations

from collections.abc import Mapping

#: CPU units (1024 are one vCPU) to the memory sizes in MiB that go with them.
SIZES: Mapping[int, tuple[int, ...]] = {
    256: (512, 1024, 2048),
    512: tuple(range(1024, 4096 + 1, 1024)),
    1024: tuple(range(2048, 8192 + 1, 1024)),
    2048: tuple(range(4096, 16384 + 1, 1024)),
    4096: tuple(range(8192, 30720 + 1, 1024)),
    8192: tuple(range(16384, 61440 + 1, 4096)),
    16384: tuple(range(32768, 122880 + 1, 8192)),
}

#: Seconds between SIGTERM and SIGKILL: Fargate's maximum of stopTimeout.
MAX_STOP_TIMEOUT = 120


def cpu_problem(cpu: int) -> str | None:
    """What is wrong with a number of CPU units, naming those there are; None if Fargate has it."""
    return None if cpu in SIZES else f"{cpu} isn't a Fargate size. There are: {', '.join(map(str, SIZES))}."


def memory_problem(cpu: int, memory: int) -> str | None:
    """Why ``memory`` (MiB) doesn't go with ``cpu`` (units, one of SIZES), and what does; None if it goes."""
    if memory in SIZES[cpu]:
        return None
    text = f"{memory} doesn't go with cpu {cpu} on Fargate. Memory for it: {_spoken(SIZES[cpu])}."
    fitting = [str(other) for other, sizes in SIZES.items() if memory in sizes]
    return f"{text} {memory} goes with cpu {' or '.join(fitting)}." if fitting else text


def _spoken(sizes: tuple[int, ...]) -> str:
    if len(sizes) <= 4:
        return ", ".join(map(str, sizes))
    return f"{sizes[0]} to {sizes[-1]} in steps of {sizes[1] - sizes[0]}"
