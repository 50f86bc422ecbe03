"""A load balancer's domain: the names that its certificate is for, and the hosted zone that its records are in."""

from __future__ import annotations

import re

#: A certificate of ACM's. https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html
_CERTIFICATE = re.compile(r"arn:aws[a-z-]*:acm:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):certificate/[\w-]+", re.ASCII)
#: In the place of a certificate: plain HTTP.
NO_CERTIFICATE = "none"


def names(domain: str) -> tuple[str, str]:
    """What a certificate for a domain is made for, and what DNS records are made for.

    >>> names("example.com")
    ('example.com', '*.example.com')

    An asterisk stands for one label, in certificates (RFC 6125, section 6.4.3) and here.
    """
    return domain, f"*.{domain}"


def covers(domain: str, host: str) -> bool:
    """Whether a certificate for ``names(domain)`` is good for every name that a route's host stands for.

    >>> [covers("example.com", host) for host in ("example.com", "api.example.com", "*.example.com", "a.b.example.com")]
    [True, True, True, False]
    """
    label, _, parent = host.lower().partition(".")
    return host.lower() == domain or (parent == domain and bool(label))


def in_zone(domain: str, zone: str) -> bool:
    """Whether a domain's records belong into a hosted zone of that name."""
    return domain == zone or domain.endswith(f".{zone}")


def certificate_problem(certificate: str) -> str | None:
    """What is wrong with a reference to a certificate; None if nothing is."""
    if certificate == NO_CERTIFICATE or _CERTIFICATE.fullmatch(certificate):
        return None
    return (
        "must be a certificate's ARN in ACM, such as arn:aws:acm:eu-west-1:123456789012:certificate/..., or none for "
        f"plain HTTP, not '{certificate}'"
    )


def elsewhere(certificate: str, region: str, account: str | None) -> str | None:
    """Why a load balancer in ``region`` (and ``account``, if it is known) can't use a certificate; None if it can.

    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
    """
    found = _CERTIFICATE.fullmatch(certificate)
    if found and found["region"] != region:
        return f"is in {found['region']}: a load balancer takes certificates of its own region, {region}"
    if found and account and found["account"] != account:
        return f"belongs to account {found['account']}, and the environment to {account}"
    return None
