"""moto's listeners with certificates: whose certificates they are, and what it answers of them."""

from __future__ import annotations

from typing import Any

#: What CreateListener takes where it is told none; the console proposes a newer one.
#: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html
DEFAULT_POLICY = "ELBSecurityPolicy-2016-08"


def mend() -> None:
    """Patch moto, before it executes anything."""
    _trust_the_gateway_about_certificates()
    _keep_what_belongs_to_the_protocol()
    _describe_the_default_certificate_only()


def users_of(certificate_arn: str) -> list[str]:
    """The ARNs of the load balancers whose listeners use a certificate: what ACM calls InUseBy.

    Any thread may ask: it only copies, while moto's own may be changing things.
    """
    from moto.elbv2.models import elbv2_backends

    region, account = certificate_arn.split(":")[3:5]
    # Asked for by [], moto would make it.
    backend = dict.get(elbv2_backends[account], region)
    if backend is None:
        return []
    return [
        balancer.arn
        for balancer in list(backend.load_balancers.values())
        if any(certificate_arn in each.certificates for each in list(balancer.listeners.values()))
    ]


def _trust_the_gateway_about_certificates() -> None:
    """moto looks for certificates in its own ACM, which has none.

    The gateway asks the ACM that has them before moto sees the request (``controllers.load_balancer.api``), and not
    again when the journal is replayed.
    """
    from moto.elbv2 import models

    def register(**certificate: str) -> None:
        del certificate

    def exists(backend: Any, certificate_arn: str) -> bool:
        del backend, certificate_arn
        return True

    models.register_certificate = register
    models.ELBv2Backend._certificate_exists = exists


def _keep_what_belongs_to_the_protocol() -> None:
    """A listener without TLS has neither policy nor certificates, also once it was changed; with TLS it has a policy. A
    new default certificate leaves the other certificates alone ("Update an HTTPS listener" in the ALB's guide).
    """
    from moto.elbv2.models import ELBv2Backend

    create, modify, add = (
        ELBv2Backend.create_listener,
        ELBv2Backend.modify_listener,
        ELBv2Backend.add_listener_certificates,
    )

    def settled(listener: Any) -> Any:
        if listener.protocol not in ("HTTPS", "TLS"):
            listener.certificate, listener.certificates, listener.ssl_policy = None, [], None
        elif listener.ssl_policy is None:
            listener.ssl_policy = DEFAULT_POLICY
        return listener

    def create_listener(backend: Any, *arguments: Any, **keywords: Any) -> Any:
        return settled(create(backend, *arguments, **keywords))

    def modify_listener(backend: Any, arn: str, *arguments: Any, **keywords: Any) -> Any:
        before = backend.describe_listeners(load_balancer_arn=None, listener_arns=[arn])[0].certificates[1:]
        listener = settled(modify(backend, arn, *arguments, **keywords))
        default = listener.certificates[:1]
        listener.certificates = [*default, *(each for each in before if default and each not in default)]
        return listener

    def add_listener_certificates(backend: Any, arn: str, certificates: list[dict[str, Any]]) -> Any:
        """One that is there already isn't added again (AddListenerCertificates)."""
        there = backend.describe_listener_certificates(arn)
        return add(backend, arn, [each for each in certificates if each["CertificateArn"] not in there])

    ELBv2Backend.create_listener = create_listener
    ELBv2Backend.modify_listener = modify_listener
    ELBv2Backend.add_listener_certificates = add_listener_certificates


def _describe_the_default_certificate_only() -> None:
    """What DescribeListeners and the like give of a listener; DescribeListenerCertificates has them all."""
    from moto.elbv2.responses import ELBV2Response, transform_certificates

    transformers = ELBV2Response.RESPONSE_KEY_PATH_TO_TRANSFORMER
    for path in [path for path in transformers if path.endswith(".Listener.Certificates")]:
        transformers[path] = lambda certificates: transform_certificates(certificates[:1])
