"""Where MiniStack's ACM isn't AWS's: it issues what nobody has validated, and forgets what was asked for.

What is replaced are functions of its module that it looks up at each request.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ecs_stack.local.gateway_route53 import normalised

Certificate = dict[str, Any]
_PENDING = "PENDING_VALIDATION"
#: https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateOptions.html
_OPTIONS = {"CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED"}
#: What a certificate has from when it is issued.
_OF_ISSUED = ("IssuedAt", "NotBefore", "NotAfter")
_YEAR = 365 * 24 * 3600


def complete(acm: Any, route53: Any) -> None:
    """Mend the module ``ministack.services.acm``; ``route53`` is its neighbour.

    A certificate that is to be validated by DNS is issued once its records are found, which ACM does by itself within
    minutes; here it looks whenever somebody asks. Only names in a hosted zone of this account can be looked up: where
    there is none, somebody else answers for the domain, and it counts as validated.
    """
    request, shape, listing = acm._request_certificate, acm._cert_shape, acm._list_certificates

    def request_certificate(data: Mapping[str, Any]) -> Any:
        status, _, body = answer = request(data)
        if status < 400:
            certificate = acm._certificates[json.loads(body)["CertificateArn"]]
            certificate["KeyAlgorithm"] = data.get("KeyAlgorithm", "RSA_2048")
            certificate["Options"] = {**_OPTIONS, **data.get("Options", {})}
            if data.get("ValidationMethod") == "DNS":
                certificate["Status"] = _PENDING
                for name in _OF_ISSUED:
                    del certificate[name]
                for option in certificate["DomainValidationOptions"]:
                    option["ValidationStatus"] = _PENDING
        return answer

    def certificate_shape(certificate: Certificate) -> Certificate:
        settle(certificate)
        found: Certificate = shape(certificate)
        # In this answer alone ACM writes hyphens.
        found["KeyAlgorithm"] = certificate.get("KeyAlgorithm", "RSA_2048").replace("_", "-")
        if certificate["Status"] == _PENDING:
            found = {name: value for name, value in found.items() if name not in _OF_ISSUED}
        return found

    def list_certificates(data: Mapping[str, Any]) -> Any:
        for certificate in acm._certificates.values():
            settle(certificate)
        return listing(data)

    def update_options(data: Mapping[str, Any]) -> Any:
        certificate = acm._get_local_certificate(data.get("CertificateArn", ""))
        if certificate is None:
            return acm._certificate_not_found(data.get("CertificateArn", ""))
        certificate["Options"] = {**certificate["Options"], **data.get("Options", {})}
        return acm.json_response({})

    def settle(certificate: Certificate) -> None:
        if certificate["Status"] != _PENDING:
            return
        options = certificate["DomainValidationOptions"]
        for option in options:
            if validated(option["ResourceRecord"]):
                option["ValidationStatus"] = "SUCCESS"
        if all(option["ValidationStatus"] == "SUCCESS" for option in options):
            now = acm.now_iso()
            certificate |= {"Status": "ISSUED", "IssuedAt": now, "NotBefore": now, "NotAfter": acm._future_iso(_YEAR)}

    def validated(record: Mapping[str, str]) -> bool:
        name, value = normalised(record["Name"]), normalised(record["Value"])
        zones = [z for z in route53._zones.values() if not z.get("private") and name.endswith(f".{z['name']}")]
        # The nearest one answers in the DNS, where it is delegated to.
        nearest = max((len(zone["name"]) for zone in zones), default=0)
        return not zones or any(
            found["Name"] == name and found["Type"] == "CNAME" and value in map(normalised, found["ResourceRecords"])
            for zone in zones
            if len(zone["name"]) == nearest
            for found in route53._records.get(zone["id"], ())
        )

    acm._request_certificate = request_certificate
    acm._cert_shape = certificate_shape
    acm._list_certificates = list_certificates
    acm._update_options = update_options
