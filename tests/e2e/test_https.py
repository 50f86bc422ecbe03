"""A domain on the local target: certificate, DNS records, HTTPS for a host and what stands on it, and their end."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.e2e.conftest import DEV
from tests.e2e.project import Project, get
from tests.e2e.test_faults import spoilt
from tests.faults import Fault, Faults

pytestmark = [pytest.mark.engine, pytest.mark.docker]
DOMAIN = "load_balancer: {domain: shop.localhost, zone: shop.localhost}\n"
PLAIN = DEV.replace("    count: 2", "    count: 1")


@pytest.fixture(scope="module")
def project(make_project: Callable[[Mapping[str, str]], Project]) -> Project:
    """An environment that began without a domain."""
    project = make_project({"dev": PLAIN, "preview": "host: dev\nservices: {api: }\n"})
    project.run("up", "dev", "--yes")
    return project


def url(project: Project) -> str:
    found: str = project.run("status", "dev", "--json").json["services"][0]["url"]
    return found


def records(project: Project) -> dict[tuple[str, str], Any]:
    """Those of the hosted zone that aren't the zone's own, by name and type; without the one that stays.

    It validates each certificate of the account for the domain, also those of others.
    """
    route53 = project.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    listed = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return {(each["Name"], each["Type"]): each for each in listed if each["Type"] not in ("NS", "SOA", "CNAME")}


def test_an_environment_gets_a_domain_and_loses_it(project: Project) -> None:
    before = url(project)
    assert get(before)[0] == 200

    # Without the zone nothing of it can be made, and what there is stays.
    project.write("dev", PLAIN + DOMAIN)
    failed = project.run("up", "dev", "--yes", code=1)
    assert "no matching Route 53 Hosted Zone found" in failed.err
    assert get(before)[0] == 200

    project.client("route53").create_hosted_zone(Name="shop.localhost", CallerReference="1")
    project.run("up", "dev", "--yes")
    secure = url(project)
    assert urlsplit(secure).scheme == "https"
    assert urlsplit(secure).hostname == "shop.localhost"
    assert get(secure, authority=project.authority)[0] == 200
    redirect = http.client.HTTPConnection("127.0.0.1", urlsplit(before).port or 80)
    redirect.request("GET", "/where?to=1", headers={"Host": urlsplit(secure).netloc})
    answer = redirect.getresponse()
    assert (answer.status, answer.headers["Location"]) == (301, f"{secure}where?to=1")

    balancer = project.client("elbv2").describe_load_balancers()["LoadBalancers"][0]
    made = records(project)
    alias = {name: each["AliasTarget"] for (name, _), each in made.items()}
    assert {name: target["DNSName"] for name, target in alias.items()} == dict.fromkeys(
        ("shop.localhost.", "\\052.shop.localhost."), f"{balancer['DNSName'].lower()}."
    )
    assert {target["HostedZoneId"] for target in alias.values()} == {balancer["CanonicalHostedZoneId"]}

    # Nothing is left to do, and nobody changed anything.
    project.run("preview", "dev", "--refresh", "--exit-code")

    # What stands on it answers below the domain, with the host's certificate.
    preview = project.run("ephemeral", "up", "pr-1", "--image", "api=ecs-stack-demo:2", "--json").json
    assert urlsplit(preview["url"])[:2] == ("https", f"pr-1.shop.localhost:{urlsplit(secure).port}")
    assert get(preview["url"], authority=project.authority)[1]["version"] == "2"
    assert get(secure, authority=project.authority)[1]["version"] == "1"
    assert records(project) == made

    # The listener doesn't go from below it.
    project.write("dev", PLAIN)
    refused = project.run("up", "dev", "--yes", code=2)
    assert "pr-1" in refused.err
    project.run("ephemeral", "down", "pr-1")
    project.run("up", "dev", "--yes")
    assert url(project) == before
    assert get(before)[0] == 200
    assert records(project) == {}
    assert project.client("acm").list_certificates()["CertificateSummaryList"] == []


def test_nothing_is_left_of_a_domain(project: Project) -> None:
    project.write("dev", PLAIN + DOMAIN)
    project.run("up", "dev", "--yes")
    assert get(url(project), authority=project.authority)[0] == 200
    project.run("destroy", "dev", "--yes")
    assert records(project) == {}
    assert project.client("acm").list_certificates()["CertificateSummaryList"] == []
    assert len(project.client("route53").list_hosted_zones()["HostedZones"]) == 1, "it was there before"


def test_a_record_that_nobody_wrote_down_is_made_anew(project: Project) -> None:
    """The answers to its creation are lost, as in a run that is killed meanwhile."""
    project.write("dev", PLAIN + DOMAIN)
    with spoilt(project, LostRecords()):
        failed = project.run("up", "dev", "--yes", code=1)
    assert "already exists" in failed.err
    again = project.run("up", "dev", "--yes")
    assert "shop.localhost A, which was made and not written down" in again.err
    assert get(url(project), authority=project.authority)[0] == 200
    assert [kind for _, kind in records(project)] == ["A", "A"]
    project.run("destroy", "dev", "--yes")


class LostRecords(Faults):
    """Loses the answer to each first change of a record: the one that validates is found again, others exist then."""

    def __init__(self) -> None:
        super().__init__(1.0, identities=False)
        self.changes = 0

    def next(self, operation: str) -> Fault | None:
        """See Faults."""
        if not operation.startswith("route53.POST"):
            return None
        self.changes += 1
        return Fault.LOST if self.changes in (1, 3) else None


def test_what_somebody_else_made_in_the_zone_stays(project: Project) -> None:
    """No record is taken over: an up fails, and a destroy leaves it alone."""
    route53 = project.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    record = {"Name": "shop.localhost", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]}
    change = {"Action": "CREATE", "ResourceRecordSet": record}
    route53.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]})
    project.write("dev", PLAIN + DOMAIN)
    failed = project.run("up", "dev", "--yes", code=1)
    assert "already exists" in failed.err
    project.run("destroy", "dev", "--yes")
    assert list(records(project)) == [("shop.localhost.", "A")]
