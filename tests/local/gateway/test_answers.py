"""A call whose answer got lost is sent again by the SDK, and executed once."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import boto3
import botocore.config
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ecs_stack.local import cloud
from ecs_stack.local.answer_file import AnswerFile
from ecs_stack.local.answers import KEPT, Answers
from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.gateway_messages import INVOCATION, Response
from ecs_stack.local.reconnect import outlive_restarts
from tests.local.conftest import client_of

ANSWER = Response(status=200, headers={"content-type": "text/xml"}, body=b"\x00<done/>")


def test_answers_are_bounded_and_errors_are_no_answers() -> None:
    answers = Answers()
    answers.remember("refused", Response(status=400))
    answers.remember("", ANSWER)
    for number in range(KEPT + 1):
        answers.remember(str(number), ANSWER)
    assert [answers.get(key) for key in ("refused", "", "0", "1")] == [None, None, None, ANSWER]


def test_an_answer_counts_once_the_state_was_written(tmp_path: Path) -> None:
    def write(text: str) -> None:
        temporary = tmp_path / "iam.tmp"
        temporary.write_text(text)
        temporary.replace(tmp_path / "iam.json")

    answers = AnswerFile(tmp_path)
    answers.promise("first", ANSWER, {"iam"})
    write("1")
    answers.promise("second", ANSWER, {"iam"})
    write("2")
    answers.promise("killed before the state was written", ANSWER, {"iam"})
    with (tmp_path / "answers.jsonl").open("a") as file:
        file.write('{"invocation": "killed while it was wri')
    for _ in range(2):
        again = AnswerFile(tmp_path)
        assert [key for key, _ in again.items()] == ["first", "second"]
        assert again.get("first") == ANSWER
    write("3")
    assert AnswerFile(tmp_path).get("killed before the state was written") is None


def patient(local: LocalCloud) -> Any:
    """A client without retries of its own."""
    return boto3.client(
        "ec2",
        region_name="eu-west-1",
        endpoint_url=local.endpoint,
        aws_access_key_id="local",
        aws_secret_access_key="local",
        config=botocore.config.Config(retries={"mode": "standard", "total_max_attempts": 1}),
    )


def named(local: LocalCloud, service: str, invocation: str) -> Any:
    """A client whose calls all have this identity."""
    client = client_of(local, service)

    def name(request: Any, **_: object) -> None:
        request.headers.replace_header(INVOCATION, invocation)

    client.meta.events.register_last("request-created", name)
    return client


CONTAINERS = [{"name": "c", "image": "none:1", "memory": 64}]
#: One of each part and each way to keep state: service, operation, arguments, and the error of a second call.
CREATES: list[tuple[str, str, dict[str, Any], str]] = [
    ("elbv2", "create_load_balancer", {"Name": "web", "Subnets": "SUBNETS"}, ""),
    ("ec2", "create_vpc", {"CidrBlock": "10.9.0.0/16"}, ""),
    ("iam", "create_role", {"RoleName": "task", "AssumeRolePolicyDocument": "{}"}, "EntityAlreadyExists"),
    ("logs", "create_log_group", {"logGroupName": "/g"}, "ResourceAlreadyExistsException"),
    ("ssm", "put_parameter", {"Name": "/a", "Value": "1", "Type": "String"}, "ParameterAlreadyExists"),
    ("ecs", "register_task_definition", {"family": "t", "containerDefinitions": CONTAINERS}, ""),
]


@pytest.mark.emulator
def test_a_call_that_is_sent_again_gets_the_answer_that_was_lost(root: Path) -> None:
    local = cloud.start(root)
    ec2 = client_of(local, "ec2")
    vpc = ec2.create_vpc(CidrBlock="10.20.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=cidr, AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for cidr, zone in (("10.20.0.0/24", "eu-west-1a"), ("10.20.1.0/24", "eu-west-1b"))
    ]

    def call(number: int, invocation: str) -> Any:
        service, operation, arguments, _ = CREATES[number]
        given = {key: subnets if value == "SUBNETS" else value for key, value in arguments.items()}
        answer = getattr(named(local, service, invocation), operation)(**given)
        answer.pop("ResponseMetadata")
        return answer

    first = [call(number, f"call-{number}") for number in range(len(CREATES))]
    for _ in range(2):
        assert [call(number, f"call-{number}") for number in range(len(CREATES))] == first
        os.kill(local.pid, signal.SIGKILL)
        local = cloud.start(root)
    for number, (_, _, _, error) in enumerate(CREATES):
        if error:
            with pytest.raises(ClientError, match=error):
                call(number, "another call")
    assert client_of(local, "ecs").list_task_definitions()["taskDefinitionArns"] == [
        first[-1]["taskDefinition"]["taskDefinitionArn"]
    ]
    assert (
        len(client_of(local, "ec2").describe_vpcs(Filters=[{"Name": "cidr", "Values": ["10.9.0.0/16"]}])["Vpcs"]) == 1
    )


@pytest.mark.emulator
def test_callers_outlive_a_killed_cloud(root: Path) -> None:
    """Some calls break, are sent again, and each is executed once."""
    local = cloud.start(root)
    client = outlive_restarts(patient(local), lambda: cloud.start(root))
    made: list[str] = []
    failures: list[BaseException] = []

    def work(first: int) -> None:
        try:
            for number in range(first, first + 15):
                made.append(client.create_vpc(CidrBlock=f"10.{number}.0.0/16")["Vpc"]["VpcId"])
        except BaseException as error:
            failures.append(error)

    callers = [threading.Thread(target=work, args=(first,)) for first in (20, 40, 60)]
    for caller in callers:
        caller.start()
    time.sleep(0.1)
    os.kill(local.pid, signal.SIGKILL)
    for caller in callers:
        caller.join()
    assert failures == []
    vpcs = [found["VpcId"] for found in client_of(local, "ec2").describe_vpcs()["Vpcs"] if not found["IsDefault"]]
    assert sorted(vpcs) == sorted(made)
    assert len(made) == 45


def test_a_cloud_that_cannot_be_started_is_no_reason_to_wait(unused_port: int) -> None:
    from ecs_stack.errors import LocalCloudError

    def revive() -> None:
        raise LocalCloudError("no")

    local = LocalCloud(Path("/nowhere"), f"http://127.0.0.1:{unused_port}", 0, None)
    with pytest.raises(EndpointConnectionError):
        outlive_restarts(patient(local), revive).describe_vpcs()


@pytest.fixture
def unused_port() -> int:
    from ecs_stack.local.persistence_paths import stable_port

    return stable_port("nobody listens here")
