"""Where a type does more than its table says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from pulumi.runtime.proto import provider_pb2

from ecs_stack.local.providers.aws.types import permissions
from ecs_stack.local.providers.aws.types.listeners import actions_from_aws, actions_to_aws, same_actions

from .cases import POLICY
from .conftest import ECS_TRUST, World, service_inputs, task_inputs
from .harness import Resource

pytestmark = pytest.mark.emulator

NONE = provider_pb2.DiffResponse.DIFF_NONE
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:ec2/securityGroupRule:SecurityGroupRule"
ROLE = "aws:iam/role:Role"
SERVICE = "aws:ecs/service:Service"
TASK = "aws:ecs/taskDefinition:TaskDefinition"


@pytest.fixture
def group(world: World) -> Iterator[Resource]:
    made = world.engine.create(GROUP, world.unique("special"), {"vpcId": world.vpc.id})
    yield made
    world.engine.delete(made)


def test_a_new_group_lets_nothing_out(world: World, group: Resource) -> None:
    (found,) = world.client("ec2").describe_security_groups(GroupIds=[group.id])["SecurityGroups"]
    assert (found["IpPermissions"], found["IpPermissionsEgress"]) == ([], [])


def test_inline_rules_in_another_grouping_are_the_same(world: World, group: Resource) -> None:
    def rule(port: int, *blocks: str) -> dict[str, Any]:
        return {"protocol": "tcp", "fromPort": port, "toPort": port, "cidrBlocks": list(blocks)}

    apart = {"vpcId": world.vpc.id, "ingress": [rule(80, "10.1.0.0/16"), rule(80, "10.2.0.0/16"), rule(443, "::/0")]}
    apart["ingress"][2] = {**rule(443), "ipv6CidrBlocks": ["::/0"]}
    together = {"vpcId": world.vpc.id, "ingress": [apart["ingress"][2], rule(80, "10.2.0.0/16", "10.1.0.0/16")]}
    updated = world.engine.update(group, apart)
    assert world.engine.diff(updated, together).changes == NONE
    fewer = world.engine.update(updated, {**apart, "ingress": [rule(80, "10.2.0.0/16")]})
    assert fewer["ingress"] == [rule(80, "10.2.0.0/16")]


def test_a_rule_that_is_there_already_is_an_error_that_says_so(world: World, group: Resource) -> None:
    inputs = {
        "type": "egress",
        "securityGroupId": group.id,
        "protocol": "all",
        "fromPort": 0,
        "toPort": 0,
        "cidrBlocks": ["0.0.0.0/0"],
    }
    rule = world.engine.create(RULE, "first", inputs)
    assert world.engine.diff(rule, {**inputs, "protocol": "-1"}).changes == NONE
    with pytest.raises(grpc.RpcError) as error:
        world.engine.create(RULE, "second", inputs)
    assert f"security group {group.id} already has this egress rule" in error.value.details()
    world.engine.delete(rule)


def test_the_id_of_a_rule_doesnt_depend_on_the_order_of_its_sources() -> None:
    rule = {
        "securityGroupId": "sg-1",
        "type": "ingress",
        "protocol": "tcp",
        "fromPort": 80,
        "toPort": 80,
        "cidrBlocks": ["10.1.0.0/16", "10.0.0.0/16"],
    }
    turned = {**rule, "cidrBlocks": ["10.0.0.0/16", "10.1.0.0/16"]}
    assert permissions.rule_id(rule) == permissions.rule_id(turned)
    assert permissions.rule_id(rule) != permissions.rule_id({**rule, "toPort": 81})


def test_a_role_with_a_policy_goes_only_by_force(world: World) -> None:
    iam = world.client("iam")
    role = world.engine.create(ROLE, "forced", {"assumeRolePolicy": ECS_TRUST, "forceDetachPolicies": True})
    iam.put_role_policy(RoleName=role.id, PolicyName="by-hand", PolicyDocument=POLICY)
    world.engine.delete(role)
    assert world.engine.refresh(role) is None


def test_a_service_name_can_be_used_again(world: World) -> None:
    inputs = {**service_inputs(world), "name": "again", "forceDelete": True}
    first = world.engine.create(SERVICE, "again", inputs)
    world.engine.delete(first)
    second = world.engine.create(SERVICE, "again", inputs)
    assert second.id == first.id
    world.engine.delete(second)


def test_a_revision_may_be_left_behind(world: World) -> None:
    ecs = world.client("ecs")
    kept = world.engine.create(TASK, "kept", {**task_inputs("kept", world), "skipDestroy": True})
    gone = world.engine.create(TASK, "kept", task_inputs("kept", world))
    assert gone["revision"] == kept["revision"] + 1
    world.engine.delete(kept)
    world.engine.delete(gone)
    status = [
        ecs.describe_task_definition(taskDefinition=each["arn"])["taskDefinition"]["status"] for each in (kept, gone)
    ]
    assert status == ["ACTIVE", "INACTIVE"]
    ecs.deregister_task_definition(taskDefinition=kept["arn"])


def test_the_latest_revision_can_be_followed(world: World) -> None:
    inputs = {**task_inputs("followed", world), "trackLatest": True}
    tracked = world.engine.create(TASK, "followed", inputs)
    newer = world.engine.create(TASK, "newer", {**task_inputs("followed", world), "memory": "1024"})
    refreshed = world.engine.refresh(tracked)
    assert refreshed is not None
    assert (refreshed["arn"], refreshed.inputs["memory"]) == (newer["arn"], "1024")
    world.engine.delete(newer)
    world.engine.delete(tracked)


def test_a_forward_is_the_same_in_either_form() -> None:
    short = [{"type": "forward", "targetGroupArn": "tg"}]
    full = [{"type": "forward", "order": 1, "forward": {"targetGroups": [{"arn": "tg", "weight": 1}]}}]
    assert same_actions(short, full)
    shared = [{"type": "forward", "forward": {"targetGroups": [{"arn": "tg", "weight": 9}, {"arn": "b", "weight": 1}]}}]
    moved = [{"type": "forward", "forward": {"targetGroups": [{"arn": "tg", "weight": 1}, {"arn": "b", "weight": 9}]}}]
    assert not same_actions(shared, moved)
    # AWS answers in both forms at once; the state keeps its own.
    live = actions_to_aws(full)
    live[0]["TargetGroupArn"] = "tg"
    assert actions_from_aws(live, full) == full
    assert actions_from_aws(live, short) == short
    assert actions_from_aws(actions_to_aws(moved), shared)[0]["forward"]["targetGroups"][0]["weight"] == 1


def test_a_redirect_keeps_what_it_doesnt_name() -> None:
    action = [{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}]
    (sent,) = actions_to_aws(action)
    assert sent["RedirectConfig"] == {
        "Host": "#{host}",
        "Path": "/#{path}",
        "Query": "#{query}",
        "Port": "443",
        "Protocol": "HTTPS",
        "StatusCode": "HTTP_301",
    }
    assert actions_from_aws([sent], action) == action


def test_a_rule_without_a_priority_gets_the_next(world: World) -> None:
    token = "aws:lb/listenerRule:ListenerRule"

    def inputs(path: str, **more: Any) -> dict[str, Any]:
        return {
            "listenerArn": world.listener.id,
            "conditions": [{"pathPattern": {"values": [path]}}],
            "actions": [{"type": "forward", "targetGroupArn": world.target_group.id}],
            **more,
        }

    placed = world.engine.create(token, "placed", inputs("/a", priority=40))
    free = world.engine.create(token, "free", inputs("/b"))
    assert free["priority"] == 41
    assert world.engine.diff(free, inputs("/b")).changes == NONE
    for each in (free, placed):
        world.engine.delete(each)


def test_ipv6_comes_and_goes(world: World) -> None:
    engine = world.engine
    inputs = {"cidrBlock": "10.61.0.0/16", "assignGeneratedIpv6CidrBlock": True}
    vpc = engine.create("aws:ec2/vpc:Vpc", "six", inputs)
    block = vpc["ipv6CidrBlock"].replace("/56", "/64")
    dual = {"vpcId": vpc.id, "cidrBlock": "10.61.0.0/24", "ipv6CidrBlock": block, "assignIpv6AddressOnCreation": True}
    subnet = engine.create("aws:ec2/subnet:Subnet", "six", dual)
    assert (subnet["ipv6CidrBlock"], subnet["assignIpv6AddressOnCreation"]) == (block, True)
    assert engine.diff(subnet, dual).changes == NONE
    plain = engine.update(subnet, {"vpcId": vpc.id, "cidrBlock": "10.61.0.0/24"})
    assert "ipv6CidrBlock" not in plain.outputs
    assert not plain["assignIpv6AddressOnCreation"]
    engine.delete(plain)
    without = engine.update(vpc, {"cidrBlock": "10.61.0.0/16"})
    assert "ipv6CidrBlock" not in without.outputs
    engine.delete(without)
