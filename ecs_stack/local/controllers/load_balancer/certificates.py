"""The certificates of HTTPS listeners. They are ACM's, which MiniStack answers, not moto's own.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from typing import Any

import botocore.exceptions

from ecs_stack.local.gateway_messages import ApiError

log = logging.getLogger(__name__)


def names(acm: Any, arns: Iterable[str]) -> tuple[str, ...]:
    """The names that these certificates are for, each certificate's own name before its alternative ones.

    None of a certificate that ACM doesn't have: it refuses to delete one in use, so its state was lost.
    """
    found: dict[str, None] = {}
    for arn in arns:
        certificate = _describe(acm, arn)
        if certificate is None:
            log.warning("a listener uses %s, which ACM doesn't know", arn)
            continue
        alternatives = certificate.get("SubjectAlternativeNames", ())
        found.update(dict.fromkeys(name.lower() for name in (certificate["DomainName"], *alternatives)))
    return tuple(found)


def require_issued(acm: Any, arns: Iterable[str]) -> None:
    """Raise ApiError where a load balancer refuses a certificate, in its words."""
    for arn in arns:
        certificate = _describe(acm, arn)
        if certificate is None:
            raise ApiError("CertificateNotFound", f"Certificate '{arn}' not found")
        if certificate["Status"] != "ISSUED":
            # AWS says the same of each that it can't use, one that waits for its validation too.
            raise ApiError(
                "UnsupportedCertificate",
                f"The certificate '{arn}' must have a fully-qualified domain name, a supported signature, and a "
                "supported key size.",
            )


def _describe(acm: Any, arn: str) -> Mapping[str, Any] | None:
    try:
        return dict(acm.describe_certificate(CertificateArn=arn)["Certificate"])
    except (acm.exceptions.ResourceNotFoundException, botocore.exceptions.ParamValidationError):
        return None  # The latter: it is no ARN.
