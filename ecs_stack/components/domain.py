"""A domain in Route 53: a certificate for it, and records that lead to a load balancer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_aws import acm, route53

from ecs_stack.rules import domains

#: Seconds that a name is kept by resolvers. ACM's own records for validation never change.
_TTL = 300
#: ACM looks for the record every few minutes. In a zone that nobody delegates to it never finds it, and waiting the
#: provider's 75 minutes wouldn't help.
_ISSUED_WITHIN = "20m"


@dataclass(frozen=True, kw_only=True)
class CertificateArgs:
    """``zone_id`` is the public hosted zone in which the domain is validated; without one somebody else does that."""

    domain: str
    zone_id: pulumi.Input[str] | None = None
    tags: pulumi.Input[Mapping[str, pulumi.Input[str]]] | None = None


class Certificate(pulumi.ComponentResource):
    """A certificate for a domain and all names one label below it, which ACM issues and renews by itself."""

    arn: pulumi.Output[str]
    """Known once the certificate is issued: before, no load balancer takes it."""

    def __init__(self, name: str, args: CertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:Certificate", name, {}, opts)
        child = pulumi.ResourceOptions(parent=self)
        certificate = acm.Certificate(
            name,
            domain_name=args.domain,
            subject_alternative_names=list(domains.names(args.domain)[1:]),
            validation_method="DNS",
            tags=args.tags,
            opts=child,
        )
        proof = None
        if args.zone_id is not None:
            # The domain and its wildcard are validated by one and the same record, and so is every other certificate of
            # the account for them, now and at each renewal: made again it is the same, and deleted it might be missed.
            # https://docs.aws.amazon.com/acm/latest/userguide/dns-validation.html
            option = certificate.domain_validation_options[0]
            proof = route53.Record(
                f"{name}-validation",
                zone_id=args.zone_id,
                name=option.resource_record_name,
                type=option.resource_record_type,
                records=[option.resource_record_value],
                ttl=_TTL,
                allow_overwrite=True,
                opts=pulumi.ResourceOptions(parent=self, retain_on_delete=True),
            )
        issued = acm.CertificateValidation(
            name,
            certificate_arn=certificate.arn,
            validation_record_fqdns=[proof.fqdn] if proof else None,
            opts=pulumi.ResourceOptions(parent=self, custom_timeouts=pulumi.CustomTimeouts(create=_ISSUED_WITHIN)),
        )
        self.arn = issued.certificate_arn
        self.register_outputs({"arn": self.arn})


@dataclass(frozen=True, kw_only=True)
class RecordsArgs:
    """``zone_id`` is the public hosted zone that they are made in.

    ``target`` is a load balancer's DNS name, ``target_zone_id`` the hosted zone of that name.
    """

    domain: str
    zone_id: pulumi.Input[str]
    target: pulumi.Input[str]
    target_zone_id: pulumi.Input[str]


class Records(pulumi.ComponentResource):
    """Alias records for a domain and all names one label below it. What is there already isn't taken over."""

    def __init__(self, name: str, args: RecordsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:Records", name, {}, opts)
        for suffix, host in zip(("", "-wildcard"), domains.names(args.domain), strict=True):
            route53.Record(
                f"{name}{suffix}",
                zone_id=args.zone_id,
                name=host,
                type="A",
                aliases=[
                    route53.RecordAliasArgs(
                        name=args.target,
                        zone_id=args.target_zone_id,
                        # With one record there is nothing else to answer with.
                        evaluate_target_health=False,
                    )
                ],
                opts=pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({})


def hosted_zone_id(name: str, provider: pulumi.ProviderResource) -> pulumi.Output[str]:
    """The id of the public hosted zone of that name in the provider's account."""
    looked_up = route53.get_zone_output(
        name=name, private_zone=False, opts=pulumi.InvokeOutputOptions(provider=provider)
    )
    return looked_up.zone_id
