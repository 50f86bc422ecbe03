"""Blocks that lie in one another."""

from __future__ import annotations

import pytest

from ecs_stack.rules import subnets


@pytest.mark.parametrize(
    ("blocks", "expected"),
    [
        ([], []),
        (["10.0.0.0/16", "10.1.0.0/16"], []),
        (["0.0.0.0/0", "10.0.0.0/8"], [(1, "10.0.0.0/8 is inside 0.0.0.0/0: keep one")]),
        (["10.1.0.0/16", "10.0.0.0/8"], [(0, "10.1.0.0/16 is inside 10.0.0.0/8: keep one")]),
        (["10.0.0.0/8", "10.0.0.0/8"], [(1, "'10.0.0.0/8' is here twice")]),
        (["10.0.0.0", "10.0.0.0/8"], []),
    ],
)
def test_overlaps(blocks: list[str], expected: list[tuple[int, str]]) -> None:
    assert subnets.overlaps(blocks) == expected


@pytest.mark.parametrize("block", ["127.0.0.0/16", "0.0.0.0/16", "169.254.0.0/16", "224.0.0.0/16", "255.255.0.0/16"])
def test_blocks_that_are_not_for_networks(block: str) -> None:
    problem = subnets.vpc_cidr_problem(block, 2)
    assert problem is not None
    assert "isn't for networks" in problem
    assert subnets.vpc_cidr_problem("100.64.0.0/16", 2) is None
