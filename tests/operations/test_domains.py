"""Whether the hosted zone and the certificate that an environment names are there, before anything is touched."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import exceptions
from botocore.exceptions import ClientError

from ecs_stack.errors import RefusedError
from ecs_stack.operations import domains

ARN = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
#: What these credentials may not ask about, and a service that isn't reached: the run will say.
UNKNOWN = [
    ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "Describe"),
    exceptions.EndpointConnectionError(endpoint_url="https://aws"),
]


class Aws:
    """Route 53 and ACM with one answer."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def list_hosted_zones_by_name(self, DNSName: str) -> Any:
        return {"HostedZones": self._answer(DNSName)}

    def describe_certificate(self, CertificateArn: str) -> Any:
        return {"Certificate": {"Status": self._answer(CertificateArn)}}

    def _answer(self, asked: str) -> Any:
        assert asked in (ARN, "example.com")
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def zone(name: str, *, private: bool = False) -> dict[str, Any]:
    return {"Name": name, "Config": {"PrivateZone": private}}


@pytest.mark.parametrize(
    "zones",
    [
        [zone("example.com.")],
        [zone("example.com.", private=True), zone("example.com."), zone("example.org.")],
        *UNKNOWN,
    ],
)
def test_a_zone_that_is_there_or_that_nobody_here_knows_of(zones: Any) -> None:
    domains.refuse_zone(Aws(zones), "example.com")


@pytest.mark.parametrize(
    ("zones", "words"),
    [
        ([], "no public hosted zone called example.com"),
        ([zone("a.example.com."), zone("example.com.", private=True)], "no public hosted zone called example.com"),
        ([zone("example.com."), zone("example.com.")], "2 public hosted zones called example.com"),
    ],
)
def test_zones_that_are_refused(zones: Any, words: str) -> None:
    with pytest.raises(RefusedError, match=words) as caught:
        domains.refuse_zone(Aws(zones), "example.com")
    assert "load_balancer.zone" in str(caught.value.hint)


@pytest.mark.parametrize("status", ["ISSUED", *UNKNOWN])
def test_a_certificate_that_is_issued_or_that_nobody_here_knows_of(status: Any) -> None:
    domains.refuse_certificate(Aws(status), ARN)


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("PENDING_VALIDATION", f"the certificate {ARN} isn't issued: ACM says PENDING_VALIDATION"),
        ("EXPIRED", "ACM says EXPIRED"),
        (ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "Describe"), f"ACM has no certificate {ARN}"),
    ],
)
def test_certificates_that_are_refused(status: Any, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        domains.refuse_certificate(Aws(status), ARN)
