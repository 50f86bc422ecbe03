"""A listener of moto's with a certificate of MiniStack's, in the whole local cloud."""

from __future__ import annotations

import os
import signal
import socket
import ssl
from pathlib import Path

import botocore.exceptions
import pytest

from ecs_stack.local import cloud
from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.controllers.load_balancer.tls import ROOT_CERTIFICATE
from ecs_stack.local.persistence_paths import Paths
from tests.local.conftest import client_of

pytestmark = pytest.mark.emulator


def handshake(local: LocalCloud, listener: str, trusted: str) -> str | None:
    """The version of TLS that a client speaks that trusts these certificates alone."""
    client = ssl.create_default_context(cadata=trusted)
    port = local.listeners()[listener].port
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        client.wrap_socket(connection, server_hostname="shop.example.com") as secure,
    ):
        return secure.version()


def test_https_outlives_a_killed_cloud_and_goes_with_it(root: Path) -> None:
    local = cloud.start(root)
    ec2, elb, acm = (client_of(local, service) for service in ("ec2", "elbv2", "acm"))
    subnets = [each["SubnetId"] for each in ec2.describe_subnets()["Subnets"][:2]]
    balancer = elb.create_load_balancer(Name="web", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    made = acm.request_certificate(DomainName="example.com", SubjectAlternativeNames=["*.example.com"])
    certificate = made["CertificateArn"]
    listener = elb.create_listener(
        LoadBalancerArn=balancer,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )["Listeners"][0]["ListenerArn"]
    where = local.listeners()[listener]
    file = Paths(root).base / ROOT_CERTIFICATE
    trusted = file.read_text()
    assert handshake(local, listener, trusted)

    os.kill(local.pid, signal.SIGKILL)
    local = cloud.start(root)
    acm = client_of(local, "acm")
    assert local.listeners()[listener] == where
    assert handshake(local, listener, trusted)
    assert acm.describe_certificate(CertificateArn=certificate)["Certificate"]["InUseBy"] == [balancer]
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceInUseException"):
        acm.delete_certificate(CertificateArn=certificate)

    cloud.reset(root)
    assert not file.exists()
