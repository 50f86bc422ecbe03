"""The regions that ecs-stack knows are those where botocore has ECS."""

from __future__ import annotations

import boto3

from ecs_stack.operations import regions


def test_the_regions_are_those_of_botocore() -> None:
    session = boto3.Session()
    assert regions.known() == sorted(
        name
        for partition in session.get_available_partitions()
        for name in session.get_available_regions("ecs", partition_name=partition)
    )
