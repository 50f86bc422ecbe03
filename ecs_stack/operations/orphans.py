"""What a run that was killed made without getting to write it down: found by its tags, and deleted.

A resource whose creation never reached the state has no dependents there (they need its id), so deleting it loses
nothing: the next run makes it anew, without a name or a route that is taken. What carries no tags of its own (a route,
an association, an inline policy) is found below a resource that does. The order is the one in which AWS lets go.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from ecs_stack.operations import domains, task_definitions
from ecs_stack.operations.describe import SERVICES_A_CALL
from ecs_stack.operations.tagged import Finder, Orphan, Scope, pairs
from ecs_stack.rules.tags import ZONE

#: Roles of tasks are the only ones that an environment makes for its services.
_TASKS = "ecs-tasks.amazonaws.com"


def remove(scope: Scope) -> tuple[str, ...]:
    """Deletes every resource of the environment that its state doesn't know. Returns ``kind id`` for each."""
    removed = []
    for kind, finder in KINDS:
        for each in list(finder(scope)):
            each.delete()
            removed.append(f"{kind} {each.identity}")
    return tuple(removed)


def find(scope: Scope, kinds: Iterable[tuple[str, Finder]]) -> list[tuple[str, Orphan]]:
    """What is there of these kinds, in their order; touches nothing."""
    listed = dict(kinds)
    with ThreadPoolExecutor(len(listed)) as readers:
        # EC2's come last and take longest: they are asked for first.
        asked = {kind: readers.submit(list, finder(scope)) for kind, finder in reversed(listed.items())}
        return [(kind, each) for kind in listed for each in asked[kind].result()]


def _services(scope: Scope) -> Iterator[Orphan]:
    ecs = scope.client("ecs")
    for cluster, its in _every_cluster(scope):
        if not scope.of_project(its):
            continue
        arns = scope.pages("ecs", "list_services", "serviceArns", cluster=cluster)
        unknown = [arn for arn in arns if arn not in scope.known.ids]
        for start in range(0, len(unknown), SERVICES_A_CALL):
            some = unknown[start : start + SERVICES_A_CALL]
            for service in ecs.describe_services(cluster=cluster, services=some, include=["TAGS"])["services"]:
                tags = pairs(service.get("tags", []))
                # ECS goes on describing a service that was deleted.
                if service["status"] == "INACTIVE" or not scope.owns(tags):
                    continue

                def delete(cluster: str = cluster, arn: str = service["serviceArn"]) -> None:
                    ecs.delete_service(cluster=cluster, service=arn, force=True)
                    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=[arn])

                yield Orphan(service["serviceArn"], tags, delete)


def _scalable_targets(scope: Scope) -> Iterator[Orphan]:
    scaling = scope.client("application-autoscaling")
    for target in scope.pages(
        "application-autoscaling", "describe_scalable_targets", "ScalableTargets", ServiceNamespace="ecs"
    ):
        identity = target["ResourceId"]
        if identity in scope.known.ids:
            continue
        tags = scaling.list_tags_for_resource(ResourceARN=target["ScalableTargetARN"])["Tags"]
        if scope.owns(tags):
            named = {name: target[name] for name in ("ServiceNamespace", "ResourceId", "ScalableDimension")}
            yield Orphan(identity, tags, partial(scaling.deregister_scalable_target, **named))


def _listeners(scope: Scope) -> Iterator[Orphan]:
    """Those of a listener that is deleted go with it. An ephemeral environment has rules on its host's listeners."""
    elb = scope.client("elbv2")
    for balancer, its in list(scope.balancing("describe_load_balancers", "LoadBalancers", "LoadBalancerArn")):
        if not scope.of_project(its):
            continue
        where = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
        for listener, tags in list(scope.balancing("describe_listeners", "Listeners", "ListenerArn", **where)):
            arn = listener["ListenerArn"]
            if arn not in scope.known.ids and scope.owns(tags):
                yield Orphan(arn, tags, partial(elb.delete_listener, ListenerArn=arn))
                continue
            for rule, own in scope.balancing("describe_rules", "Rules", "RuleArn", unknown=True, ListenerArn=arn):
                if scope.owns(own):
                    yield Orphan(rule["RuleArn"], own, partial(elb.delete_rule, RuleArn=rule["RuleArn"]))


