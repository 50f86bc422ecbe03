"""HTTPS listeners: what clients get of TLS, and what follows a change of a listener or of its certificate.

https://docs.aws.amazon.com/elasticloadbalancing/latest/application/https-listener-certificates.html
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ecs_stack.local.controllers.load_balancer.tls import ROOT_CERTIFICATE
from tests.local.load_balancer.harness import Backend, Stack
from tests.local.load_balancer.test_routing import fixed, forward
from tests.local.load_balancer.test_targets import error_code

pytestmark = pytest.mark.emulator

NAMES = ("example.com", "*.example.com", "api.other.org")


@dataclass
class Got:
    """An answer over TLS: the certificate's names and serial number, what was agreed on, and the answer's text."""

    names: list[str]
    serial: str
    alpn: str | None
    version: str | None
    text: str

    @property
    def seen(self) -> dict[str, str]:
        return dict(json.loads(self.text.partition("\r\n\r\n")[2])["headers"])


def get(stack: Stack, listener: str, name: str | None, *, check: bool = True, alpn: str = "http/1.1") -> Got:
    """GET / as a client that trusts the local authority, and no other. ``check`` compares the certificate's names."""
    port = stack.controller.listeners()[listener]["port"]
    trusting = ssl.create_default_context(cafile=str(stack.root / ROOT_CERTIFICATE))
    trusting.check_hostname = check and name is not None
    trusting.set_alpn_protocols([alpn])
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        trusting.wrap_socket(connection, server_hostname=name) as secure,
    ):
        text = ""
        if alpn == "http/1.1":
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {name or 'none'}\r\nConnection: close\r\n\r\n".encode())
            text = b"".join(iter(lambda: secure.recv(65536), b"")).decode()
        certificate: dict[str, Any] = secure.getpeercert() or {}
        return Got(
            names=[value for _, value in certificate["subjectAltName"]],
            serial=certificate["serialNumber"],
            alpn=secure.selected_alpn_protocol(),
            version=secure.version(),
            text=text,
        )


def secure_listener(stack: Stack, certificate: str, action: Any = None, *, balancer: str | None = None) -> str:
    found = stack.elb.create_listener(
        LoadBalancerArn=balancer or stack.balancer(),
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[action or fixed("secure")],
    )
    return str(found["Listeners"][0]["ListenerArn"])


def described(stack: Stack, listener: str) -> dict[str, Any]:
    found: dict[str, Any] = stack.elb.describe_listeners(ListenerArns=[listener])["Listeners"][0]
    return found


@pytest.fixture(scope="module")
def listener(stack: Stack) -> Iterator[str]:
    made = secure_listener(stack, stack.certificate(*NAMES))
    yield made
    stack.elb.delete_listener(ListenerArn=made)


@pytest.mark.parametrize(
    ("name", "names"),
    [
        ("example.com", ["example.com"]),
        ("any.example.com", ["*.example.com"]),
        ("api.other.org", ["api.other.org"]),
        (None, ["example.com"]),
    ],
)
def test_a_client_that_trusts_the_authority_gets_in(
    stack: Stack, listener: str, name: str | None, names: list[str]
) -> None:
    got = get(stack, listener, name)
    assert got.text.startswith("HTTP/1.1 200")
    assert got.text.endswith("secure")
    assert got.names == names


@pytest.mark.parametrize("name", ["elsewhere.org", "a.b.example.com"])
def test_a_client_that_asks_for_another_name_gets_the_default_certificate(
    stack: Stack, listener: str, name: str
) -> None:
    assert get(stack, listener, name, check=False).names == ["example.com"]
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        get(stack, listener, name)


def test_no_other_authority_is_trusted_and_the_machine_doesnt_trust_this_one(stack: Stack, listener: str) -> None:
    port = stack.controller.listeners()[listener]["port"]
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|unable to get local issuer"),
    ):
        ssl.create_default_context().wrap_socket(connection, server_hostname="example.com")


