"""What a load balancer's domain stands for: certificate, hosted zone, the services' names."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_stack import spec
from ecs_stack.rules import domains
from ecs_stack.spec import Environment
from tests.unit.conftest import GOOD, Write, problems_of

CERTIFICATE = "arn:aws:acm:eu-west-1:123456789012:certificate/1"
FILE = GOOD.replace("services:", "load_balancer: {domain: example.com}\nservices:").replace(
    'route: {path: "/*"}', "route: {host: HOST}"
)


def described(target: str = "aws", **load_balancer: Any) -> Environment:
    return Environment.model_validate(
        {"name": "dev", "target": target, "region": "eu-west-1", "load_balancer": load_balancer}
    )


@pytest.mark.parametrize(
    ("load_balancer", "secure", "makes", "on_aws", "here"),
    [
        ({}, False, False, None, None),
        ({"domain": "a.com"}, True, True, "a.com", None),
        ({"domain": "x.a.com", "zone": "a.com"}, True, True, "a.com", "a.com"),
        ({"domain": "a.com", "certificate": CERTIFICATE}, True, False, None, None),
        ({"domain": "a.com", "certificate": CERTIFICATE, "zone": "a.com"}, True, False, "a.com", "a.com"),
        ({"certificate": CERTIFICATE}, True, False, None, None),
        ({"domain": "a.com", "certificate": "none"}, False, False, None, None),
        ({"domain": "a.com", "certificate": "none", "zone": "a.com"}, False, False, "a.com", "a.com"),
    ],
)
def test_what_is_made(
    load_balancer: dict[str, str], secure: bool, makes: bool, on_aws: str | None, here: str | None
) -> None:
    found = described(**load_balancer)
    assert (found.load_balancer.secure, found.load_balancer.makes_certificate) == (secure, makes)
    assert (found.zone, described("local", **load_balancer).zone) == (on_aws, here)


@pytest.mark.parametrize(
    "host", ["example.com", "api.example.com", "API.example.com", "*.example.com", "a?.example.com"]
)
def test_names_that_the_certificate_is_for(project: Write, host: str) -> None:
    assert domains.covers("example.com", host)
    text = FILE.replace("HOST", repr(host))
    assert spec.load(project(dev=text), "dev").routes["api"].host == host


@pytest.mark.parametrize("host", ["example.org", "a.b.example.com", "badexample.com", "*.com", "*.b.example.com"])
def test_names_that_it_isnt_for(project: Write, host: str) -> None:
    text = FILE.replace("HOST", repr(host))
    (problem,) = problems_of(project(dev=text), "dev")
    assert problem.startswith(
        "envs/dev.yaml:10:19: services.api.route.host: the certificate is for example.com and *.ex"
    )
    named = text.replace("example.com}", f"example.com, certificate: '{CERTIFICATE}'}}", 1)
    assert spec.load(project(dev=named), "dev").routes["api"].host == host
