"""One endpoint for every service, errors worded as AWS words them, and mended faults of the emulators."""

from __future__ import annotations

import json
import threading
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import botocore.exceptions
import pytest

from ecs_stack.local.cloud import LocalCloud

pytestmark = pytest.mark.emulator

Client = Callable[..., Any]


def error_code(call: Callable[[], Any]) -> str:
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def test_one_account_on_every_part(client: Client) -> None:
    account = client("sts").get_caller_identity()["Account"]
    assert account == "000000000000"
    assert client("ec2").describe_vpcs()["Vpcs"][0]["OwnerId"] == account
    cluster = client("ecs").create_cluster(clusterName="one-account")["cluster"]["clusterArn"]
    queue = client("sqs").create_queue(QueueName="one-account")["QueueUrl"]
    assert cluster.split(":")[4] == account
    assert account in queue


def test_regions_are_apart(client: Client) -> None:
    client("ssm").put_parameter(Name="/apart", Value="1", Type="String")
    client("ec2").create_vpc(CidrBlock="10.77.0.0/16")
    elsewhere = client("ec2", "us-west-2").describe_vpcs()["Vpcs"]
    assert "10.77.0.0/16" not in [vpc["CidrBlock"] for vpc in elsewhere]
    missing = client("ssm", "us-west-2")
    assert error_code(lambda: missing.get_parameter(Name="/apart")) == "ParameterNotFound"


@pytest.mark.parametrize(
    ("service", "operation", "arguments", "code"),
    [
        ("redshift", "describe_clusters", {}, "InvalidAction"),  # a query service that nobody has
        ("xray", "get_groups", {}, "UnknownOperationException"),  # a REST one
        ("elbv2", "describe_trust_stores", {}, "InvalidAction"),  # moto answers HTML
        ("codedeploy", "delete_application", {"applicationName": "x"}, "UnknownOperationException"),
        ("ec2", "describe_vpcs", {"VpcIds": ["vpc-0"]}, "InvalidVpcID.NotFound"),
        ("ecs", "describe_tasks", {"cluster": "none", "tasks": ["x"]}, "ClusterNotFoundException"),
    ],
)
def test_errors_are_aws_errors(
    client: Client, service: str, operation: str, arguments: dict[str, Any], code: str
) -> None:
    call = getattr(client(service), operation)
    assert error_code(lambda: call(**arguments)) == code


def test_an_unknown_service_is_named(client: Client) -> None:
    with pytest.raises(botocore.exceptions.ClientError, match="redshift"):
        client("redshift").describe_clusters()


def test_a_gateway_endpoint_made_without_its_type_can_be_deleted(client: Client) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    made = ec2.create_vpc_endpoint(VpcId=vpc, ServiceName="com.amazonaws.eu-west-1.s3")["VpcEndpoint"]
    assert made["VpcEndpointType"] == "Gateway"
    assert ec2.delete_vpc_endpoints(VpcEndpointIds=[made["VpcEndpointId"]])["Unsuccessful"] == []


def test_a_nat_gateway_that_is_deleted_gives_its_address_back(client: Client) -> None:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.78.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.78.0.0/24")["Subnet"]["SubnetId"]
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    for _ in range(2):
        made = ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address)["NatGateway"]["NatGatewayId"]
        (described,) = ec2.describe_addresses(AllocationIds=[address])["Addresses"]
        assert described["AssociationId"]
        ec2.delete_nat_gateway(NatGatewayId=made)
        (described,) = ec2.describe_addresses(AllocationIds=[address])["Addresses"]
        assert not described.get("AssociationId")
        filters = [{"Name": "subnet-id", "Values": [subnet]}]
        assert ec2.describe_network_interfaces(Filters=filters)["NetworkInterfaces"] == []


