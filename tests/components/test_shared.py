"""The components that services share: network, cluster, load balancer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest

from ecs_stack.components import (
    Certificate,
    CertificateArgs,
    Cluster,
    ClusterArgs,
    LoadBalancer,
    LoadBalancerArgs,
    Network,
    NetworkArgs,
    Records,
    RecordsArgs,
)
from tests.components.recording import Recording

TAGS = {"team": "a"}


def _settled(declare: Callable[[], Any]) -> None:
    pulumi.runtime.test(lambda: declare() and None)()


@pytest.mark.parametrize(("nat", "strategy"), [("none", "None"), ("single", "Single"), ("per-zone", "OnePerAz")])
def test_a_network(built: Recording, nat: Any, strategy: str) -> None:
    _settled(lambda: Network("dev", NetworkArgs(region="eu-west-1", cidr="10.1.0.0/16", zones=3, nat=nat, tags=TAGS)))
    vpc = built.one("awsx:ec2:Vpc")
    assert vpc.parent == "ecs-stack:index:Network::dev"
    assert vpc.inputs == {
        "cidrBlock": "10.1.0.0/16",
        "numberOfAvailabilityZones": 3,
        "natGateways": {"strategy": strategy},
        "subnetStrategy": "Auto",
        "enableDnsHostnames": True,
        "tags": TAGS,
    }


def test_a_network_with_endpoints(built: Recording) -> None:
    _settled(lambda: Network("dev", NetworkArgs(region="eu-west-1", endpoints=["s3", "ecr"])))
    vpc = built.one("awsx:ec2:Vpc")
    interface = {"vpcEndpointType": "Interface", "privateDnsEnabled": True}
    assert vpc["vpcEndpointStrategy"] == "Auto"
    assert vpc["vpcEndpointSpecs"] == [
        {"serviceName": "com.amazonaws.eu-west-1.s3", "vpcEndpointType": "Gateway"},
        {"serviceName": "com.amazonaws.eu-west-1.ecr.api", **interface},
        {"serviceName": "com.amazonaws.eu-west-1.ecr.dkr", **interface},
    ]


@pulumi.runtime.test
def test_a_networks_outputs(built: Recording) -> pulumi.Output[None]:
    network = Network("dev", NetworkArgs(region="eu-west-1"))

    def check(known: list[Any]) -> None:
        assert known[0] == "vpc-1"
        assert known[1] == ["subnet-public-1", "subnet-public-2"]
        assert known[2] == ["subnet-private-1", "subnet-private-2"]

    outputs = (network.vpc_id, network.public_subnet_ids, network.private_subnet_ids)
    return pulumi.Output.all(*outputs).apply(check)


def test_a_cluster(built: Recording) -> None:
    args = ClusterArgs(cluster_name="dev", fargate=1, fargate_spot=4, container_insights="enhanced")
    _settled(lambda: Cluster("dev", args))
    cluster = built.one("ecs/cluster:Cluster")
    assert cluster["name"] == "dev"
    assert cluster["settings"] == [{"name": "containerInsights", "value": "enhanced"}]
    providers = built.one("ecs/clusterCapacityProviders:ClusterCapacityProviders")
    assert providers["capacityProviders"] == ["FARGATE", "FARGATE_SPOT"]
    assert providers["defaultCapacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]


@pulumi.runtime.test
def test_a_clusters_outputs(built: Recording) -> pulumi.Output[None]:
    cluster = Cluster("dev", ClusterArgs(cluster_name="shop"))
    assert cluster.capacity == {"FARGATE": 1}

    def check(known: list[Any]) -> None:
        assert known == ["shop", "arn:aws:Cluster:dev"]

    return pulumi.Output.all(cluster.name, cluster.arn).apply(check)


BALANCER = LoadBalancerArgs(
    vpc_id="vpc-1",
    subnet_ids=["subnet-public-1", "subnet-public-2"],
    allow_from=["192.0.2.0/24", "198.51.100.0/24"],
    idle_timeout=120,
    tags=TAGS,
)


def test_a_load_balancer(built: Recording) -> None:
    _settled(lambda: LoadBalancer("dev", BALANCER))
    balancer = built.one("lb/loadBalancer:LoadBalancer")
    assert (balancer["loadBalancerType"], balancer["internal"]) == ("application", False)
    assert balancer["subnets"] == ["subnet-public-1", "subnet-public-2"]
    assert balancer["securityGroups"] == ["SecurityGroup-dev-lb"]
    assert (balancer["dropInvalidHeaderFields"], balancer["idleTimeout"]) == (True, 120)


def test_a_request_that_no_service_takes_gets_404(built: Recording) -> None:
    _settled(lambda: LoadBalancer("dev", BALANCER))
    listener = built.one("lb/listener:Listener")
    assert (listener["port"], listener["protocol"]) == (80, "HTTP")
    (action,) = listener["defaultActions"]
    assert action["type"] == "fixed-response"
    assert action["fixedResponse"]["statusCode"] == "404"


def test_with_a_certificate_it_speaks_https_and_redirects_plain_http(built: Recording) -> None:
    _settled(lambda: LoadBalancer("dev", replace(BALANCER, certificate_arn="arn:aws:acm:certificate")))
    plain, secure = built.one("lb/listener:Listener", "dev"), built.one("lb/listener:Listener", "dev-https")
    assert (plain["port"], plain["protocol"], plain["certificateArn"]) == (80, "HTTP", None)
    (action,) = plain["defaultActions"]
    assert action == {"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443", "statusCode": "HTTP_301"}}
    assert (secure["port"], secure["protocol"]) == (443, "HTTPS")
    assert secure["certificateArn"] == "arn:aws:acm:certificate"
    assert secure["sslPolicy"].startswith("ELBSecurityPolicy-TLS13-1-2-Res")
    assert [action["type"] for action in secure["defaultActions"]] == ["fixed-response"]
    rules = built.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert sorted((rule["cidrIpv4"], rule["fromPort"], rule["toPort"]) for rule in rules) == [
        ("192.0.2.0/24", 80, 80),
        ("192.0.2.0/24", 443, 443),
        ("198.51.100.0/24", 80, 80),
        ("198.51.100.0/24", 443, 443),
    ]


@pulumi.runtime.test
def test_services_add_their_rules_to_the_listener_that_speaks_https(built: Recording) -> pulumi.Output[None]:
    balancer = LoadBalancer("dev", replace(BALANCER, certificate_arn="arn:aws:acm:certificate"))
    assert (balancer.listener_port, balancer.listener_protocol) == (443, "HTTPS")

    def check(arn: str) -> None:
        assert arn == "arn:aws:Listener:dev-https"

    return balancer.listener_arn.apply(check)


def test_a_certificate_is_validated_by_a_record_in_the_zone(built: Recording) -> None:
    _settled(lambda: Certificate("dev", CertificateArgs(domain="example.com", zone_id="Z1", tags=TAGS)))
    certificate = built.one("acm/certificate:Certificate")
    assert (certificate["domainName"], certificate["subjectAlternativeNames"]) == ("example.com", ["*.example.com"])
    assert (certificate["validationMethod"], certificate["tags"]) == ("DNS", TAGS)
    record = built.one("route53/record:Record")
    assert (record["zoneId"], record["name"], record["type"]) == ("Z1", "_a.example.com.", "CNAME")
    assert (record["records"], record["allowOverwrite"]) == (["_b.aws."], True)
    validation = built.one("acm/certificateValidation:CertificateValidation")
    assert validation["certificateArn"] == "arn:aws:Certificate:dev"
    assert validation["validationRecordFqdns"] == ["_a.example.com"]
    assert "aws:route53/record:Record::dev-validation" in validation.dependencies


def test_a_certificate_is_known_once_it_is_issued(built: Recording) -> None:
    """A listener that took the certificate itself would be made before anybody has validated it."""

    def declare() -> None:
        certificate = Certificate("dev", CertificateArgs(domain="shop.localhost"))
        LoadBalancer("dev", replace(BALANCER, certificate_arn=certificate.arn))

    _settled(declare)
    secure = built.one("lb/listener:Listener", "dev-https")
    assert secure["certificateArn"] == "arn:aws:Certificate:dev"
    assert "aws:acm/certificateValidation:CertificateValidation::dev" in secure.dependencies


def test_without_a_zone_nothing_is_made_in_the_dns(built: Recording) -> None:
    _settled(lambda: Certificate("dev", CertificateArgs(domain="shop.localhost")))
    assert not built.of("route53/record:Record")
    assert built.one("acm/certificateValidation:CertificateValidation")["validationRecordFqdns"] is None


def test_records_lead_a_domain_and_what_is_below_it_to_a_load_balancer(built: Recording) -> None:
    args = RecordsArgs(domain="a.example.com", zone_id="Z1", target="lb.aws", target_zone_id="Z9")
    _settled(lambda: Records("dev", args))
    alias = [{"name": "lb.aws", "zoneId": "Z9", "evaluateTargetHealth": False}]
    found = [(r["zoneId"], r["name"], r["type"], r["aliases"]) for r in built.of("route53/record:Record")]
    assert found == [("Z1", "a.example.com", "A", alias), ("Z1", "*.a.example.com", "A", alias)]


def test_who_may_connect(built: Recording) -> None:
    _settled(lambda: LoadBalancer("dev", BALANCER))
    rules = built.of("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert [(r["cidrIpv4"], r["ipProtocol"], r["fromPort"], r["toPort"]) for r in rules] == [
        ("192.0.2.0/24", "tcp", 80, 80),
        ("198.51.100.0/24", "tcp", 80, 80),
    ]


def test_the_load_balancer_lets_out_to_one_group(built: Recording) -> None:
    """A security group has 60 rules a direction: a rule a service would end there (docs/adr/0017)."""
    _settled(lambda: LoadBalancer("dev", BALANCER))
    rule = built.one("vpc/securityGroupEgressRule:SecurityGroupEgressRule")
    assert rule["securityGroupId"] == "SecurityGroup-dev-lb"
    assert rule["referencedSecurityGroupId"] == "SecurityGroup-dev-lb-tasks"
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"], rule["cidrIpv4"]) == ("tcp", 1, 65535, None)
    groups = built.of("ec2/securityGroup:SecurityGroup")
    assert [(group["ingress"], group["egress"]) for group in groups] == [(None, None), (None, None)]


def test_a_long_name_fits_a_load_balancer(built: Recording) -> None:
    _settled(lambda: LoadBalancer("e" * 32, BALANCER))
    assert len(built.one("lb/loadBalancer:LoadBalancer").name) == 24


@pulumi.runtime.test
def test_a_load_balancers_outputs(built: Recording) -> pulumi.Output[None]:
    balancer = LoadBalancer("dev", BALANCER)
    assert balancer.listener_port == 80

    def check(known: list[Any]) -> None:
        assert known == [
            "arn:aws:LoadBalancer:dev",
            "lb.example.com",
            "arn:aws:Listener:dev",
            "SecurityGroup-dev-lb",
        ]

    return pulumi.Output.all(balancer.arn, balancer.dns_name, balancer.listener_arn, balancer.security_group_id).apply(
        check
    )
