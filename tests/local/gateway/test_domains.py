"""Certificates and DNS records as ACM and Route 53 answer them, where MiniStack doesn't."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ecs_stack.local.gateway_route53 import normalised

pytestmark = pytest.mark.emulator

Client = Callable[..., Any]
_numbers = itertools.count(1)


class Domain:
    """A domain that no other test uses, with a hosted zone."""

    def __init__(self, client: Client) -> None:
        self.route53, self.acm = client("route53"), client("acm")
        self.name = f"domain-{next(_numbers)}.example"
        self.zone = self.make_zone(self.name)

    def make_zone(self, name: str, **more: Any) -> str:
        answer = self.route53.create_hosted_zone(Name=name, CallerReference=f"{name}-{next(_numbers)}", **more)
        return str(answer["HostedZone"]["Id"])

    def change(self, *changes: tuple[str, str, str, str], zone: str | None = None) -> None:
        """Each an action, a name, a type and a value."""
        self.route53.change_resource_record_sets(
            HostedZoneId=zone or self.zone,
            ChangeBatch={
                "Changes": [
                    {
                        "Action": action,
                        "ResourceRecordSet": {
                            "Name": name,
                            "Type": kind,
                            "TTL": 60,
                            "ResourceRecords": [{"Value": value}],
                        },
                    }
                    for action, name, kind, value in changes
                ]
            },
        )

    def records(self) -> set[tuple[str, str]]:
        """Name and type of all but the zone's own."""
        found = self.route53.list_resource_record_sets(HostedZoneId=self.zone)["ResourceRecordSets"]
        return {(each["Name"], each["Type"]) for each in found if each["Type"] not in ("NS", "SOA")}

    def request(self, *more: str, **options: Any) -> str:
        names = {"SubjectAlternativeNames": list(more)} if more else {}
        answer = self.acm.request_certificate(DomainName=self.name, ValidationMethod="DNS", **names, **options)
        return str(answer["CertificateArn"])

    def certificate(self, arn: str) -> dict[str, Any]:
        return dict(self.acm.describe_certificate(CertificateArn=arn)["Certificate"])

    def proof(self, arn: str, name: str | None = None) -> tuple[str, str, str]:
        options = self.certificate(arn)["DomainValidationOptions"]
        record = next(o["ResourceRecord"] for o in options if o["DomainName"] == (name or self.name))
        return record["Name"], record["Type"], record["Value"]


@pytest.fixture
def domain(client: Client) -> Domain:
    return Domain(client)


@pytest.mark.parametrize(
    ("name", "answered"),
    [
        ("Example.COM", "example.com."),
        ("*.example.com.", "\\052.example.com."),
        ("\\052.example.com", "\\052.example.com."),
        ("_a-b.example.com", "_a-b.example.com."),
        ("a b!.example.com", "a\\040b\\041.example.com."),
        ("", ""),
    ],
)
def test_names_are_answered_as_route_53_has_them(name: str, answered: str) -> None:
    assert normalised(name) == answered


def test_a_record_is_found_by_any_form_of_its_name(domain: Domain) -> None:
    domain.change(("CREATE", f"*.{domain.name}".upper(), "A", "192.0.2.1"))
    assert domain.records() == {(f"\\052.{domain.name}.", "A")}
    with pytest.raises(ClientError, match="already exists"):
        domain.change(("CREATE", f"\\052.{domain.name}.", "A", "192.0.2.2"))
    listed = domain.route53.list_resource_record_sets(
        HostedZoneId=domain.zone, StartRecordName=f"*.{domain.name}", StartRecordType="A", MaxItems="1"
    )["ResourceRecordSets"]
    assert [each["Name"] for each in listed] == [f"\\052.{domain.name}."]
    domain.change(("DELETE", f"*.{domain.name}", "A", "192.0.2.1"))
    assert domain.records() == set()


def test_an_aliass_target_is_answered_in_lower_case(domain: Domain) -> None:
    target = {"HostedZoneId": "Z2P70J7EXAMPLE", "DNSName": "Web-1.ELB.example.com", "EvaluateTargetHealth": True}
    record = {"Name": domain.name, "Type": "A", "AliasTarget": target}
    changes = [{"Action": "CREATE", "ResourceRecordSet": record}]
    domain.route53.change_resource_record_sets(HostedZoneId=domain.zone, ChangeBatch={"Changes": changes})
    found = domain.route53.list_resource_record_sets(HostedZoneId=domain.zone)["ResourceRecordSets"]
    (alias,) = [each["AliasTarget"] for each in found if "AliasTarget" in each]
    assert alias == {**target, "DNSName": "web-1.elb.example.com."}


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (("CREATE", "www.other.example", "A", "192.0.2.1"), "DNS name www.other.example. is not permitted in zone {}."),
        (("CREATE", "not{}", "A", "192.0.2.1"), "DNS name not{}. is not permitted in zone {}."),
        (("CREATE", "{}", "CNAME", "x.example"), "type CNAME with DNS name {}. is not permitted as it conflicts"),
        (("UPSERT", "there.{}", "CNAME", "x.example"), "type CNAME with DNS name there.{}. is not permitted"),
    ],
)
def test_a_record_that_cant_be_in_the_zone(domain: Domain, refused: tuple[str, str, str, str], words: str) -> None:
    domain.change(("CREATE", f"there.{domain.name}", "A", "192.0.2.1"))
    action, name, kind, value = refused
    with pytest.raises(ClientError) as error:
        domain.change(
            ("CREATE", f"good.{domain.name}", "A", "192.0.2.1"), (action, name.format(domain.name), kind, value)
        )
    assert error.value.response["Error"]["Code"] == "InvalidChangeBatch"
    assert words.format(domain.name, domain.name) in str(error.value)
    # All of a batch, or nothing.
    assert domain.records() == {(f"there.{domain.name}.", "A")}


