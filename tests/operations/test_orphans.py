"""What the state doesn't know is found by its tags and deleted, in an order that AWS takes; moto stands for AWS."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from ecs_stack.operations import orphans
from ecs_stack.operations.tagged import Known, Scope
from ecs_stack.rules.tags import ZONE

OURS = {"ecs-stack:project": "shop", "ecs-stack:environment": "dev"}
OTHERS = {**OURS, "ecs-stack:environment": "prod"}

Client = Callable[[str], Any]


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        yield lambda service: boto3.client(service, region_name="eu-west-1")


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def specification(kind: str, tags: dict[str, str]) -> list[Any]:
    return [{"ResourceType": kind, "Tags": pairs(tags)}]


def make_network(client: Client, tags: dict[str, str]) -> dict[str, str]:
    """A network with everything in it that holds on to something else. Ids by type."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification("vpc", tags))["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", TagSpecifications=specification("subnet", tags))
    subnet = subnet["Subnet"]["SubnetId"]
    gateway = ec2.create_internet_gateway(TagSpecifications=specification("internet-gateway", tags))
    gateway = gateway["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    table = ec2.create_route_table(VpcId=vpc, TagSpecifications=specification("route-table", tags))
    table = table["RouteTable"]["RouteTableId"]
    ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
    association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)["AssociationId"]
    address = ec2.allocate_address(Domain="vpc", TagSpecifications=specification("elastic-ip", tags))["AllocationId"]
    group = ec2.create_security_group(
        GroupName=f"{tags['ecs-stack:environment']}-lb",
        Description="x",
        VpcId=vpc,
        TagSpecifications=specification("security-group", tags),
    )["GroupId"]
    return {
        "vpc": vpc,
        "subnet": subnet,
        "gateway": gateway,
        "table": table,
        "association": association,
        "address": address,
        "group": group,
    }


def scope(client: Client, *ids: str, routes: frozenset[tuple[str, str]] = frozenset()) -> Scope:
    return Scope("dev", OURS, Known(frozenset(ids), routes), client)


def test_nothing_is_deleted_that_the_state_knows_or_that_is_anothers(client: Client) -> None:
    ours = make_network(client, OURS)
    make_network(client, OTHERS)
    routes = frozenset({(ours["table"], "0.0.0.0/0")})
    assert orphans.remove(scope(client, *ours.values(), routes=routes)) == ()


