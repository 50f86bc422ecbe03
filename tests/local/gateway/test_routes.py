"""Who answers a request: by its signature, and by hints where there is none."""

from __future__ import annotations

import pytest

from ecs_stack.local import routes


def signed(service: str, region: str = "eu-west-1") -> dict[str, str]:
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential=local/20261124/{region}/{service}/aws4_request, "
        "SignedHeaders=host, Signature=0"
    }


FORM = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}


@pytest.mark.parametrize(
    ("headers", "query", "body", "service", "region"),
    [
        (signed("ec2", "us-west-2"), "", b"", "ec2", "us-west-2"),
        ({}, "X-Amz-Credential=local%2F20261124%2Feu-west-1%2Fs3%2Faws4_request", b"", "s3", "eu-west-1"),
        ({"x-amz-target": "AmazonEC2ContainerServiceV20141113.ListClusters"}, "", b"", "ecs", "us-east-1"),
        (FORM, "", b"Action=DescribeVpcs&Version=2016-11-15", "ec2", "us-east-1"),
        ({}, "Action=DescribeRules&Version=2015-12-01", b"", "elasticloadbalancing", "us-east-1"),
        ({"host": "ecs.eu-west-1.amazonaws.com"}, "", b"", "ecs", "eu-west-1"),
        ({"host": "localhost:4566"}, "", b"", None, "us-east-1"),
        # A signature wins over every hint.
        ({**signed("sqs"), "host": "ecs.eu-west-1.amazonaws.com"}, "", b"", "sqs", "eu-west-1"),
    ],
)
def test_scope(headers: dict[str, str], query: str, body: bytes, service: str | None, region: str) -> None:
    assert routes.scope(headers, query, body) == (service, region)


@pytest.mark.parametrize(
    ("method", "operation", "mutates"),
    [
        ("POST", "DescribeVpcs", False),
        ("POST", "ListRoles", False),
        ("POST", "CreateVpc", True),
        ("POST", "PutLogEvents", True),
        ("POST", "ReceiveMessage", True),
        ("POST", "VerifyEmailIdentity", True),
        ("POST", "GetId", True),
        ("GET", "", False),
        ("PUT", "", True),
        ("DELETE", "", True),
    ],
)
def test_mutates(method: str, operation: str, mutates: bool) -> None:
    assert routes.mutates(method, operation) is mutates


def test_every_route_says_why() -> None:
    assert all(len(route.reason) > 20 for route in routes.ROUTES.values())
