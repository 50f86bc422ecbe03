"""Start, stop, status and reset of a cloud; what it answered survives kill -9."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import docker
import pytest

from ecs_stack.local import cloud
from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.labels import ROOT_LABEL
from tests.local.conftest import client_of

pytestmark = pytest.mark.emulator


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def until(condition: Callable[[], bool], timeout: float = 10) -> None:
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.05)


def make_something_everywhere(local: LocalCloud) -> None:
    ec2, elb = client_of(local, "ec2"), client_of(local, "elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.20.0.0/24", "eu-west-1a"), ("10.20.1.0/24", "eu-west-1b"))
    ]
    ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=ec2.allocate_address(Domain="vpc")["AllocationId"])
    balancer = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    group = elb.create_target_group(
        Name="web", Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip", HealthCheckPath="/"
    )["TargetGroups"][0]["TargetGroupArn"]
    action = {"Type": "forward", "TargetGroupArn": group}
    elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[action])
    elb.register_targets(TargetGroupArn=group, Targets=[{"Id": "10.20.0.9", "Port": 80}])
    client_of(local, "iam").create_role(RoleName="task", AssumeRolePolicyDocument="{}")
    client_of(local, "ssm").put_parameter(Name="/a", Value="1", Type="String")
    client_of(local, "secretsmanager").create_secret(Name="s", SecretString="hidden")
    s3 = client_of(local, "s3")
    s3.create_bucket(Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    s3.put_object(Bucket="bucket", Key="k", Body=b"\x00body")
    client_of(local, "logs").create_log_group(logGroupName="/g")
    ecs = client_of(local, "ecs")
    ecs.create_cluster(clusterName="dev")
    ecs.register_task_definition(family="f", containerDefinitions=[{"name": "c", "image": "none:1", "memory": 64}])


def everything(local: LocalCloud) -> dict[str, Any]:
    ec2, elb, ecs = (client_of(local, name) for name in ("ec2", "elbv2", "ecs"))
    groups = elb.describe_target_groups()["TargetGroups"]
    balancers = elb.describe_load_balancers()["LoadBalancers"]
    health = elb.describe_target_health(TargetGroupArn=groups[0]["TargetGroupArn"])
    return {
        "vpcs": ec2.describe_vpcs()["Vpcs"],
        "subnets": ec2.describe_subnets()["Subnets"],
        "nat": ec2.describe_nat_gateways()["NatGateways"],
        "addresses": ec2.describe_addresses()["Addresses"],
        "balancers": balancers,
        "groups": groups,
        "listeners": elb.describe_listeners(LoadBalancerArn=balancers[0]["LoadBalancerArn"])["Listeners"],
        "targets": [found["Target"] for found in health["TargetHealthDescriptions"]],
        "ports": dict(local.listeners()),
        "roles": client_of(local, "iam").list_roles()["Roles"],
        "parameter": client_of(local, "ssm").get_parameter(Name="/a")["Parameter"],
        "secret": client_of(local, "secretsmanager").get_secret_value(SecretId="s")["SecretString"],
        "object": client_of(local, "s3").get_object(Bucket="bucket", Key="k")["Body"].read(),
        "log groups": client_of(local, "logs").describe_log_groups()["logGroups"],
        "cluster": ecs.describe_clusters(clusters=["dev"])["clusters"][0]["clusterArn"],
        "definition": ecs.describe_task_definition(taskDefinition="f:1")["taskDefinition"],
    }


def test_what_was_answered_survives_kill_9(root: Path) -> None:
    first = cloud.start(root)
    make_something_everywhere(first)
    client_of(first, "ec2").create_vpc(CidrBlock="10.99.0.0/16")
    before = everything(first)
    os.kill(first.pid, signal.SIGKILL)
    again = cloud.start(root)
    assert again.pid != first.pid
    assert again.endpoint == first.endpoint, "the port is kept"
    assert everything(again) == before
    # New identifiers go on from there, rather than repeat.
    vpc = client_of(again, "ec2").create_vpc(CidrBlock="10.98.0.0/16")["Vpc"]["VpcId"]
    assert vpc not in {found["VpcId"] for found in before["vpcs"]}


def test_log_events_survive_with_their_times_and_ids(root: Path) -> None:
    first = cloud.start(root)
    logs = client_of(first, "logs")
    logs.create_log_group(logGroupName="/g")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")

    def put(local: LocalCloud, message: str) -> None:
        event = {"timestamp": int(time.time() * 1000), "message": message}
        where = {"logGroupName": "/g", "logStreamName": "s"}
        client_of(local, "logs").put_log_events(logEvents=[event], **where)

    def events(local: LocalCloud) -> Any:
        groups = client_of(local, "logs").describe_log_groups()["logGroups"]
        return groups, client_of(local, "logs").filter_log_events(logGroupName="/g")["events"]

    put(first, "one")
    put(first, "two")
    before = events(first)
    os.kill(first.pid, signal.SIGKILL)
    second = cloud.start(root)
    assert events(second) == before
    put(second, "three")
    before = events(second)
    cloud.stop(root)
    third = cloud.start(root)
    assert events(third) == before
    assert [found["message"] for found in before[1]] == ["one", "two", "three"]


def test_nothing_outlives_a_killed_cloud(root: Path) -> None:
    """Caddy ends with the process that started it, and its port is free for the next."""
    local = cloud.start(root)
    processes = {process.name: process.pid for process in cloud.status(root).processes}
    assert alive(processes["router"])
    os.kill(local.pid, signal.SIGKILL)
    until(lambda: not alive(processes["router"]))
    assert cloud.running(root) is None
    assert not cloud.status(root).running


@pytest.mark.docker
def test_a_cloud_ends_with_its_folder(root: Path) -> None:
    """A CI job's folder is deleted without a word: what runs for it would run for ever."""
    local = cloud.start(root)
    make_something_everywhere(local)
    processes = [process.pid for process in cloud.status(root).processes]
    with contextlib.closing(docker.from_env()) as client:
        network = client.networks.create(f"ecs-stack-test-{local.pid}", labels={ROOT_LABEL: str(root)})
        shutil.rmtree(root)
        until(lambda: not any(map(alive, processes)), timeout=30)
        assert client.networks.list(ids=[network.id]) == []
    assert not root.exists(), "nothing was saved into a folder that was deleted"