def test_a_type_can_be_exchanged_in_one_batch(domain: Domain) -> None:
    name = f"there.{domain.name}"
    domain.change(("CREATE", name, "A", "192.0.2.1"))
    domain.change(("DELETE", name, "A", "192.0.2.1"), ("CREATE", name, "CNAME", "x.example"))
    assert domain.records() == {(f"{name}.", "CNAME")}


def test_a_certificate_is_pending_until_all_of_its_records_are_there(domain: Domain) -> None:
    arn = domain.request(f"*.{domain.name}", f"www.{domain.name}")
    pending = domain.certificate(arn)
    assert pending["Status"] == "PENDING_VALIDATION"
    assert not pending.keys() & {"IssuedAt", "NotBefore", "NotAfter"}
    assert {each["ValidationStatus"] for each in pending["DomainValidationOptions"]} == {"PENDING_VALIDATION"}
    domain.change(("CREATE", *domain.proof(arn)))
    half = domain.certificate(arn)
    assert half["Status"] == "PENDING_VALIDATION"
    assert {each["DomainName"]: each["ValidationStatus"] for each in half["DomainValidationOptions"]} == {
        domain.name: "SUCCESS",
        f"*.{domain.name}": "SUCCESS",
        f"www.{domain.name}": "PENDING_VALIDATION",
    }
    domain.change(("CREATE", *domain.proof(arn, f"www.{domain.name}")))
    listed = domain.acm.list_certificates(CertificateStatuses=["ISSUED"])["CertificateSummaryList"]
    assert arn in [each["CertificateArn"] for each in listed]
    issued = domain.certificate(arn)
    assert issued["Status"] == "ISSUED"
    assert issued["CreatedAt"] <= issued["IssuedAt"] == issued["NotBefore"] < issued["NotAfter"]
    # It stays so, without its records too, and a new one waits for them again.
    domain.change(("DELETE", *domain.proof(arn)))
    assert domain.certificate(arn) == issued
    assert domain.certificate(domain.request())["Status"] == "PENDING_VALIDATION"


def test_a_record_of_another_value_proves_nothing(domain: Domain) -> None:
    arn = domain.request()
    name, kind, value = domain.proof(arn)
    domain.change(("CREATE", name, kind, "something.else.example"))
    assert domain.certificate(arn)["Status"] == "PENDING_VALIDATION"
    domain.change(("UPSERT", name, kind, value.removesuffix(".")))
    assert domain.certificate(arn)["Status"] == "ISSUED"


def test_only_the_nearest_public_zone_answers(domain: Domain, client: Client) -> None:
    inner = Domain(client)
    inner.name = f"inner.{domain.name}"
    inner.zone = inner.make_zone(inner.name)
    vpc = {"VPCRegion": "eu-west-1", "VPCId": client("ec2").describe_vpcs()["Vpcs"][0]["VpcId"]}
    private = inner.make_zone(inner.name, VPC=vpc)
    arn = inner.request()
    proof = inner.proof(arn)
    for zone in (domain.zone, private):
        inner.change(("CREATE", *proof), zone=zone)
        assert inner.certificate(arn)["Status"] == "PENDING_VALIDATION"
    inner.change(("CREATE", *proof))
    assert inner.certificate(arn)["Status"] == "ISSUED"


def test_a_domain_of_somebody_else_counts_as_validated(client: Client) -> None:
    acm = client("acm")
    arn = acm.request_certificate(DomainName="somebody-else.example", ValidationMethod="DNS")["CertificateArn"]
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"] == "ISSUED"


def test_what_was_asked_for_is_answered(domain: Domain) -> None:
    plain, other = (
        domain.certificate(domain.request(**options))
        for options in (
            {},
            {
                "KeyAlgorithm": "EC_prime256v1",
                "Options": {"CertificateTransparencyLoggingPreference": "DISABLED", "Export": "ENABLED"},
            },
        )
    )
    assert (plain["KeyAlgorithm"], other["KeyAlgorithm"]) == ("RSA-2048", "EC-prime256v1")
    assert plain["Options"] == {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"}
    assert other["Options"] == {"CertificateTransparencyLoggingPreference": "DISABLED", "Export": "ENABLED"}
    arn = other["CertificateArn"]
    domain.acm.update_certificate_options(
        CertificateArn=arn, Options={"CertificateTransparencyLoggingPreference": "ENABLED"}
    )
    assert domain.certificate(arn)["Options"] == {**plain["Options"], "Export": "ENABLED"}
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        domain.acm.update_certificate_options(CertificateArn=arn[:-1], Options=plain["Options"])
