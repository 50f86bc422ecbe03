"""What is on a listener, and whether more has room, against the API's own emulation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from moto import mock_aws

from ecs_stack.errors import RefusedError
from ecs_stack.operations import listener

ONE_ANSWER = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}


@pytest.fixture
def balancer() -> Iterator[tuple[Any, str, str]]:
    """A client, and the ARNs of a load balancer and its listener."""
    with mock_aws():
        keys = {"aws_access_key_id": "x", "aws_secret_access_key": "x", "region_name": "eu-west-1"}
        ec2, elb = boto3.client("ec2", **keys), boto3.client("elbv2", **keys)
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-west-1{zone}")
            for n, zone in enumerate("ab")
        ]
        ids = [subnet["Subnet"]["SubnetId"] for subnet in subnets]
        arn = elb.create_load_balancer(Name="lb", Subnets=ids)["LoadBalancers"][0]["LoadBalancerArn"]
        made = elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=[ONE_ANSWER])
        group = elb.create_target_group(Name="tg", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")
        forward = {"Type": "forward", "TargetGroupArn": group["TargetGroups"][0]["TargetGroupArn"]}
        arns = (arn, made["Listeners"][0]["ListenerArn"])
        for priority, field, config, values in (
            (7, "host-header", "HostHeaderConfig", ["PR-1.localhost", "pr-2.localhost"]),
            (9, "path-pattern", None, ["/api/*"]),
        ):
            condition = {"Field": field, config: {"Values": values}} if config else {"Field": field, "Values": values}
            path = [{"Field": "path-pattern", "PathPatternConfig": {"Values": ["/*"]}}] if config else []
            elb.create_rule(ListenerArn=arns[1], Priority=priority, Conditions=[condition, *path], Actions=[forward])
        yield elb, *arns


def test_what_is_there(balancer: tuple[Any, str, str]) -> None:
    elb, arn, listener_arn = balancer
    found = listener.look(elb, load_balancer_arn=arn, listener_arn=listener_arn)
    assert found.rules.keys() == {7, 9}
    assert found.places == {("pr-1.localhost", "/*"): found.rules[7], ("pr-2.localhost", "/*"): found.rules[7]}
    assert found.target_groups == 1
    assert found.limits == {
        "rules-per-application-load-balancer": 100,
        "target-groups-per-application-load-balancer": 100,
    }


@pytest.mark.parametrize(
    ("rules", "target_groups", "problem"),
    [
        (3, 0, "the load balancer of dev has 98 of 100 listener rules, and pr-42 needs 3"),
        (0, 2, "the load balancer of dev has 99 of 100 target groups, and pr-42 needs 2"),
    ],
)
def test_a_limit_is_named_with_what_to_do(rules: int, target_groups: int, problem: str) -> None:
    limits = {"rules-per-application-load-balancer": 100, "target-groups-per-application-load-balancer": 100}
    there = listener.Listener(dict.fromkeys(range(98), "rule"), {}, 99, limits)
    there.refuse_full("dev", "pr-42", rules=2, target_groups=1)
    with pytest.raises(RefusedError) as caught:
        there.refuse_full("dev", "pr-42", rules=rules, target_groups=target_groups)
    assert caught.value.message == problem
    assert "Service Quotas" in (caught.value.hint or "")


def test_what_is_over_a_limit_already_may_stay() -> None:
    limits = {"rules-per-application-load-balancer": 1, "target-groups-per-application-load-balancer": 1}
    listener.Listener({1: "rule", 2: "rule"}, {}, 5, limits).refuse_full("dev", "pr-42", rules=0, target_groups=0)
