"""Hosted zones in Route 53 and certificates in ACM: whether what an environment names is there.

What these credentials may not ask about is left to the run, which says what AWS says.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ecs_stack.errors import RefusedError


def public(listed: Iterable[Mapping[str, Any]], zone: str) -> Iterator[Mapping[str, Any]]:
    """The public ones of that name among hosted zones as Route 53 lists them. Names aren't unique in an account."""
    return (each for each in listed if each["Name"] == f"{zone}." and not each["Config"]["PrivateZone"])


def refuse_zone(route53: Any, zone: str) -> None:
    """Raises RefusedError unless the account has one public hosted zone of that name."""
    try:
        # From that name on in the order of the DNS, so that zones of the same name are on the first page.
        listed = route53.list_hosted_zones_by_name(DNSName=zone)["HostedZones"]
    except (ClientError, BotoCoreError):
        return
    found = list(public(listed, zone))
    if len(found) == 1:
        return
    how_many = f"{len(found)} public hosted zones" if found else "no public hosted zone"
    raise RefusedError(
        f"Route 53 has {how_many} called {zone} in this account",
        hint="Make one and delegate the domain to it, or name the zone that the domain is in: `load_balancer.zone`. "
        "If the DNS is elsewhere, name a certificate (`load_balancer.certificate`) and make the records there.",
    )


def refuse_certificate(acm: Any, arn: str) -> None:
    """Raises RefusedError for a certificate that ACM doesn't have, or that isn't issued: no listener takes it."""
    try:
        status = acm.describe_certificate(CertificateArn=arn)["Certificate"]["Status"]
    except ClientError as error:
        if error.response.get("Error", {}).get("Code") != "ResourceNotFoundException":
            return
        raise RefusedError(f"ACM has no certificate {arn}", hint="Correct `load_balancer.certificate`.") from error
    except BotoCoreError:
        return
    if status != "ISSUED":
        raise RefusedError(
            f"the certificate {arn} isn't issued: ACM says {status}",
            hint="`aws acm describe-certificate` shows the record that validates it, or why it isn't valid any more.",
        )