def _load_balancers(scope: Scope) -> Iterator[Orphan]:
    elb = scope.client("elbv2")
    found = scope.balancing("describe_load_balancers", "LoadBalancers", "LoadBalancerArn", unknown=True)
    for balancer, tags in found:
        if scope.owns(tags):

            def delete(arn: str = balancer["LoadBalancerArn"]) -> None:
                elb.delete_load_balancer(LoadBalancerArn=arn)
                elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn])

            yield Orphan(balancer["LoadBalancerArn"], tags, delete)


def _records(scope: Scope) -> Iterator[Orphan]:
    """Those that lead to a load balancer of the environment's: its tag says in which hosted zone they are made."""
    route53 = scope.client("route53")
    for balancer, tags in scope.balancing("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"):
        if not scope.owns(tags) or ZONE not in tags:
            continue
        # Route 53 keeps names in lower case, with the dot of the root.
        target = f"{balancer['DNSName'].lower()}."
        for zone_id, record in _records_in(scope, tags[ZONE]):
            identity = record_id(zone_id, record["Name"], record["Type"])
            if record.get("AliasTarget", {}).get("DNSName") == target and identity not in scope.known.ids:
                change = {"Changes": [{"Action": "DELETE", "ResourceRecordSet": record}]}
                delete = partial(route53.change_resource_record_sets, HostedZoneId=zone_id, ChangeBatch=change)
                yield Orphan(identity, tags, delete)


def _records_in(scope: Scope, zone: str) -> Iterator[tuple[str, Any]]:
    """All records of the public hosted zones of that name, each with its zone's id."""
    for found in domains.public(scope.pages("route53", "list_hosted_zones", "HostedZones"), zone):
        zone_id = found["Id"].rpartition("/")[2]
        for record in scope.pages("route53", "list_resource_record_sets", "ResourceRecordSets", HostedZoneId=zone_id):
            yield zone_id, record


def record_id(zone_id: str, name: str, type_: str) -> str:
    """What a record is called here; Route 53 writes ``*`` as an octal code."""
    plain = name.lower().removesuffix(".").replace(r"\052", "*")
    return f"{zone_id} {plain} {type_}"


def _certificates(scope: Scope) -> Iterator[Orphan]:
    acm = scope.client("acm")
    for listed in scope.pages("acm", "list_certificates", "CertificateSummaryList"):
        arn = listed["CertificateArn"]
        if arn in scope.known.ids:
            continue
        tags = pairs(acm.list_tags_for_certificate(CertificateArn=arn)["Tags"])
        if scope.owns(tags):
            yield Orphan(arn, tags, partial(acm.delete_certificate, CertificateArn=arn))


def _target_groups(scope: Scope) -> Iterator[Orphan]:
    elb = scope.client("elbv2")
    for group, tags in scope.balancing("describe_target_groups", "TargetGroups", "TargetGroupArn", unknown=True):
        if scope.owns(tags):
            arn = group["TargetGroupArn"]
            yield Orphan(arn, tags, partial(elb.delete_target_group, TargetGroupArn=arn))


def _clusters(scope: Scope) -> Iterator[Orphan]:
    ecs = scope.client("ecs")
    for arn, tags in _every_cluster(scope):
        if arn not in scope.known.ids and scope.owns(tags):
            yield Orphan(arn, tags, partial(ecs.delete_cluster, cluster=arn))


def _every_cluster(scope: Scope) -> Iterator[tuple[str, Mapping[str, str]]]:
    ecs = scope.client("ecs")
    # A page has at most as many as DescribeClusters takes: 100.
    for page in ecs.get_paginator("list_clusters").paginate():
        # Without a name it would describe the cluster called "default".
        if page["clusterArns"]:
            for cluster in ecs.describe_clusters(clusters=page["clusterArns"], include=["TAGS"])["clusters"]:
                yield cluster["clusterArn"], pairs(cluster.get("tags", []))


