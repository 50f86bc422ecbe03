"""What a run that was killed made without getting to write it down: found by its tags, and deleted.

A resource whose creation never reached the state has no dependents there (they need its id), so deleting it loses
nothing: the next run makes it anew, without a name or a route that is taken. What carries no tags of its own (a route,
an association, an inline policy) is found below a resource that does. The order is the one in which AWS lets go.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

ClientFactory = Callable[[str], Any]

#: DescribeTags of Elastic Load Balancing takes up to 20 resources a call (API reference).
_TAGS_A_CALL = 20


@dataclass(frozen=True)
class Known:
    """What the state has: ids and ARNs of resources, and routes by table and destination."""

    ids: frozenset[str]
    routes: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True)
class Scope:
    """Where to look: ``tags`` are on every resource of the environment ``name``."""

    name: str
    tags: Mapping[str, str]
    known: Known
    client: ClientFactory

    def owns(self, tags: Mapping[str, str]) -> bool:
        """Whether a resource with these tags is the environment's."""
        return self.tags.items() <= tags.items()

    def pages(self, service: str, operation: str, key: str, **more: Any) -> Iterator[Any]:
        """Every item of a list operation."""
        for page in self.client(service).get_paginator(operation).paginate(**more):
            yield from page[key]

    def ec2(self, operation: str, key: str) -> list[Any]:
        """The environment's items of an EC2 operation."""
        filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in self.tags.items()]
        return list(self.pages("ec2", operation, key, Filters=filters))

    def balancing(self, operation: str, key: str, arn: str, **more: Any) -> Iterator[tuple[Any, bool]]:
        """The items of an ELB operation, and whether each is the environment's."""
        elb = self.client("elbv2")
        items = list(self.pages("elbv2", operation, key, **more))
        for start in range(0, len(items), _TAGS_A_CALL):
            some = items[start : start + _TAGS_A_CALL]
            described = elb.describe_tags(ResourceArns=[item[arn] for item in some])["TagDescriptions"]
            tags = {each["ResourceArn"]: {tag["Key"]: tag["Value"] for tag in each["Tags"]} for each in described}
            for item in some:
                yield item, self.owns(tags.get(item[arn], {}))


#: What was found: its id, and what deletes it.
Orphan = tuple[str, Callable[[], object]]
Finder = Callable[[Scope], Iterator[Orphan]]


def remove(scope: Scope) -> tuple[str, ...]:
    """Deletes every resource of the environment that its state doesn't know. Returns ``kind id`` for each."""
    removed = []
    for kind, find in KINDS:
        for identity, delete in list(find(scope)):
            delete()
            removed.append(f"{kind} {identity}")
    return tuple(removed)


def _services(scope: Scope) -> Iterator[Orphan]:
    ecs = scope.client("ecs")
    for cluster in scope.pages("ecs", "list_clusters", "clusterArns"):
        for arn in scope.pages("ecs", "list_services", "serviceArns", cluster=cluster):
            if arn in scope.known.ids:
                continue
            described = ecs.describe_services(cluster=cluster, services=[arn], include=["TAGS"])["services"]
            if described and scope.owns({tag["key"]: tag["value"] for tag in described[0].get("tags", [])}):

                def delete(cluster: str = cluster, arn: str = arn) -> None:
                    ecs.delete_service(cluster=cluster, service=arn, force=True)
                    ecs.get_waiter("services_inactive").wait(cluster=cluster, services=[arn])

                yield arn, delete


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
            yield identity, partial(scaling.deregister_scalable_target, **named)


def _listeners(scope: Scope) -> Iterator[Orphan]:
    """Those of a listener that is deleted go with it. An ephemeral environment has rules on its host's listeners."""
    elb = scope.client("elbv2")
    for balancer, ours in list(scope.balancing("describe_load_balancers", "LoadBalancers", "LoadBalancerArn")):
        where = {"LoadBalancerArn": balancer["LoadBalancerArn"]}
        for listener, _ in list(scope.balancing("describe_listeners", "Listeners", "ListenerArn", **where)):
            arn = listener["ListenerArn"]
            if ours and arn not in scope.known.ids:
                yield arn, partial(elb.delete_listener, ListenerArn=arn)
                continue
            for rule, owned in scope.balancing("describe_rules", "Rules", "RuleArn", ListenerArn=arn):
                if owned and not rule["IsDefault"] and rule["RuleArn"] not in scope.known.ids:
                    yield rule["RuleArn"], partial(elb.delete_rule, RuleArn=rule["RuleArn"])


def _load_balancers(scope: Scope) -> Iterator[Orphan]:
    elb = scope.client("elbv2")
    for balancer, ours in scope.balancing("describe_load_balancers", "LoadBalancers", "LoadBalancerArn"):
        arn = balancer["LoadBalancerArn"]
        if ours and arn not in scope.known.ids:

            def delete(arn: str = arn) -> None:
                elb.delete_load_balancer(LoadBalancerArn=arn)
                elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn])

            yield arn, delete


def _target_groups(scope: Scope) -> Iterator[Orphan]:
    elb = scope.client("elbv2")
    for group, ours in scope.balancing("describe_target_groups", "TargetGroups", "TargetGroupArn"):
        arn = group["TargetGroupArn"]
        if ours and arn not in scope.known.ids:
            yield arn, partial(elb.delete_target_group, TargetGroupArn=arn)


