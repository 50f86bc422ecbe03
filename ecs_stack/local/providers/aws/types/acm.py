"""ACM's certificates, and the wait until one of them is issued."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..resource import ResourceType, State
from ..shapes import Block, capitalised
from ..tags import from_pairs, pairs
from .ec2 import given

#: Seconds, all terraform's: until ACM has thought of the records to validate by; until what used a certificate has let
#: go of it; until the records are found.
_RECORDS_KNOWN = 300
_FREED = 1200
_ISSUED = 4500
#: Others are for certificates that are imported into ACM.
#: https://docs.aws.amazon.com/acm/latest/APIReference/API_RequestCertificate.html
_KEY_ALGORITHMS = ("RSA_2048", "EC_prime256v1", "EC_secp384r1")
_RECORD = Block({"resourceRecordName": "Name", "resourceRecordType": "Type", "resourceRecordValue": "Value"})


class Certificate(ResourceType):
    """docs: website/docs/r/acm_certificate.html.markdown; validated by DNS, neither imported nor private."""

    token = "aws:acm/certificate:Certificate"
    inputs = frozenset({"domainName", "keyAlgorithm", "options", "subjectAlternativeNames", "validationMethod"})
    blocks = {"options": Block(capitalised("certificateTransparencyLoggingPreference", "export"))}
    defaults = {"options.certificateTransparencyLoggingPreference": "ENABLED"}
    replaces = frozenset({"domainName", "keyAlgorithm", "subjectAlternativeNames", "validationMethod"})
    computed = frozenset(
        {"domainName", "keyAlgorithm", "options", "options.export", "subjectAlternativeNames", "validationMethod"}
    )

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        problems = []
        if not inputs.get("domainName"):
            problems.append(("domainName", "a certificate needs a 'domainName'"))
        method = inputs.get("validationMethod")
        if not method:
            problems.append(("validationMethod", "'validationMethod' must be set when creating an ACM certificate"))
        elif isinstance(method, str) and method != "DNS":
            problems.append(("validationMethod", f"the local target's stand-in validates by DNS only, not by {method}"))
        algorithm = inputs.get("keyAlgorithm")
        if isinstance(algorithm, str) and algorithm not in _KEY_ALGORITHMS:
            allowed = ", ".join(_KEY_ALGORITHMS)
            problems.append(("keyAlgorithm", f"'keyAlgorithm' must be one of {allowed}, not {algorithm!r}"))
        more = inputs.get("subjectAlternativeNames")
        names = {"domainName": inputs.get("domainName")} | {
            f"subjectAlternativeNames[{index}]": name
            for index, name in enumerate(more if isinstance(more, list) else ())
        }
        problems += [
            (path, f"{name!r} cannot end with a period")
            for path, name in names.items()
            if isinstance(name, str) and name.endswith(".")
        ]
        return problems

    def create(self, call: Call, inputs: State) -> str:
        names = {
            "domainName": "DomainName",
            "keyAlgorithm": "KeyAlgorithm",
            "subjectAlternativeNames": "SubjectAlternativeNames",
            "validationMethod": "ValidationMethod",
        }
        request: dict[str, Any] = given(inputs, names)
        if inputs.get("options"):
            request["Options"] = self.to_aws("options", inputs["options"])
        if call.tags:
            request["Tags"] = pairs(call.tags)
        arn = call.created = str(call.client("acm").request_certificate(**request)["CertificateArn"])

        def known() -> bool:
            asked = (_find(call, arn) or {}).get("DomainValidationOptions") or []
            return bool(asked) and all("ResourceRecord" in each for each in asked)

        call.wait(known, seconds=_RECORDS_KNOWN, what=f"ACM to say how certificate {arn} is validated")
        return arn

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = _find(call, resource_id)
        if found is None:
            return None
        asked = found.get("DomainValidationOptions") or []
        tags = call.client("acm").list_tags_for_certificate(CertificateArn=resource_id)
        return {
            "arn": found["CertificateArn"],
            "domainName": found["DomainName"],
            "domainValidationOptions": [
                {"domainName": each["DomainName"], **_RECORD.from_aws(each["ResourceRecord"])}
                for each in asked
                if each.get("ResourceRecord")
            ],
            # DescribeCertificate answers RSA-2048 to who asked for RSA_2048.
            "keyAlgorithm": str(found["KeyAlgorithm"]).replace("-", "_"),
            "notAfter": _time(found.get("NotAfter")),
            "notBefore": _time(found.get("NotBefore")),
            "options": self.from_aws("options", found.get("Options")) or None,
            "pendingRenewal": False,
            "renewalEligibility": found.get("RenewalEligibility"),
            "renewalSummaries": _renewals(found.get("RenewalSummary")),
            "status": found["Status"],
            "subjectAlternativeNames": found.get("SubjectAlternativeNames"),
            "tagsAll": from_pairs(tags.get("Tags")),
            "type": found["Type"],
            "validationEmails": [email for each in asked for email in each.get("ValidationEmails") or []],
            "validationMethod": asked[0].get("ValidationMethod") if asked else "NONE",
        }

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "subjectAlternativeNames" and isinstance(old, list) and isinstance(new, list):
            # ACM counts the domain among them, whether or not the request did.
            return {*old, state.get("domainName")} == {*new, state.get("domainName")}
        return super().same(path, old, new, state)

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        if "options" in changed and inputs.get("options"):
            options = self.to_aws("options", self.filled("options", inputs["options"]))
            call.client("acm").update_certificate_options(CertificateArn=resource_id, Options=options)

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("acm")
        if drop:
            client.remove_tags_from_certificate(CertificateArn=resource_id, Tags=[{"Key": key} for key in drop])
        if add:
            client.add_tags_to_certificate(CertificateArn=resource_id, Tags=pairs(add))

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        # A listener that was just deleted lets go of its certificate later.
        call.retry(
            ("ResourceInUseException",),
            errors.if_found,
            seconds=_FREED,
            call=call.client("acm").delete_certificate,
            CertificateArn=resource_id,
        )


class CertificateValidation(ResourceType):
    """docs: website/docs/r/acm_certificate_validation.html.markdown

    Nothing in AWS: to make it is to wait until a certificate is issued, and to delete it is nothing. Its id is the time
    of issue as Go writes it; terraform looks at that before it waits, so that its own is often the year 1.
    """

    token = "aws:acm/certificateValidation:CertificateValidation"
    inputs = frozenset({"certificateArn", "validationRecordFqdns"})
    replaces = frozenset({"certificateArn", "validationRecordFqdns"})
    kept = frozenset({"validationRecordFqdns"})
    tagged = False

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        raise ProviderError(f"{self.token} can't be imported: it is made anew without a change in AWS")

    def create(self, call: Call, inputs: State) -> str:
        arn = str(inputs["certificateArn"])
        found = _find(call, arn)
        if found is None:
            raise ProviderError(f"ACM certificate {arn} doesn't exist")
        if found["Type"] != "AMAZON_ISSUED":
            raise ProviderError(f"ACM certificate {arn} has type {found['Type']}, no validation necessary")
        records = {
            _undotted(each["ResourceRecord"]["Name"]): str(each["DomainName"])
            for each in found.get("DomainValidationOptions") or ()
            if each.get("ResourceRecord")
        }
        self._refuse_missing(records, inputs.get("validationRecordFqdns") or [])
        issued: list[datetime] = []

        def look() -> bool:
            found = call.client("acm").describe_certificate(CertificateArn=arn)["Certificate"]
            if found["Status"] == "ISSUED":
                issued.append(found["IssuedAt"])
            elif found["Status"] != "PENDING_VALIDATION":
                reason = found.get("FailureReason") or found.get("RevocationReason") or "ACM gives no reason"
                raise ProviderError(f"ACM certificate {arn} isn't issued, it is {found['Status']}: {reason}")
            return bool(issued)

        names = ", ".join(sorted(records))
        call.wait(look, seconds=_ISSUED, what=f"ACM certificate {arn} to be issued, once it finds {names} in the DNS")
        return _go_time(issued[0])

    def _refuse_missing(self, records: Mapping[str, str], made: Sequence[str]) -> None:
        """Refuse to wait for a record that isn't among those that the program says it made, if it says so."""
        missing = records.keys() - {_undotted(name) for name in made}
        if made and missing:
            lines = [f"missing {records[name]} DNS validation record: {name}" for name in sorted(missing)]
            raise ProviderError("\n".join(lines))

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = _find(call, str(state["certificateArn"]))
        if found is None or found["Status"] != "ISSUED":
            return None
        return {"certificateArn": found["CertificateArn"]}

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        """What is issued stays issued."""


def _find(call: Call, arn: str) -> dict[str, Any] | None:
    """The certificate, or None; one whose 72 hours for validation are over counts as gone."""
    answer = errors.if_found(call.client("acm").describe_certificate, CertificateArn=arn)
    found: dict[str, Any] | None = answer["Certificate"] if answer else None
    return None if found is None or found["Status"] == "VALIDATION_TIMED_OUT" else found


def _undotted(name: str) -> str:
    return name.removesuffix(".")


def _renewals(summary: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Of a certificate that ACM has renewed, or tries to; of any other nothing."""
    if not summary:
        return []
    return [
        {
            "renewalStatus": summary["RenewalStatus"],
            "renewalStatusReason": summary.get("RenewalStatusReason"),
            "updatedAt": _time(summary.get("UpdatedAt")),
        }
    ]


def _time(moment: datetime | None) -> str | None:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if moment else None


def _go_time(moment: datetime) -> str:
    """As Go's ``time.Time.String`` writes a time in UTC."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06}".rstrip("0").rstrip(".")
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


TYPES: tuple[type[ResourceType], ...] = (Certificate, CertificateValidation)