@pytest.mark.parametrize("protocol", ["h2", "http/1.1"])
def test_http_2_is_negotiated(stack: Stack, listener: str, protocol: str) -> None:
    assert get(stack, listener, "example.com", alpn=protocol).alpn == protocol


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_1, ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_versions_of_tls(stack: Stack, listener: str, version: ssl.TLSVersion) -> None:
    port = stack.controller.listeners()[listener]["port"]
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    # OpenSSL's default level lets no client say TLS 1.1.
    client.set_ciphers("DEFAULT:@SECLEVEL=0")
    with (
        pytest.warns(DeprecationWarning, match="TLSv1_1")
        if version is ssl.TLSVersion.TLSv1_1
        else contextlib.nullcontext()
    ):
        client.minimum_version = client.maximum_version = version
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        if version is ssl.TLSVersion.TLSv1_1:
            with pytest.raises(ssl.SSLError, match="PROTOCOL_VERSION"):
                client.wrap_socket(connection)
        else:
            with client.wrap_socket(connection) as secure:
                assert secure.version() == version.name.replace("_", ".")


def test_headers_that_a_target_gets(stack: Stack, backends: list[Backend]) -> None:
    group = stack.group()
    made = secure_listener(stack, stack.certificate("shop.example.com"), forward(group))
    stack.register(group, backends[0])
    seen = get(stack, made, "shop.example.com").seen
    assert (seen["X-Forwarded-Proto"], seen["X-Forwarded-Port"]) == ("https", "443")
    assert (seen["X-Forwarded-For"], seen["Host"]) == ("127.0.0.1", "shop.example.com")


def test_a_redirect_leads_to_the_https_listener(stack: Stack) -> None:
    balancer = stack.balancer()
    made = secure_listener(stack, stack.certificate("shop.example.com"), balancer=balancer)
    redirect = {"Protocol": "HTTPS", "Port": "443", "Host": "#{host}", "StatusCode": "HTTP_301"}
    plain = stack.listener({"Type": "redirect", "RedirectConfig": redirect}, balancer=balancer)
    where = stack.controller.listeners()[made]
    assert where["url"] == f"https://localhost:{where['port']}"
    answer = stack.request(plain, "/a?b=c", Host="shop.example.com")
    assert answer.headers["Location"] == f"https://shop.example.com:{where['port']}/a?b=c"


def test_refusals(stack: Stack) -> None:
    waiting = stack.certificate("waiting.example.com")
    stack.acm.set_status(waiting, "PENDING_VALIDATION")
    unknown = waiting[:-4] + "0000"
    arguments: dict[str, Any] = {
        "LoadBalancerArn": stack.balancer(),
        "Protocol": "HTTPS",
        "Port": 443,
        "DefaultActions": [fixed("x")],
    }
    refused = error_code(stack.elb.create_listener, **arguments)
    assert refused == ("ValidationError", "A certificate must be specified for HTTPS listeners")
    for arn, code in (
        ("no ARN", "CertificateNotFound"),
        (unknown, "CertificateNotFound"),
        (waiting, "UnsupportedCertificate"),
    ):
        certificates = [{"CertificateArn": arn}]
        assert error_code(stack.elb.create_listener, Certificates=certificates, **arguments)[0] == code
        made = secure_listener(stack, stack.certificate("issued.example.com"))
        for call in (stack.elb.modify_listener, stack.elb.add_listener_certificates):
            assert error_code(call, ListenerArn=made, Certificates=certificates)[0] == code
    stack.acm.set_status(waiting, "ISSUED")
    assert secure_listener(stack, waiting)
    plain = stack.listener(fixed("x"))
    assert error_code(stack.elb.modify_listener, ListenerArn=plain, Protocol="HTTPS")[0] == "ValidationError"


def test_what_the_api_answers(stack: Stack) -> None:
    arn = stack.certificate("example.com")
    made = secure_listener(stack, arn)
    found = described(stack, made)
    assert found["Certificates"] == [{"CertificateArn": arn}]
    assert found["SslPolicy"] == "ELBSecurityPolicy-2016-08"
    policy = "ELBSecurityPolicy-TLS13-1-2-Res-PQ-2025-09"
    stack.elb.modify_listener(ListenerArn=made, SslPolicy=policy)
    assert described(stack, made)["SslPolicy"] == policy
    assert described(stack, made)["Certificates"] == [{"CertificateArn": arn}]
    assert "SslPolicy" not in described(stack, stack.listener(fixed("x")))