def test_scalable_targets_are_services_of_the_ecs_that_runs_them(client: Client) -> None:
    target = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/nowhere/none",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    scaling = client("application-autoscaling")
    missing = error_code(lambda: scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, **target))
    assert missing == "ValidationException"
    ecs = client("ecs")
    ecs.create_cluster(clusterName="scaled")
    container = {"name": "app", "image": "none:1"}
    ecs.register_task_definition(
        family="scaled",
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        memory="512",
        containerDefinitions=[container],
    )
    subnet = client("ec2").describe_subnets()["Subnets"][0]["SubnetId"]
    ecs.create_service(
        cluster="scaled",
        serviceName="app",
        taskDefinition="scaled",
        desiredCount=0,
        launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": [subnet]}},
    )
    target["ResourceId"] = "service/scaled/app"
    scaling.register_scalable_target(MinCapacity=1, MaxCapacity=2, **target)
    found = scaling.describe_scalable_targets(ServiceNamespace="ecs")["ScalableTargets"]
    assert ("service/scaled/app", 1, 2) in [
        (each["ResourceId"], each["MinCapacity"], each["MaxCapacity"]) for each in found
    ]


def test_callers_at_the_same_time(client: Client) -> None:
    """Both emulators and our ECS, from 12 threads: moto isn't thread-safe by itself."""
    ec2, iam, ecs = client("ec2"), client("iam"), client("ecs")
    vpc = ec2.create_vpc(CidrBlock="10.79.0.0/16")["Vpc"]["VpcId"]
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for step in range(4):
                name = f"same-time-{number}-{step}"
                ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)
                iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}")
                ecs.create_cluster(clusterName=name)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    groups = ec2.describe_security_groups(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["SecurityGroups"]
    assert len([group for group in groups if group["GroupName"].startswith("same-time")]) == 48
    roles = [role for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"]]
    assert len([role for role in roles if role["RoleName"].startswith("same-time")]) == 48


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ({}, b"\xff\xfe not a request"),
        ({"X-Amz-Target": "AmazonEC2ContainerServiceV20141113.ListClusters"}, b"{not json"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"Action=CreateVpc&Version=2016-11-15"),
        ({"Content-Type": "application/x-www-form-urlencoded"}, b"Action=&Version=2015-12-01&%zz"),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=a/b/c/elasticloadbalancing/d"}, b"\x00"),
    ],
)
def test_no_request_ends_the_process(
    local_cloud: LocalCloud, client: Client, headers: dict[str, str], body: bytes
) -> None:
    request = urllib.request.Request(local_cloud.endpoint, data=body, headers=headers)
    try:
        urllib.request.urlopen(request, timeout=10).close()
    except urllib.error.HTTPError as error:
        answer = error.read()
    else:
        answer = b""
    assert b"<html" not in answer
    assert client("ecs").list_clusters()


def test_private_paths(local_cloud: LocalCloud) -> None:
    with urllib.request.urlopen(f"{local_cloud.endpoint}/_ecs-stack/status", timeout=10) as response:
        status = json.load(response)
    assert {process["name"] for process in status["processes"]} >= {"gateway", "router"}
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"{local_cloud.endpoint}/_ecs-stack/nothing", timeout=10)


def test_it_listens_on_loopback_only(local_cloud: LocalCloud) -> None:
    """Every TCP address that the gateway and Caddy listen on; Docker's own bridge is the one other allowed."""
    with urllib.request.urlopen(f"{local_cloud.endpoint}/_ecs-stack/status", timeout=10) as response:
        processes = json.load(response)["processes"]
    inodes = set()
    for process in processes:
        for link in Path(f"/proc/{process['pid']}/fd").iterdir():
            target = str(link.readlink()) if link.is_symlink() else ""
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    addresses = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().split("\n")[1:]:
            fields = line.split()
            if fields and fields[3] == "0A" and fields[9] in inodes:
                addresses.add(fields[1].split(":")[0])
    bridge = "010011AC"  # 172.17.0.1, as the kernel writes it
    assert addresses <= {"0100007F", bridge}
    assert "0100007F" in addresses