def test_concurrent_starts_make_one_cloud(root: Path) -> None:
    found: list[LocalCloud] = []
    callers = [threading.Thread(target=lambda: found.append(cloud.start(root))) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert len(found) == 4
    assert len({(local.pid, local.endpoint) for local in found}) == 1


def test_starts_and_resets_at_the_same_time(root: Path) -> None:
    """Each does its whole work, one after the other, and what runs at the end is one cloud or none."""
    failures: list[BaseException] = []

    def work(call: Callable[[Path], object]) -> None:
        try:
            call(root)
        except BaseException as error:
            failures.append(error)

    calls = [cloud.start, cloud.reset, cloud.start, cloud.reset]
    callers = [threading.Thread(target=work, args=(call,)) for call in calls]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert failures == []
    local = cloud.start(root)
    assert cloud.running(root) == local


def test_stop_keeps_the_state_and_reset_removes_it(root: Path) -> None:
    assert cloud.stop(root) is False
    assert not cloud.status(root).running
    first = cloud.start(root)
    client_of(first, "ssm").put_parameter(Name="/a", Value="1", Type="String")
    assert cloud.stop(root) is True
    assert cloud.running(root) is None
    assert not alive(first.pid)
    again = cloud.start(root)
    assert client_of(again, "ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "1"
    other = root / ".ecs-stack" / "state"
    other.mkdir()
    processes = cloud.status(root).processes
    assert {"gateway", "router"} <= {process.name for process in processes}
    receipt = cloud.reset(root)
    assert receipt.processes == len(processes)
    assert receipt.paths == (str(root / ".ecs-stack" / "local"),)
    assert other.exists(), "what Pulumi keeps isn't the cloud's"
    assert not (root / ".ecs-stack" / "local").exists()
    assert not alive(again.pid)
    assert cloud.reset(root).paths == ()


def test_a_port_in_use_is_replaced(root: Path) -> None:
    first = cloud.start(root)
    cloud.stop(root)
    port = int(first.endpoint.rpartition(":")[2])
    with socket.socket() as squatter:
        squatter.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        squatter.bind(("127.0.0.1", port))
        squatter.listen()
        again = cloud.start(root)
    assert again.endpoint != first.endpoint


def test_the_environment_of_callers(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "https://ecs.eu-west-1.amazonaws.com")
    local = cloud.start(root)
    variables = local.environment()
    assert variables["AWS_ENDPOINT_URL"] == local.endpoint
    assert variables["AWS_ACCESS_KEY_ID"] == variables["AWS_SECRET_ACCESS_KEY"] == "local"
    assert "AWS_REGION" not in variables
    environ = Path(f"/proc/{local.pid}/environ").read_bytes().split(b"\0")
    assert not [line for line in environ if line.startswith((b"AWS_PROFILE", b"AWS_ENDPOINT_URL"))]
    assert (root / ".ecs-stack" / "local").stat().st_mode & 0o077 == 0
