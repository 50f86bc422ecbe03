"""Reads without boto3: held against boto3's answers, and against an endpoint that fails."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from ecs_stack.errors import LocalCloudError
from ecs_stack.local import reads
from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.reads import Reads

REGION = "eu-west-1"
IDENTITY = b"<R><Result><Arn>a</Arn><UserId>u</UserId><Account>1</Account></Result></R>"
FAILS = 503, b"<html>not AWS at all"
THROTTLED = 400, b"<ErrorResponse><Error><Code>Throttling</Code><Message>slow down</Message></Error></ErrorResponse>"
REFUSED = 403, b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"

Answers = list[tuple[int, bytes]]


@pytest.fixture
def endpoint() -> Iterator[Callable[..., str]]:
    """Serves these answers, one a request, and the last one for good."""
    servers: list[HTTPServer] = []

    def serve(answers: Answers, port: int = 0) -> str:
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                status, body = answers.pop(0) if len(answers) > 1 else answers[0]
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        server = HTTPServer(("127.0.0.1", port), Handler)
        servers.append(server)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{server.server_port}"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads, "_LONGEST_PAUSE", 0.01)
    monkeypatch.setattr(reads, "PAUSE", 0.01)


def test_answers_are_those_that_boto3_gets(local_cloud: LocalCloud) -> None:
    def client(service: str) -> Any:
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
        return boto3.Session(region_name=REGION, **keys).client(service, endpoint_url=local_cloud.endpoint)

    found = Reads(local_cloud.endpoint, REGION, attempts=1)
    identity = client("sts").get_caller_identity()
    assert found.get_caller_identity() == {name: identity[name] for name in ("Account", "Arn", "UserId")}
    zones = client("ec2").describe_availability_zones()["AvailabilityZones"]
    wanted = [{name: zone.get(name, "") for name in ("ZoneName", "ZoneId", "GroupName")} for zone in zones]
    assert wanted
    assert found.describe_availability_zones([], everyone=False) == wanted
    only = [{"Name": "zone-name", "Values": [f"{REGION}a", f"{REGION}b"]}, {"Name": "state", "Values": ["available"]}]
    names = [zone["ZoneName"] for zone in found.describe_availability_zones(only, everyone=True)]
    assert names == [f"{REGION}a", f"{REGION}b"]
    client("ecs").create_cluster(clusterName="reads", tags=[{"key": "a", "value": "b"}])
    (cluster,) = found.describe_clusters(clusters=["reads"], include=["TAGS"])["clusters"]
    assert (cluster["clusterName"], cluster["tags"]) == ("reads", [{"key": "a", "value": "b"}])
    client("ecs").delete_cluster(cluster="reads")


def test_hosted_zones_are_those_that_boto3_gets(local_cloud: LocalCloud) -> None:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local"}
    client = boto3.Session(region_name=REGION, **keys).client("route53", endpoint_url=local_cloud.endpoint)

    def make(number: int, **more: Any) -> str:
        made = client.create_hosted_zone(Name=f"reads-{number}.example", CallerReference=f"reads-{number}", **more)
        return str(made["HostedZone"]["Id"]).removeprefix("/hostedzone/")

    found = Reads(local_cloud.endpoint, REGION, attempts=1)
    zones = [make(0, HostedZoneConfig={"Comment": "a & b", "PrivateZone": False})]
    try:
        tag = {"Key": "k&", "Value": "v"}
        client.change_tags_for_resource(ResourceType="hostedzone", ResourceId=zones[0], AddTags=[tag])
        assert found.list_tags_for_hosted_zone(zones[0]) == {"k&": "v"}
        one, wanted = found.get_hosted_zone(zones[0]), client.get_hosted_zone(Id=zones[0])
        assert (one["HostedZone"], one["DelegationSet"]) == (wanted["HostedZone"], wanted["DelegationSet"])
        zones += [make(number) for number in range(1, 102)]  # a page has a hundred
        assert [*found.list_hosted_zones()] == [
            zone for page in client.get_paginator("list_hosted_zones").paginate() for zone in page["HostedZones"]
        ]
        with pytest.raises(ClientError) as caught:
            found.get_hosted_zone("Z0/NOWHERE?")
        assert caught.value.operation_name == "GetHostedZone"
    finally:
        for zone in zones:
            client.delete_hosted_zone(Id=zone)


def test_what_passes_is_tried_again(endpoint: Callable[..., str]) -> None:
    address = endpoint([FAILS, THROTTLED, (200, IDENTITY)])
    assert Reads(address, REGION, attempts=3).get_caller_identity() == {"Account": "1", "Arn": "a", "UserId": "u"}


@pytest.mark.parametrize(
    ("answer", "code"), [(FAILS, "503"), (THROTTLED, "Throttling"), (REFUSED, "AccessDenied")], ids=str
)
def test_a_refusal_is_botocores(endpoint: Callable[..., str], answer: tuple[int, bytes], code: str) -> None:
    with pytest.raises(ClientError) as caught:
        Reads(endpoint([answer]), REGION, attempts=2).get_caller_identity()
    assert (caught.value.response["Error"]["Code"], caught.value.operation_name) == (code, "GetCallerIdentity")


def test_a_refusal_in_json(endpoint: Callable[..., str]) -> None:
    address = endpoint([(400, b'{"__type": "com.amazonaws.ecs#InvalidParameterException", "message": "no"}')])
    with pytest.raises(ClientError, match=r"\(InvalidParameterException\).*DescribeClusters.*: no"):
        Reads(address, REGION, attempts=2).describe_clusters(clusters=[])


def test_a_cloud_that_is_gone_is_started_again(endpoint: Callable[..., str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    address, called = f"http://127.0.0.1:{port}", []
    with pytest.raises(EndpointConnectionError):
        Reads(address, REGION, attempts=2).get_caller_identity()

    def revive() -> None:
        called.append(1)
        if len(called) == 2:
            endpoint([(200, IDENTITY)], port)

    assert Reads(address, REGION, revive, attempts=1).get_caller_identity()["Account"] == "1"
    assert len(called) == 2


def test_a_cloud_that_doesnt_come_back_is_said_to_be_gone() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    def revive() -> None:
        raise LocalCloudError("no")

    with pytest.raises(EndpointConnectionError):
        Reads(f"http://127.0.0.1:{port}", REGION, revive, attempts=2).get_caller_identity()
