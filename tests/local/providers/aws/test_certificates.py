"""A certificate from its request to its end: ACM says how to validate it, waits for records, and is waited for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import pytest
from botocore.exceptions import ClientError
from google.protobuf import empty_pb2
from pulumi.runtime.proto import provider_pb2

from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.providers.aws import AwsServicer, operations
from ecs_stack.local.providers.aws.call import Call
from ecs_stack.local.providers.aws.configuration import Configuration
from ecs_stack.local.providers.aws.errors import Cancelled, ProviderError
from ecs_stack.local.providers.aws.registry import REGISTRY
from ecs_stack.local.providers.aws.values import UNKNOWN
from ecs_stack.local.providers.server import listening

from .conftest import CERTIFICATE, World
from .harness import CheckFailed, Engine, Resource

pytestmark = pytest.mark.emulator

NONE = provider_pb2.DiffResponse.DIFF_NONE
VALIDATION = "aws:acm/certificateValidation:CertificateValidation"
RECORD = "aws:route53/record:Record"
ARN = "arn:aws:acm:eu-west-1:000000000000:certificate/one"
ISSUED_AT = datetime(2026, 11, 29, 12, 30, 1, 250000, UTC)


def names(domain: str) -> dict[str, Any]:
    return {"domainName": domain, "subjectAlternativeNames": [f"*.{domain}"], "validationMethod": "DNS"}


def validate(world: World, certificate: Resource, zone: str) -> Resource:
    option = certificate["domainValidationOptions"][0]
    return world.engine.create(
        RECORD,
        "proof",
        {
            "zoneId": zone,
            "name": option["resourceRecordName"],
            "type": option["resourceRecordType"],
            "records": [option["resourceRecordValue"]],
            "ttl": 60,
        },
    )


# Against the emulator


def test_a_certificate_is_issued_once_its_record_is_there(world: World) -> None:
    zone = world.make_zone("issued.example")
    certificate = world.engine.create(CERTIFICATE, "issued", names("issued.example"))
    assert certificate["status"] == "PENDING_VALIDATION"
    assert "notAfter" not in certificate.outputs
    assert sorted(certificate["subjectAlternativeNames"]) == ["*.issued.example", "issued.example"]
    apex, wildcard = sorted(certificate["domainValidationOptions"], key=lambda each: -len(each["domainName"]))[::-1]
    assert {**wildcard, "domainName": "issued.example"} == apex
    record = validate(world, certificate, zone)
    assert f"{record['fqdn']}." == apex["resourceRecordName"]
    inputs = {"certificateArn": certificate.id, "validationRecordFqdns": [record["fqdn"]]}
    validation = world.engine.create(VALIDATION, "issued", inputs, timeout=10)
    assert validation.outputs == {**inputs, "region": "eu-west-1"}
    refreshed = world.engine.refresh(certificate)
    assert refreshed is not None
    assert (refreshed["status"], refreshed["type"]) == ("ISSUED", "AMAZON_ISSUED")
    assert datetime.fromisoformat(refreshed["notBefore"]) < datetime.fromisoformat(refreshed["notAfter"])
    assert validation.id.endswith(" +0000 UTC")
    assert datetime.fromisoformat(validation.id.removesuffix(" +0000 UTC")).year >= 2026
    assert world.engine.diff(refreshed, names("issued.example")).changes == NONE
    # Nothing is undone: what is issued stays so, and without its record too.
    world.engine.delete(validation)
    world.engine.delete(record)
    assert world.engine.refresh(validation) == validation
    world.engine.delete(certificate)
    assert world.engine.refresh(validation) is None


def test_a_wait_for_a_certificate_ends_with_the_users_own_timeout(world: World) -> None:
    world.make_zone("late.example")
    certificate = world.engine.create(CERTIFICATE, "late", names("late.example"))
    with pytest.raises(grpc.RpcError) as error:
        world.engine.create(VALIDATION, "late", {"certificateArn": certificate.id}, timeout=0.2)
    details = error.value.details()
    assert f"timed out after 0.2 s waiting for ACM certificate {certificate.id} to be issued" in details
    assert certificate["domainValidationOptions"][0]["resourceRecordName"].rstrip(".") in details
    world.engine.delete(certificate)


def test_a_wait_for_a_certificate_ends_when_the_engine_cancels(local_cloud: LocalCloud, world: World) -> None:
    world.make_zone("cancelled.example")
    with listening(AwsServicer(local_cloud.endpoint)) as port:
        engine = Engine(port)
        certificate = engine.create(CERTIFICATE, "cancelled", names("cancelled.example"))
        stopper = threading.Timer(0.3, lambda: engine.stub.Cancel(empty_pb2.Empty()))
        stopper.start()
        try:
            with pytest.raises(grpc.RpcError) as error:
                engine.create(VALIDATION, "cancelled", {"certificateArn": certificate.id}, timeout=20)
            assert error.value.details() == "cancelled"
        finally:
            stopper.join()
            world.engine.delete(certificate)
            engine.close()


def test_a_record_that_wasnt_made_isnt_waited_for(world: World) -> None:
    world.make_zone("missing.example")
    certificate = world.engine.create(
        CERTIFICATE, "missing", {**names("missing.example"), "subjectAlternativeNames": ["www.missing.example"]}
    )
    own, www = sorted(
        (each["resourceRecordName"].rstrip(".") for each in certificate["domainValidationOptions"]), key=len
    )
    inputs = {"certificateArn": certificate.id, "validationRecordFqdns": [f"{own}."]}
    with pytest.raises(grpc.RpcError) as error:
        world.engine.create(VALIDATION, "missing", inputs, timeout=1)
    assert error.value.details() == f"missing www.missing.example DNS validation record: {www}"
    world.engine.delete(certificate)


def test_a_certificate_in_use_isnt_deleted(world: World) -> None:
    certificate = world.engine.create(
        CERTIFICATE, "used", {"domainName": "used.elsewhere.example", "validationMethod": "DNS"}
    )
    listener = world.engine.create(
        "aws:lb/listener:Listener",
        "tls",
        {
            "loadBalancerArn": world.balancer.id,
            "port": 8443,
            "protocol": "HTTPS",
            "certificateArn": certificate.id,
            "defaultActions": [
                {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
            ],
        },
    )
    assert listener["certificateArn"] == certificate.id
    going = threading.Timer(0.5, lambda: world.engine.delete(listener))
    going.start()
    try:
        world.engine.delete(certificate)
        assert world.engine.refresh(listener) is None, "it didn't wait"
    finally:
        going.join()
    assert world.engine.refresh(certificate) is None


def test_the_domain_is_among_the_names_either_way(world: World) -> None:
    inputs = names("either.elsewhere.example")
    certificate = world.engine.create(CERTIFICATE, "either", inputs)
    listed = {**inputs, "subjectAlternativeNames": ["either.elsewhere.example", "*.either.elsewhere.example"]}
    assert world.engine.diff(certificate, listed).changes == NONE
    none = {key: value for key, value in inputs.items() if key != "subjectAlternativeNames"}
    assert world.engine.diff(certificate, none).changes == NONE  # ACM's own answer stays
    more = {**inputs, "subjectAlternativeNames": ["*.either.elsewhere.example", "third.example"]}
    assert list(world.engine.diff(certificate, more).replaces) == ["subjectAlternativeNames"]
    for change in ({"domainName": "other.example"}, {"keyAlgorithm": "EC_secp384r1"}):
        assert list(world.engine.diff(certificate, {**inputs, **change}).replaces) == list(change)
    world.engine.delete(certificate)


def test_a_preview_knows_no_records(engine: Engine) -> None:
    planned = engine.plan(CERTIFICATE, "planned", names("planned.example"))
    assert planned["domainValidationOptions"] is UNKNOWN
    assert (planned["arn"], planned["status"], planned["domainName"]) == (UNKNOWN, UNKNOWN, "planned.example")
    inputs = {"certificateArn": UNKNOWN, "validationRecordFqdns": [UNKNOWN]}
    planned = engine.plan(VALIDATION, "planned", inputs)
    assert planned == {**inputs, "region": "eu-west-1"}


@pytest.mark.parametrize(
    ("inputs", "place", "words"),
    [
        ({"validationMethod": "DNS"}, "domainName", "needs a 'domainName'"),
        ({"domainName": "a.example"}, "validationMethod", "must be set when creating an ACM certificate"),
        ({"domainName": "a.example", "validationMethod": "EMAIL"}, "validationMethod", "by DNS only"),
        ({**names("a.example"), "keyAlgorithm": "RSA_4096"}, "keyAlgorithm", "RSA_2048, EC_prime256v1, EC_secp384r1"),
        ({"domainName": "a.example.", "validationMethod": "DNS"}, "domainName", "cannot end with a period"),
        (
            {**names("a.example"), "subjectAlternativeNames": ["b.example", "c.example."]},
            "subjectAlternativeNames[1]",
            "cannot end with a period",
        ),
        ({**names("a.example"), "certificateBody": "PEM"}, "certificateBody", "doesn't implement 'certificateBody'"),
        ({**names("a.example"), "earlyRenewalDuration": "P90D"}, "earlyRenewalDuration", "doesn't implement"),
    ],
)
def test_wrong_certificates(engine: Engine, inputs: dict[str, Any], place: str, words: str) -> None:
    with pytest.raises(CheckFailed) as refused:
        engine.check(CERTIFICATE, "wrong", inputs)
    assert words in refused.value.failures[place]


# Against a script


def described(status: str, *, records: bool = True, kind: str = "AMAZON_ISSUED", **more: Any) -> dict[str, Any]:
    option: dict[str, Any] = {"DomainName": "a.example", "ValidationMethod": "DNS", "ValidationStatus": status}
    if records:
        option["ResourceRecord"] = {"Name": "_x.a.example.", "Type": "CNAME", "Value": "_y.acm-validations.aws."}
    return {
        "CertificateArn": ARN,
        "DomainName": "a.example",
        "SubjectAlternativeNames": ["a.example"],
        "Status": status,
        "Type": kind,
        "KeyAlgorithm": "RSA-2048",
        "DomainValidationOptions": [option],
        **({"IssuedAt": ISSUED_AT} if status == "ISSUED" else {}),
        **more,
    }


class Acm:
    """ACM that answers DescribeCertificate from a script, whose last answer stays, and refuses a few deletions."""

    def __init__(self, *script: dict[str, Any] | None, refusals: int = 0) -> None:
        self.script = list(script)
        self.refusals = refusals
        self.deleted = 0

    def describe_certificate(self, **_: Any) -> dict[str, Any]:
        answer = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if answer is None:
            raise _error("ResourceNotFoundException")
        return {"Certificate": answer}

    def request_certificate(self, **request: Any) -> dict[str, Any]:
        assert request == {"DomainName": "a.example", "ValidationMethod": "DNS"}
        return {"CertificateArn": ARN}

    def list_tags_for_certificate(self, **_: Any) -> dict[str, Any]:
        return {"Tags": []}

    def delete_certificate(self, **_: Any) -> None:
        if self.refusals:
            self.refusals -= 1
            raise _error("ResourceInUseException")
        self.deleted += 1

    def get(self, *_: Any) -> Acm:
        """Stands for the clients as well."""
        return self


def _error(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "as the script has it"}}, "Operation")


def _call(acm: Acm, seconds: float = 0) -> Call:
    return Call(
        clients=acm,  # type: ignore[arg-type]
        configuration=Configuration(region="eu-west-1"),
        region="eu-west-1",
        cancelled=threading.Event(),
        seconds=seconds,
    )


@pytest.fixture
def validating() -> Callable[..., tuple[str, dict[str, Any]]]:
    def create(*script: dict[str, Any] | None, **inputs: Any) -> tuple[str, dict[str, Any]]:
        return operations.create(
            REGISTRY[VALIDATION], _call(Acm(*script), seconds=5), {"certificateArn": ARN, **inputs}
        )

    return create


def test_a_create_waits_until_acm_says_how_to_validate() -> None:
    acm = Acm(None, described("PENDING_VALIDATION", records=False), described("PENDING_VALIDATION"))
    inputs = {"domainName": "a.example", "validationMethod": "DNS"}
    resource_id, outputs = operations.create(REGISTRY[CERTIFICATE], _call(acm), inputs)
    assert resource_id == ARN
    assert outputs["keyAlgorithm"] == "RSA_2048"
    assert outputs["domainValidationOptions"] == [
        {
            "domainName": "a.example",
            "resourceRecordName": "_x.a.example.",
            "resourceRecordType": "CNAME",
            "resourceRecordValue": "_y.acm-validations.aws.",
        }
    ]


def test_a_certificate_that_never_gets_its_records_isnt_lost() -> None:
    acm = Acm(described("PENDING_VALIDATION", records=False))
    inputs = {"domainName": "a.example", "validationMethod": "DNS"}
    with pytest.raises(operations.Failed, match="waiting for ACM to say how") as failure:
        operations.create(REGISTRY[CERTIFICATE], _call(acm, seconds=0.1), inputs)
    assert (failure.value.resource_id, failure.value.properties["arn"]) == (ARN, ARN)


def test_the_id_of_a_validation_is_the_time_of_issue(validating: Callable[..., Any]) -> None:
    pending, issued = described("PENDING_VALIDATION"), described("ISSUED")
    resource_id, outputs = validating(pending, pending, issued, validationRecordFqdns=["_x.a.example"])
    assert resource_id == "2026-11-29 12:30:01.25 +0000 UTC"
    assert outputs["validationRecordFqdns"] == ["_x.a.example"]
    assert validating(described("ISSUED", IssuedAt=ISSUED_AT.replace(microsecond=0)))[0] == (
        "2026-11-29 12:30:01 +0000 UTC"
    )


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (described("FAILED", FailureReason="CAA_ERROR"), "isn't issued, it is FAILED: CAA_ERROR"),
        (described("REVOKED", RevocationReason="KEY_COMPROMISE"), "it is REVOKED: KEY_COMPROMISE"),
        (described("VALIDATION_TIMED_OUT"), "it is VALIDATION_TIMED_OUT: ACM gives no reason"),
    ],
    ids=["failed", "revoked", "timed-out"],
)
def test_a_certificate_that_wont_be_issued(validating: Callable[..., Any], end: dict[str, Any], words: str) -> None:
    with pytest.raises(ProviderError, match=words):
        validating(described("PENDING_VALIDATION"), described("PENDING_VALIDATION"), end)


def test_what_needs_no_validation_or_isnt_there(validating: Callable[..., Any]) -> None:
    with pytest.raises(ProviderError, match="has type IMPORTED, no validation necessary"):
        validating(described("ISSUED", kind="IMPORTED"))
    with pytest.raises(ProviderError, match=f"{ARN} doesn't exist"):
        validating(None)


def test_a_deletion_waits_until_nobody_uses_the_certificate() -> None:
    acm = Acm(refusals=2)
    REGISTRY[CERTIFICATE].delete(_call(acm), ARN, {})
    assert (acm.refusals, acm.deleted) == (0, 1)
    acm = Acm(refusals=100)
    with pytest.raises(ClientError, match="ResourceInUseException"):
        REGISTRY[CERTIFICATE].delete(_call(acm, seconds=0.2), ARN, {})
    call = _call(Acm(refusals=100))
    call.cancelled.set()
    with pytest.raises(Cancelled):
        REGISTRY[CERTIFICATE].delete(call, ARN, {})


def test_an_expired_validation_counts_as_gone() -> None:
    call, state = _call(Acm(described("VALIDATION_TIMED_OUT"))), {"certificateArn": ARN}
    assert REGISTRY[CERTIFICATE].read(call, ARN, {}) is None
    assert REGISTRY[VALIDATION].read(call, "some time", state) is None
    assert REGISTRY[VALIDATION].read(_call(Acm(described("EXPIRED"))), "some time", state) is None


def test_a_renewal_is_told() -> None:
    summary = {"RenewalStatus": "SUCCESS", "UpdatedAt": ISSUED_AT, "DomainValidationOptions": []}
    found = REGISTRY[CERTIFICATE].read(_call(Acm(described("ISSUED", RenewalSummary=summary))), ARN, {})
    assert found is not None
    assert found["renewalSummaries"] == [
        {"renewalStatus": "SUCCESS", "renewalStatusReason": None, "updatedAt": "2026-11-29T12:30:01Z"}
    ]
