"""What an environment is charged for, held against the resources that its program makes (the golden lists of them)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from ecs_stack import spec
from ecs_stack.rules import endpoints

TESTS = Path(__file__).parents[1]
#: By the real engine, with what awsx makes: the whole of envs/prod.yaml.
PROD = TESTS / "e2e" / "golden" / "prod.txt"
LISTS = (PROD, *(TESTS / "program" / "golden").glob("*.txt"))

#: Charged by the hour: in every cost.
CHARGED = {
    "aws:ec2/eip:Eip",
    "aws:ec2/natGateway:NatGateway",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecs/service:Service",
    "aws:lb/loadBalancer:LoadBalancer",
}
#: Charged by use, if at all: a cost names what it leaves out.
BY_USE = {
    "aws:appautoscaling/policy:Policy",  # its CloudWatch alarms
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:ecs/cluster:Cluster",  # Container Insights
    "aws:route53/record:Record",  # queries, but not for alias records of load balancers
}
#: https://aws.amazon.com/vpc/pricing/, /iam/, /ecs/pricing/, /elasticloadbalancing/pricing/, and for certificates of
#: load balancers /certificate-manager/pricing/: no charge of their own.
FREE = {
    "aws:acm/certificate:Certificate",
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:appautoscaling/target:Target",
    "aws:ec2/internetGateway:InternetGateway",
    "aws:ec2/route:Route",
    "aws:ec2/routeTable:RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/securityGroupRule:SecurityGroupRule",
    "aws:ec2/subnet:Subnet",
    "aws:ec2/vpc:Vpc",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:iam/role:Role",
    "aws:iam/rolePolicy:RolePolicy",
    "aws:lb/listener:Listener",
    "aws:lb/listenerRule:ListenerRule",
    "aws:lb/targetGroup:TargetGroup",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
}


def resources(file: Path) -> list[tuple[str, str]]:
    """Type and name of each."""
    return re.findall(r"^ *(aws:\S+) (\S+)", file.read_text(), re.MULTILINE)


def test_a_new_kind_of_resource_is_charged_for_or_known_to_be_free() -> None:
    """Fails when a program makes something new: find out what it costs, and put it into spec/billing.py or here."""
    kinds = {kind for file in LISTS for kind, _ in resources(file)}
    assert kinds <= CHARGED | BY_USE | FREE
    assert kinds >= CHARGED


def test_the_billables_of_prod_are_its_resources() -> None:
    environment = spec.load(TESTS.parent, "prod")
    made = Counter(kind for kind, _ in resources(PROD))
    named = [name.split(".", 3)[3] for kind, name in resources(PROD) if kind == "aws:ec2/vpcEndpoint:VpcEndpoint"]
    interfaces = [name for name in named if name not in endpoints.GATEWAY]
    charged = Counter[str]()
    services = set()
    for each in spec.billables(environment):
        if each.resource.startswith("services."):
            services.add(each.resource)
        else:
            charged[each.rate] += each.count
    zones = environment.network.zones
    assert charged == {
        "nat_hour": made["aws:ec2/natGateway:NatGateway"],
        # The NAT gateways' addresses, and one for the load balancer in each of its subnets.
        "ipv4_hour": made["aws:ec2/eip:Eip"] + zones,
        "alb_hour": made["aws:lb/loadBalancer:LoadBalancer"],
        # A network interface in each zone.
        "endpoint_hour": len(interfaces) * zones,
    }
    assert len(services) == made["aws:ecs/service:Service"]