def _log_groups(scope: Scope) -> Iterator[Orphan]:
    logs = scope.client("logs")
    prefix = scope.called("/ecs/", "/")
    for group in scope.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
        name = group["logGroupName"]
        if name in scope.known.ids:
            continue
        # Its ARN as it is described ends with ":*", which the tags don't take.
        tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
        if scope.owns(tags):
            yield Orphan(name, tags, partial(logs.delete_log_group, logGroupName=name))


def _roles(scope: Scope) -> Iterator[Orphan]:
    iam = scope.client("iam")
    for role in list(scope.pages("iam", "list_roles", "Roles")):
        name = role["RoleName"]
        # A policy of a role that the state has may be missing there only while one environment is looked at.
        known = name in scope.known.ids
        if not name.startswith(scope.called("", "-")) or (scope.name is None and known):
            continue
        # Each role's tags are a call of their own, and an account has many roles.
        if scope.name is None and _TASKS not in str(role.get("AssumeRolePolicyDocument")):
            continue
        tags = pairs(iam.list_role_tags(RoleName=name)["Tags"])
        if not scope.owns(tags):
            continue
        for policy in list(scope.pages("iam", "list_role_policies", "PolicyNames", RoleName=name)):
            if not known or f"{name}:{policy}" not in scope.known.ids:
                named = {"RoleName": name, "PolicyName": policy}
                yield Orphan(f"{name}:{policy}", tags, partial(iam.delete_role_policy, **named))
        if not known:
            for policy in scope.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
                named = {"RoleName": name, "PolicyArn": policy["PolicyArn"]}
                yield Orphan(f"{name}:{policy['PolicyArn']}", tags, partial(iam.detach_role_policy, **named))
            yield Orphan(name, tags, partial(iam.delete_role, RoleName=name))


def _nat_gateways(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for gateway in scope.ec2("describe_nat_gateways", "NatGateways"):
        identity = gateway["NatGatewayId"]
        if identity not in scope.known.ids and gateway["State"] not in ("deleting", "deleted"):

            def delete(identity: str = identity) -> None:
                ec2.delete_nat_gateway(NatGatewayId=identity)
                ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[identity])

            yield Orphan(identity, pairs(gateway["Tags"]), delete)