def test_a_certificate_in_use_stays(stack: Stack) -> None:
    acm = stack.clients("acm", "eu-west-1")
    arn, balancer = stack.certificate("example.com"), stack.balancer()
    made = secure_listener(stack, arn, balancer=balancer)
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == [balancer]
    code, message = error_code(acm.delete_certificate, CertificateArn=arn)
    assert (code, message) == ("ResourceInUseException", f"Certificate {arn} in account 123456789012 is in use.")
    stack.elb.delete_listener(ListenerArn=made)
    assert acm.describe_certificate(CertificateArn=arn)["Certificate"]["InUseBy"] == []
    acm.delete_certificate(CertificateArn=arn)


def test_another_certificate(stack: Stack) -> None:
    made = secure_listener(stack, stack.certificate("old.example.com"))
    port = stack.controller.listeners()[made]["port"]
    assert get(stack, made, None).names == ["old.example.com"]
    stack.elb.modify_listener(ListenerArn=made, Certificates=[{"CertificateArn": stack.certificate("new.example.com")}])
    assert get(stack, made, None).names == ["new.example.com"]
    assert get(stack, made, "old.example.com", check=False).names == ["new.example.com"]
    assert stack.controller.listeners()[made]["port"] == port


def test_more_certificates(stack: Stack) -> None:
    first, second, third = (stack.certificate(f"{name}.example.com") for name in ("first", "second", "third"))
    made = secure_listener(stack, first)
    for _ in range(2):
        stack.elb.add_listener_certificates(ListenerArn=made, Certificates=[{"CertificateArn": second}])
    assert get(stack, made, "second.example.com").text.endswith("secure")
    assert get(stack, made, None).names == ["first.example.com"]
    assert described(stack, made)["Certificates"] == [{"CertificateArn": first}]
    stack.elb.modify_listener(ListenerArn=made, Certificates=[{"CertificateArn": third}])
    used = stack.elb.describe_listener_certificates(ListenerArn=made)["Certificates"]
    assert [(each["CertificateArn"], each["IsDefault"]) for each in used] == [(third, True), (second, False)]
    remove = stack.elb.remove_listener_certificates
    refused = error_code(remove, ListenerArn=made, Certificates=[{"CertificateArn": third}])
    assert refused[0] == "OperationNotPermitted"
    remove(ListenerArn=made, Certificates=[{"CertificateArn": second}])
    assert get(stack, made, "second.example.com", check=False).names == ["third.example.com"]


def test_from_http_to_https_and_back(stack: Stack) -> None:
    made = stack.listener(fixed("here"))
    port = stack.controller.listeners()[made]["port"]
    stack.elb.modify_listener(
        ListenerArn=made,
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": stack.certificate("example.com")}],
    )
    assert get(stack, made, "example.com").text.endswith("here")
    assert stack.controller.listeners()[made] == {
        "load_balancer": made.split("/")[2],
        "port": port,
        "url": f"https://localhost:{port}",
    }
    stack.elb.modify_listener(ListenerArn=made, Protocol="HTTP", Port=80)
    assert stack.request(made).text == "here"
    assert not described(stack, made).keys() & {"Certificates", "SslPolicy"}


def test_a_restart_keeps_authority_certificate_and_port(stack: Stack, listener: str) -> None:
    port, before = stack.controller.listeners()[listener]["port"], get(stack, listener, "example.com")
    root = (stack.root / ROOT_CERTIFICATE).read_bytes()
    stack.controller.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    stack.start()
    after = get(stack, listener, "example.com")
    assert stack.controller.listeners()[listener]["port"] == port
    assert (stack.root / ROOT_CERTIFICATE).read_bytes() == root
    assert after.serial == before.serial
    assert after.text.endswith("secure")


def test_keys_are_private(stack: Stack, listener: str) -> None:
    assert get(stack, listener, "example.com").text
    keys = list(stack.root.rglob("*.key"))
    assert {key.name for key in keys} >= {"root.key", "example.com.key"}
    for key in keys:
        assert key.is_relative_to(stack.root / "caddy")
        assert key.stat().st_mode & 0o777 == 0o600
        folders = [above for above in key.parents if above.is_relative_to(stack.root / "caddy")]
        assert {folder.stat().st_mode & 0o777 for folder in folders} == {0o700}
