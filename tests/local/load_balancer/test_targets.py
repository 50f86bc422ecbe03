"""Targets and their health through the API, and the operations that the gateway checks itself.

Where a code or a text comes from: the ELBv2 API reference (TargetHealth, RegisterTargets, DeregisterTargets,
CreateListener, DeleteTargetGroup).
"""

from __future__ import annotations

import socket
import threading
import time
from typing import Any

import botocore.exceptions
import pytest

from ecs_stack.local.addresses import AddressBook
from ecs_stack.local.controllers.load_balancer.model import HealthCheck
from ecs_stack.local.controllers.load_balancer.targets import FAILED, State, Target, Targets
from tests.local.load_balancer.harness import Answer, Backend, Stack
from tests.local.load_balancer.test_routing import fixed, forward, path

CHECK = HealthCheck(
    enabled=True,
    protocol="HTTP",
    port=None,
    path="/",
    interval=10,
    timeout=5,
    healthy_threshold=3,
    unhealthy_threshold=2,
    matcher="200,301-302",
)


def error_code(call: Any, **arguments: Any) -> tuple[str, str]:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(("status", "matches"), [(200, True), (201, False), (301, True), (302, True), (500, False)])
def test_matcher(status: int, matches: bool) -> None:
    assert CHECK.matches(status) is matches


def test_thresholds() -> None:
    target = Target("group", "eu-west-1", "10.0.0.1", 80, None)
    assert not target.observe(FAILED, CHECK, now=0)
    assert not target.observe(FAILED, CHECK, now=1)
    assert target.state is State.INITIAL
    assert target.observe(None, CHECK, now=2), "the first success is enough for a new target"
    assert target.state is State.HEALTHY
    assert not target.observe(FAILED, CHECK, now=3)
    assert not target.observe(None, CHECK, now=4), "a success in between starts the count again"
    assert not target.observe(FAILED, CHECK, now=5)
    assert target.observe(FAILED, CHECK, now=6)
    assert (target.state, target.reason) == (State.UNHEALTHY, FAILED)
    assert not target.observe(None, CHECK, now=7)
    assert not target.observe(None, CHECK, now=8)
    assert target.observe(None, CHECK, now=9)
    assert (target.state, target.reason) == (State.HEALTHY, None)


def test_a_new_target_that_never_passes_is_unhealthy_after_the_threshold_of_intervals() -> None:
    target = Target("group", "eu-west-1", "10.0.0.1", 80, None)
    states = []
    for now in (0, 1, 2, 5, 9, 10):
        target.observe(FAILED, CHECK, now=now)
        states.append(target.state)
    assert states == [State.INITIAL] * 5 + [State.UNHEALTHY]


def test_targets_survive_the_process_but_draining_ones_do_not(tmp_path: Any) -> None:
    targets = Targets(tmp_path / "targets.json")
    targets.register("group", "eu-west-1", [("10.0.0.1", 80, "eu-west-1a"), ("10.0.0.2", 80, None)])
    targets.drain("group", "10.0.0.2", None)
    again = Targets(tmp_path / "targets.json")
    assert [(t.id, t.port, t.zone, t.state) for t in again.all()] == [("10.0.0.1", 80, "eu-west-1a", State.INITIAL)]


def test_address_book() -> None:
    book = AddressBook()
    book.publish("vpc-1", "10.0.0.1", 80, 4000)
    book.publish("vpc-2", "10.0.0.1", 80, 5000)
    assert (book.resolve("vpc-1", "10.0.0.1", 80), book.resolve("vpc-1", "10.0.0.1", 81)) == (4000, None)
    book.withdraw("vpc-1", "10.0.0.1")
    assert (book.resolve("vpc-1", "10.0.0.1", 80), book.resolve("vpc-2", "10.0.0.1", 80)) == (None, 5000)