def _addresses(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for address in ec2.describe_addresses(Filters=scope.filters)["Addresses"]:
        identity = address["AllocationId"]
        if identity not in scope.known.ids:
            yield Orphan(identity, pairs(address["Tags"]), partial(ec2.release_address, AllocationId=identity))


def _endpoints(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for endpoint in scope.ec2("describe_vpc_endpoints", "VpcEndpoints"):
        identity = endpoint["VpcEndpointId"]
        if identity not in scope.known.ids and endpoint["State"].lower() not in ("deleting", "deleted"):
            delete = partial(ec2.delete_vpc_endpoints, VpcEndpointIds=[identity])
            yield Orphan(identity, pairs(endpoint["Tags"]), delete)


def _security_group_rules(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for rule in scope.ec2("describe_security_group_rules", "SecurityGroupRules"):
        identity = rule["SecurityGroupRuleId"]
        if identity not in scope.known.ids:
            revoke = ec2.revoke_security_group_egress if rule["IsEgress"] else ec2.revoke_security_group_ingress
            named = {"GroupId": rule["GroupId"], "SecurityGroupRuleIds": [identity]}
            yield Orphan(identity, pairs(rule["Tags"]), partial(revoke, **named))


def _routes(scope: Scope) -> Iterator[Orphan]:
    """Associations, routes, and the tables themselves."""
    ec2 = scope.client("ec2")
    for table in scope.ec2("describe_route_tables", "RouteTables"):
        identity, tags = table["RouteTableId"], pairs(table["Tags"])
        for association in table["Associations"]:
            held = association["RouteTableAssociationId"]
            if held not in scope.known.ids and not association["Main"]:
                yield Orphan(held, tags, partial(ec2.disassociate_route_table, AssociationId=held))
        if identity not in scope.known.ids:
            yield Orphan(identity, tags, partial(ec2.delete_route_table, RouteTableId=identity))
            continue
        for route in table["Routes"]:
            to = route.get("DestinationCidrBlock")
            if to and route.get("Origin") == "CreateRoute" and (identity, to) not in scope.known.routes:
                named = {"RouteTableId": identity, "DestinationCidrBlock": to}
                yield Orphan(f"{identity} {to}", tags, partial(ec2.delete_route, **named))


def _internet_gateways(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for gateway in scope.ec2("describe_internet_gateways", "InternetGateways"):
        identity = gateway["InternetGatewayId"]
        if identity not in scope.known.ids:

            def delete(identity: str = identity, attached: Any = gateway["Attachments"]) -> None:
                for attachment in attached:
                    ec2.detach_internet_gateway(InternetGatewayId=identity, VpcId=attachment["VpcId"])
                ec2.delete_internet_gateway(InternetGatewayId=identity)

            yield Orphan(identity, pairs(gateway["Tags"]), delete)


def _by_id(operation: str, key: str, name: str, delete: str) -> Finder:
    """An EC2 type that is described, named and deleted by one id."""

    def find(scope: Scope) -> Iterator[Orphan]:
        remove_ = getattr(scope.client("ec2"), delete)
        for item in scope.ec2(operation, key):
            if item[name] not in scope.known.ids:
                yield Orphan(item[name], pairs(item["Tags"]), partial(remove_, **{name: item[name]}))

    return find


#: In the order in which they can be deleted. Task definitions aren't among them: destroy deregisters every revision.
KINDS: tuple[tuple[str, Finder], ...] = (
    ("service", _services),
    ("scalable target", _scalable_targets),
    ("DNS record", _records),
    ("listener or rule", _listeners),
    ("load balancer", _load_balancers),
    ("certificate", _certificates),
    ("target group", _target_groups),
    ("cluster", _clusters),
    ("log group", _log_groups),
    ("role or policy", _roles),
    ("NAT gateway", _nat_gateways),
    ("address", _addresses),
    ("VPC endpoint", _endpoints),
    ("security group rule", _security_group_rules),
    ("route", _routes),
    ("internet gateway", _internet_gateways),
    ("security group", _by_id("describe_security_groups", "SecurityGroups", "GroupId", "delete_security_group")),
    ("subnet", _by_id("describe_subnets", "Subnets", "SubnetId", "delete_subnet")),
    ("VPC", _by_id("describe_vpcs", "Vpcs", "VpcId", "delete_vpc")),
)

_EPHEMERAL = {
    "service",
    "scalable target",
    "listener or rule",
    "target group",
    "log group",
    "role or policy",
    "security group rule",
    "security group",
}


def _families(scope: Scope) -> Iterator[Orphan]:
    """The families of task definitions that have ACTIVE revisions; the last one's tags are looked at."""
    ecs = scope.client("ecs")
    known = {task_definitions.family(each) for each in scope.known.ids if ":task-definition/" in each}
    prefix = {"familyPrefix": scope.called("", "-")} if scope.name else {}
    for family in scope.pages("ecs", "list_task_definition_families", "families", status="ACTIVE", **prefix):
        if family not in known:
            tags = pairs(ecs.describe_task_definition(taskDefinition=family, include=["TAGS"]).get("tags", []))
            if scope.owns(tags):
                ours = {name: tags[name] for name in (*scope.tags, *scope.marks)}
                yield Orphan(family, tags, partial(task_definitions.deregister, family, ours, ecs=ecs))


#: What an ephemeral environment consists of: nothing of its host's is among it, whatever tags that has.
EPHEMERAL: tuple[tuple[str, Finder], ...] = (
    *(each for each in KINDS if each[0] in _EPHEMERAL),
    ("task definition", _families),
)