def _clusters(scope: Scope) -> Iterator[Orphan]:
    ecs = scope.client("ecs")
    for arn in scope.pages("ecs", "list_clusters", "clusterArns"):
        if arn not in scope.known.ids:
            (cluster,) = ecs.describe_clusters(clusters=[arn], include=["TAGS"])["clusters"]
            if scope.owns({tag["key"]: tag["value"] for tag in cluster.get("tags", [])}):
                yield arn, partial(ecs.delete_cluster, cluster=arn)


def _log_groups(scope: Scope) -> Iterator[Orphan]:
    logs = scope.client("logs")
    prefix = f"/ecs/{scope.name}/"
    for group in scope.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix):
        name = group["logGroupName"]
        if name in scope.known.ids:
            continue
        # Its ARN as it is described ends with ":*", which the tags don't take.
        tags = logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"]
        if scope.owns(tags):
            yield name, partial(logs.delete_log_group, logGroupName=name)


def _roles(scope: Scope) -> Iterator[Orphan]:
    iam = scope.client("iam")
    for role in list(scope.pages("iam", "list_roles", "Roles")):
        name = role["RoleName"]
        if not name.startswith(f"{scope.name}-"):
            continue
        if not scope.owns({tag["Key"]: tag["Value"] for tag in iam.list_role_tags(RoleName=name)["Tags"]}):
            continue
        policies = list(scope.pages("iam", "list_role_policies", "PolicyNames", RoleName=name))
        for policy in policies:
            if name not in scope.known.ids or f"{name}:{policy}" not in scope.known.ids:
                named = {"RoleName": name, "PolicyName": policy}
                yield f"{name}:{policy}", partial(iam.delete_role_policy, **named)
        if name not in scope.known.ids:
            for policy in scope.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
                named = {"RoleName": name, "PolicyArn": policy["PolicyArn"]}
                yield f"{name}:{policy['PolicyArn']}", partial(iam.detach_role_policy, **named)
            yield name, partial(iam.delete_role, RoleName=name)


def _nat_gateways(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for gateway in scope.ec2("describe_nat_gateways", "NatGateways"):
        identity = gateway["NatGatewayId"]
        if identity not in scope.known.ids and gateway["State"] not in ("deleting", "deleted"):

            def delete(identity: str = identity) -> None:
                ec2.delete_nat_gateway(NatGatewayId=identity)
                ec2.get_waiter("nat_gateway_deleted").wait(NatGatewayIds=[identity])

            yield identity, delete


def _addresses(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in scope.tags.items()]
    for address in ec2.describe_addresses(Filters=filters)["Addresses"]:
        identity = address["AllocationId"]
        if identity not in scope.known.ids:
            yield identity, partial(ec2.release_address, AllocationId=identity)


def _endpoints(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for endpoint in scope.ec2("describe_vpc_endpoints", "VpcEndpoints"):
        identity = endpoint["VpcEndpointId"]
        if identity not in scope.known.ids and endpoint["State"].lower() not in ("deleting", "deleted"):
            yield identity, partial(ec2.delete_vpc_endpoints, VpcEndpointIds=[identity])


def _security_group_rules(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for rule in scope.ec2("describe_security_group_rules", "SecurityGroupRules"):
        identity = rule["SecurityGroupRuleId"]
        if identity not in scope.known.ids:
            revoke = ec2.revoke_security_group_egress if rule["IsEgress"] else ec2.revoke_security_group_ingress
            named = {"GroupId": rule["GroupId"], "SecurityGroupRuleIds": [identity]}
            yield identity, partial(revoke, **named)


def _routes(scope: Scope) -> Iterator[Orphan]:
    """Associations, routes, and the tables themselves."""
    ec2 = scope.client("ec2")
    for table in scope.ec2("describe_route_tables", "RouteTables"):
        identity = table["RouteTableId"]
        for association in table["Associations"]:
            held = association["RouteTableAssociationId"]
            if held not in scope.known.ids and not association["Main"]:
                yield held, partial(ec2.disassociate_route_table, AssociationId=held)
        if identity not in scope.known.ids:
            yield identity, partial(ec2.delete_route_table, RouteTableId=identity)
            continue
        for route in table["Routes"]:
            to = route.get("DestinationCidrBlock")
            if to and route.get("Origin") == "CreateRoute" and (identity, to) not in scope.known.routes:
                named = {"RouteTableId": identity, "DestinationCidrBlock": to}
                yield f"{identity} {to}", partial(ec2.delete_route, **named)


def _internet_gateways(scope: Scope) -> Iterator[Orphan]:
    ec2 = scope.client("ec2")
    for gateway in scope.ec2("describe_internet_gateways", "InternetGateways"):
        identity = gateway["InternetGatewayId"]
        if identity not in scope.known.ids:

            def delete(identity: str = identity, attached: Any = gateway["Attachments"]) -> None:
                for attachment in attached:
                    ec2.detach_internet_gateway(InternetGatewayId=identity, VpcId=attachment["VpcId"])
                ec2.delete_internet_gateway(InternetGatewayId=identity)

            yield identity, delete


def _by_id(operation: str, key: str, name: str, delete: str) -> Finder:
    """An EC2 type that is described, named and deleted by one id."""

    def find(scope: Scope) -> Iterator[Orphan]:
        remove_ = getattr(scope.client("ec2"), delete)
        for item in scope.ec2(operation, key):
            if item[name] not in scope.known.ids:
                yield item[name], partial(remove_, **{name: item[name]})

    return find


#: In the order in which they can be deleted. Task definitions aren't among them: destroy deregisters every revision.
KINDS: tuple[tuple[str, Finder], ...] = (
    ("service", _services),
    ("scalable target", _scalable_targets),
    ("listener or rule", _listeners),
    ("load balancer", _load_balancers),
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