@pytest.mark.emulator
def test_a_target_is_unused_until_a_listener_forwards_to_its_group(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    [ip] = stack.register(group, backends[0], wait=False)
    assert stack.health(group, ip) == (
        "unused",
        "Target.NotInUse",
        "Target group is not configured to receive traffic from the load balancer",
    )
    stack.listener(forward(group))
    stack.until(lambda: stack.health(group, ip) == ("healthy", None, None))
    assert stack.health(group, "10.20.9.9") == (
        "unused",
        "Target.NotRegistered",
        "Target is not registered to the target group",
    )


@pytest.mark.emulator
def test_why_targets_are_unhealthy(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group(HealthCheckTimeoutSeconds=2)
    listener = stack.listener(forward(group))
    backends[0].health, backends[1].health = 500, 0
    ips = stack.register(group, *backends, wait=False)
    [nowhere] = [stack.address()]
    stack.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": nowhere}])
    stack.until(lambda: stack.health(group, ips[2])[0] == "healthy", timeout=3)
    assert stack.health(group, ips[0])[:2] == ("initial", "Elb.InitialHealthChecking")
    assert {stack.request(listener).name for _ in range(4)} == {"c"}, "only healthy ones get traffic"
    stack.until(
        lambda: (
            [stack.health(group, ip) for ip in (*ips, nowhere)]
            == [
                ("unhealthy", "Target.ResponseCodeMismatch", "Health checks failed with these codes: [500]"),
                ("unhealthy", "Target.Timeout", "Request timed out"),
                ("healthy", None, None),
                ("unhealthy", "Target.FailedHealthChecks", "Health checks failed"),
            ]
        ),
        timeout=12,
    )


@pytest.mark.emulator
def test_all_unhealthy_fails_open(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    backends[0].health = 500
    [ip] = stack.register(group, backends[0], wait=False)
    stack.until(lambda: stack.health(group, ip)[1] == "Elb.InitialHealthChecking")
    assert stack.request(listener).name == "a"


@pytest.mark.emulator
def test_draining_lets_requests_finish(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    listener = stack.listener(forward(group))
    first, _ = stack.register(group, *backends[:2])
    answers: list[Answer] = []
    slow = [threading.Thread(target=lambda: answers.append(stack.request(listener, "/?wait=3"))) for _ in range(2)]
    for caller in slow:
        caller.start()
    time.sleep(0.3)
    stack.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": first}])
    assert stack.health(group, first) == (
        "draining",
        "Target.DeregistrationInProgress",
        "Target deregistration is in progress",
    )
    time.sleep(0.2)
    assert {stack.request(listener).name for _ in range(4)} == {"b"}, "no new request goes there"
    time.sleep(0.5)
    assert stack.health(group, first)[0] == "draining", "one is still under way"
    for caller in slow:
        caller.join()
    assert sorted((answer.status, answer.name) for answer in answers) == [(200, "a"), (200, "b")]
    stack.until(lambda: stack.health(group, first)[1] == "Target.NotRegistered", timeout=3)


@pytest.mark.emulator
def test_deregistration_delay_ends_draining(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    stack.elb.modify_target_group_attributes(
        TargetGroupArn=group, Attributes=[{"Key": "deregistration_delay.timeout_seconds", "Value": "1"}]
    )
    listener = stack.listener(forward(group))
    [ip] = stack.register(group, backends[0])
    slow = threading.Thread(target=lambda: stack.request(listener, "/?wait=3"))
    slow.start()
    time.sleep(0.2)
    stack.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": ip}])
    stack.until(lambda: stack.health(group, ip)[1] == "Target.NotRegistered", timeout=2.5)
    slow.join()


@pytest.mark.emulator
def test_targets_with_different_ports_are_different(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    stack.listener(forward(group))
    ip = stack.address()
    stack.addresses.publish(stack.vpc, ip, 81, backends[0].port)
    stack.elb.register_targets(TargetGroupArn=group, Targets=[{"Id": ip, "Port": 81}, {"Id": ip, "Port": 82}])
    found = stack.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
    assert [(d["Target"]["Port"], d["HealthCheckPort"], d["Target"]["AvailabilityZone"]) for d in found] == [
        (81, "81", "eu-west-1a"),
        (82, "82", "eu-west-1a"),
    ]
    stack.elb.deregister_targets(TargetGroupArn=group, Targets=[{"Id": ip, "Port": 82}])
    stack.until(lambda: len(stack.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]) == 1)


@pytest.mark.emulator
def test_what_is_refused(stack: Stack) -> None:
    group, balancer = stack.group(), stack.balancer()
    listener = stack.listener(fixed("x"), balancer=balancer)
    register, gone = stack.elb.register_targets, group.replace("targetgroup/", "targetgroup/gone-")
    assert error_code(register, TargetGroupArn=gone, Targets=[{"Id": "10.20.0.1"}])[0] == "TargetGroupNotFound"
    assert error_code(register, TargetGroupArn=group, Targets=[{"Id": "10.99.0.1"}]) == (
        "ValidationError",
        "The Availability Zone is required for IP address '10.99.0.1' because it is not in the VPC",
    )
    assert error_code(register, TargetGroupArn=group, Targets=[{"Id": "10.20.0.1", "AvailabilityZone": "all"}]) == (
        "ValidationError",
        "The IP address '10.20.0.1' is within the VPC, and cannot have its Availability Zone overridden to "
        "'all' from 'eu-west-1a'",
    )
    assert error_code(register, TargetGroupArn=group, Targets=[{"Id": "web"}])[0] == "ValidationError"
    assert (
        error_code(
            stack.elb.create_listener,
            LoadBalancerArn=balancer,
            Protocol="HTTP",
            Port=80,
            DefaultActions=[fixed("y")],
        )[0]
        == "DuplicateListener"
    )
    rule = stack.rule(listener, 1, [path("/x")], forward(group))
    assert error_code(stack.elb.delete_target_group, TargetGroupArn=group)[0] == "ResourceInUse"
    stack.elb.delete_rule(RuleArn=rule)
    stack.elb.delete_target_group(TargetGroupArn=group)


@pytest.mark.emulator
def test_names_resolve_to_this_machine(stack: Stack) -> None:
    found = stack.elb.describe_load_balancers(LoadBalancerArns=[stack.balancer()])["LoadBalancers"][0]
    assert found["DNSName"].endswith(".eu-west-1.elb.localhost")


@pytest.mark.emulator
def test_a_listener_that_is_deleted_frees_its_port(stack: Stack) -> None:
    balancer = stack.balancer()
    listener = stack.listener(fixed("x"), balancer=balancer)
    port = stack.controller.listeners()[listener]["port"]
    assert stack.request(listener).text == "x"
    stack.elb.delete_load_balancer(LoadBalancerArn=balancer)
    assert listener not in stack.controller.listeners()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=1)