def test_a_network_is_deleted_from_the_leaves_up(client: Client) -> None:
    ours, others = make_network(client, OURS), make_network(client, OTHERS)
    removed = {each.rsplit(" ", 1)[-1] for each in orphans.remove(scope(client))}
    assert removed == set(ours.values())
    ec2 = client("ec2")
    left = {vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"]}
    assert left == {others["vpc"]}
    assert orphans.remove(scope(client)) == ()


def test_a_route_and_an_association_of_a_known_table(client: Client) -> None:
    ours = make_network(client, OURS)
    kept = {identity for kind, identity in ours.items() if kind != "association"}
    assert set(orphans.remove(scope(client, *kept))) == {
        f"route {ours['association']}",
        f"route {ours['table']} 0.0.0.0/0",
    }
    (table,) = client("ec2").describe_route_tables(RouteTableIds=[ours["table"]])["RouteTables"]
    assert [route["DestinationCidrBlock"] for route in table["Routes"]] == ["10.0.0.0/16"]
    assert table["Associations"] == []


def test_a_role_with_its_policies_and_a_policy_of_a_known_role(client: Client) -> None:
    iam = client("iam")
    for name in ("dev-api-task-1", "dev-api-task-2"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument="{}", Tags=pairs(OURS))
        for policy in ("a", "b"):
            statement = '{"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}'
            document = f'{{"Version": "2012-10-17", "Statement": [{statement}]}}'
            iam.put_role_policy(RoleName=name, PolicyName=policy, PolicyDocument=document)
    iam.create_role(RoleName="dev-of-somebody", AssumeRolePolicyDocument="{}")
    orphans.remove(scope(client, "dev-api-task-1", "dev-api-task-1:a"))
    assert {role["RoleName"] for role in iam.list_roles()["Roles"]} == {"dev-api-task-1", "dev-of-somebody"}
    assert iam.list_role_policies(RoleName="dev-api-task-1")["PolicyNames"] == ["a"]


def test_a_log_group(client: Client) -> None:
    logs = client("logs")
    logs.create_log_group(logGroupName="/ecs/dev/api", tags=OURS)
    logs.create_log_group(logGroupName="/ecs/dev/known", tags=OURS)
    logs.create_log_group(logGroupName="/ecs/dev/theirs")
    assert orphans.remove(scope(client, "/ecs/dev/known")) == ("log group /ecs/dev/api",)


def test_rules_on_the_listener_of_a_host(client: Client) -> None:
    """An ephemeral environment's rule goes; the host's own, its listener and those of other environments stay."""
    host = make_network(client, OTHERS)
    elb, ec2 = client("elbv2"), client("ec2")
    second = ec2.create_subnet(VpcId=host["vpc"], CidrBlock="10.0.1.0/24", AvailabilityZone="eu-west-1b")
    subnets = [host["subnet"], second["Subnet"]["SubnetId"]]
    balancer = elb.create_load_balancer(Name="prod", Subnets=subnets, Tags=pairs(OTHERS))["LoadBalancers"][0]
    answer = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "200"}}]
    listener = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"], Protocol="HTTP", Port=80, DefaultActions=answer, Tags=pairs(OTHERS)
    )["Listeners"][0]["ListenerArn"]
    rules = {
        priority: elb.create_rule(
            ListenerArn=listener,
            Priority=priority,
            Conditions=[{"Field": "path-pattern", "Values": [f"/{priority}"]}],
            Actions=answer,
            Tags=pairs(OURS if priority > 22 else OTHERS),
        )["Rules"][0]["RuleArn"]
        for priority in range(1, 26)  # more than are asked for at a time
    }
    assert set(orphans.remove(scope(client, rules[25]))) == {
        f"listener or rule {rules[priority]}" for priority in (23, 24)
    }
    left = {rule["RuleArn"] for rule in elb.describe_rules(ListenerArn=listener)["Rules"] if not rule["IsDefault"]}
    assert left == set(rules.values()) - {rules[23], rules[24]}


def test_a_certificate(client: Client) -> None:
    acm = client("acm")
    made = {
        name: acm.request_certificate(DomainName=f"{name}.example.com", ValidationMethod="DNS", Tags=pairs(tags))[
            "CertificateArn"
        ]
        for name, tags in (("lost", OURS), ("known", OURS), ("other", OTHERS))
    }
    assert orphans.remove(scope(client, made["known"])) == (f"certificate {made['lost']}",)
    left = {each["CertificateArn"] for each in acm.list_certificates()["CertificateSummaryList"]}
    assert left == {made["known"], made["other"]}


def test_records_that_lead_to_the_environments_load_balancer(client: Client) -> None:
    """Records have no tags, the load balancer has: its own say whose it is, and in which zone they are."""
    elb, ec2, route53 = client("elbv2"), client("ec2"), client("route53")
    network = make_network(client, OURS)
    second = ec2.create_subnet(VpcId=network["vpc"], CidrBlock="10.0.1.0/24", AvailabilityZone="eu-west-1b")
    subnets = [network["subnet"], second["Subnet"]["SubnetId"]]
    names = {}
    for name, tags in (("dev", {**OURS, ZONE: "example.com"}), ("prod", {**OTHERS, ZONE: "example.com"})):
        made = elb.create_load_balancer(Name=name, Subnets=subnets, Tags=pairs(tags))["LoadBalancers"][0]
        names[name] = (made["DNSName"], made["CanonicalHostedZoneId"], made["LoadBalancerArn"])
    zones = {
        name: route53.create_hosted_zone(Name=name, CallerReference=name)["HostedZone"]["Id"].rpartition("/")[2]
        for name in ("example.com", "example.org")
    }

    def alias(name: str, to: str, zone: str = "example.com") -> None:
        # Route 53 keeps the name in lower case, with a dot; moto as it comes.
        target = {"DNSName": f"{names[to][0].lower()}.", "HostedZoneId": names[to][1], "EvaluateTargetHealth": False}
        record = {"Name": name, "Type": "A", "AliasTarget": target}
        changes = {"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
        route53.change_resource_record_sets(HostedZoneId=zones[zone], ChangeBatch=changes)

    alias("example.com", "dev")
    alias("*.example.com", "dev")
    alias("known.example.com", "dev")
    alias("other.example.com", "prod")
    alias("example.org", "dev", "example.org")
    known = [
        orphans.record_id(zones["example.com"], "known.example.com", "A"),
        *(arn for _, _, arn in names.values()),
        *network.values(),
        second["Subnet"]["SubnetId"],
    ]
    routes = frozenset({(network["table"], "0.0.0.0/0")})
    zone = zones["example.com"]
    removed = orphans.remove(scope(client, *known, routes=routes))
    assert set(removed) == {f"DNS record {zone} example.com A", f"DNS record {zone} *.example.com A"}
    left = [
        record["Name"]
        for each in zones.values()
        for record in route53.list_resource_record_sets(HostedZoneId=each)["ResourceRecordSets"]
        if record["Type"] == "A"
    ]
    assert sorted(left) == ["example.org.", "known.example.com.", "other.example.com."]


def test_all_environments_are_looked_at_with_a_mark_and_what_is_known_isnt_asked_for_its_tags(client: Client) -> None:
    host = make_network(client, OTHERS)
    calls: list[str] = []
    clients: dict[str, Any] = {}

    def counting(service: str) -> Any:
        if service not in clients:
            clients[service] = client(service)
            clients[service].meta.events.register("before-call", lambda model, **_: calls.append(model.name))
        return clients[service]

    mark = {"ecs-stack:host": "dev"}
    groups = {}
    for number in range(45):
        tags = {**OURS, "ecs-stack:environment": f"pr-{number}", **(mark if number % 2 else {})}
        made = client("elbv2").create_target_group(
            Name=f"pr-{number}", Protocol="HTTP", Port=80, VpcId=host["vpc"], Tags=pairs(tags)
        )
        groups[number] = made["TargetGroups"][0]["TargetGroupArn"]
        client("logs").create_log_group(logGroupName=f"/ecs/pr-{number}/api", tags=tags)
    known = Known(frozenset([*groups.values()][:40]) | {f"/ecs/pr-{number}/api" for number in range(40)})
    everyones = Scope(None, {"ecs-stack:project": "shop"}, known, counting, frozenset(mark))
    found = orphans.find(everyones, orphans.EPHEMERAL)
    assert sorted((kind, each.tags["ecs-stack:environment"]) for kind, each in found) == [
        ("log group", "pr-41"),
        ("log group", "pr-43"),
        ("target group", "pr-41"),
        ("target group", "pr-43"),
    ]
    assert calls.count("DescribeTags") == 1
    assert calls.count("ListTagsForResource") == 5


def test_something_that_goes_while_it_is_looked_at_is_no_error(client: Client) -> None:
    host = make_network(client, OTHERS)
    elb = client("elbv2")
    arns = [
        elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=host["vpc"], Tags=pairs(OURS))[
            "TargetGroups"
        ][0]["TargetGroupArn"]
        for name in ("one", "two", "three")
    ]

    def refuse(params: Any, **_: Any) -> None:
        """As AWS answers once the second group is deleted; moto goes on knowing its tags."""
        if arns[1] in params["body"].values():
            message = f"Target groups '{arns[1]}' not found"
            raise ClientError({"Error": {"Code": "TargetGroupNotFound", "Message": message}}, "DescribeTags")

    def racing(service: str) -> Any:
        made = client(service)
        made.meta.events.register("before-call.elastic-load-balancing-v2.DescribeTags", refuse)
        return made

    kinds = [each for each in orphans.KINDS if each[0] == "target group"]
    left = orphans.find(Scope("dev", OURS, Known(frozenset()), racing), kinds)
    assert {each.identity for _, each in left} == {arns[0], arns[2]}
