"""A stand-in provider against the session's local cloud, and the resources that others need."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import Any

import pytest

from ecs_stack.local.cloud import LocalCloud
from ecs_stack.local.providers.aws import AwsServicer
from ecs_stack.local.providers.server import listening

from .harness import REGION, Engine, Resource

ECS_TRUST = (
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"ecs-tasks.amazonaws.com"}}]}'
)
CERTIFICATE = "aws:acm/certificate:Certificate"
_numbers = itertools.count(1)


class World:
    """An engine, and resources that the resource under test needs: made once, when first asked for."""

    def __init__(self, engine: Engine, client: Callable[..., Any]) -> None:
        self.engine = engine
        self._client = client
        self.made: list[Resource] = []

    def client(self, service: str) -> Any:
        """boto3, to change things behind the provider's back."""
        return self._client(service, REGION)

    def unique(self, stem: str) -> str:
        """A name that no other test uses."""
        return f"{stem}{next(_numbers)}"

    def make(self, token: str, inputs: dict[str, Any]) -> Resource:
        """A resource that is removed at the end."""
        resource = self.engine.create(token, self.unique("w"), inputs)
        self.made.append(resource)
        return resource

    def clean(self) -> None:
        for resource in reversed(self.made):
            self.engine.delete(resource)

    @cached_property
    def vpc(self) -> Resource:
        return self.make("aws:ec2/vpc:Vpc", {"cidrBlock": "10.9.0.0/16"})

    @cached_property
    def gateway(self) -> Resource:
        return self.make("aws:ec2/internetGateway:InternetGateway", {"vpcId": self.vpc.id})

    @cached_property
    def subnets(self) -> list[Resource]:
        return [
            self.make(
                "aws:ec2/subnet:Subnet",
                {"vpcId": self.vpc.id, "cidrBlock": f"10.9.{i}.0/24", "availabilityZone": f"{REGION}{zone}"},
            )
            for i, zone in enumerate("ab", 240)
        ]

    @cached_property
    def route_table(self) -> Resource:
        return self.make("aws:ec2/routeTable:RouteTable", {"vpcId": self.vpc.id})

    @cached_property
    def other_route_table(self) -> Resource:
        return self.make("aws:ec2/routeTable:RouteTable", {"vpcId": self.vpc.id})

    @cached_property
    def address(self) -> Resource:
        return self.make("aws:ec2/eip:Eip", {})

    @cached_property
    def nat_gateway(self) -> Resource:
        return self.make(
            "aws:ec2/natGateway:NatGateway",
            {"subnetId": self.subnets[0].id, "allocationId": self.make("aws:ec2/eip:Eip", {}).id},
        )

    @cached_property
    def group(self) -> Resource:
        return self.make("aws:ec2/securityGroup:SecurityGroup", {"vpcId": self.vpc.id})

    @cached_property
    def other_group(self) -> Resource:
        return self.make("aws:ec2/securityGroup:SecurityGroup", {"vpcId": self.vpc.id})

    @cached_property
    def zone(self) -> str:
        """The id of a public hosted zone, cases.example."""
        return self.make_zone("cases.example")

    def make_zone(self, name: str, **more: Any) -> str:
        """A hosted zone that goes with the cloud."""
        answer = self.client("route53").create_hosted_zone(Name=name, CallerReference=self.unique("zone"), **more)
        return str(answer["HostedZone"]["Id"]).removeprefix("/hostedzone/")

    @cached_property
    def certificate(self) -> Resource:
        """An issued one: nobody here has the zone of its name."""
        return self.make(CERTIFICATE, {"domainName": "validated.elsewhere.example", "validationMethod": "DNS"})

    @cached_property
    def role(self) -> Resource:
        return self.make("aws:iam/role:Role", {"assumeRolePolicy": ECS_TRUST})

    @cached_property
    def cluster(self) -> Resource:
        return self.make("aws:ecs/cluster:Cluster", {})

    @cached_property
    def task(self) -> Resource:
        return self.make("aws:ecs/taskDefinition:TaskDefinition", task_inputs(self.unique("task"), self))

    @cached_property
    def other_task(self) -> Resource:
        return self.make("aws:ecs/taskDefinition:TaskDefinition", task_inputs(self.unique("task"), self))

    @cached_property
    def balancer(self) -> Resource:
        return self.make(
            "aws:lb/loadBalancer:LoadBalancer",
            {"subnets": [s.id for s in self.subnets], "securityGroups": [self.group.id]},
        )

    @cached_property
    def target_group(self) -> Resource:
        return self.make(
            "aws:lb/targetGroup:TargetGroup",
            {"port": 80, "protocol": "HTTP", "targetType": "ip", "vpcId": self.vpc.id},
        )

    @cached_property
    def other_target_group(self) -> Resource:
        return self.make(
            "aws:lb/targetGroup:TargetGroup",
            {"port": 81, "protocol": "HTTP", "targetType": "ip", "vpcId": self.vpc.id},
        )

    @cached_property
    def listener(self) -> Resource:
        return self.make(
            "aws:lb/listener:Listener",
            {
                "loadBalancerArn": self.balancer.id,
                "port": 80,
                "protocol": "HTTP",
                "defaultActions": [
                    {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
                ],
            },
        )

    @cached_property
    def service(self) -> Resource:
        return self.make("aws:ecs/service:Service", service_inputs(self))

    @cached_property
    def scaling_target(self) -> Resource:
        return self.make("aws:appautoscaling/target:Target", scaling_inputs(self))


def task_inputs(family: str, world: World) -> dict[str, Any]:
    return {
        "family": family,
        "cpu": "256",
        "memory": "512",
        "networkMode": "awsvpc",
        "requiresCompatibilities": ["FARGATE"],
        "executionRoleArn": world.role["arn"],
        "containerDefinitions": (
            '[{"name":"app","image":"ecs-stack-test/absent:1","portMappings":[{"containerPort":80}],'
            '"environment":[{"name":"B","value":"2"},{"name":"A","value":"1"}]}]'
        ),
    }


def service_inputs(world: World) -> dict[str, Any]:
    return {
        "cluster": world.cluster.id,
        "taskDefinition": world.task["arn"],
        "desiredCount": 0,
        "launchType": "FARGATE",
        "networkConfiguration": {"subnets": [s.id for s in world.subnets], "securityGroups": [world.group.id]},
    }


def scaling_inputs(world: World) -> dict[str, Any]:
    return {
        "serviceNamespace": "ecs",
        "scalableDimension": "ecs:service:DesiredCount",
        "resourceId": f"service/{world.cluster['name']}/{world.service['name']}",
        "minCapacity": 1,
        "maxCapacity": 4,
    }


@pytest.fixture(scope="session")
def provider(local_cloud: LocalCloud) -> Iterator[int]:
    """The port of a stand-in provider."""
    with listening(AwsServicer(local_cloud.endpoint)) as port:
        yield port


@pytest.fixture(scope="session")
def engine(provider: int) -> Iterator[Engine]:
    """An engine that is attached to it."""
    connected = Engine(provider)
    yield connected
    connected.close()


@pytest.fixture(scope="session")
def world(engine: Engine, client: Callable[..., Any]) -> Iterator[World]:
    """What resources need around them."""
    made = World(engine, client)
    yield made
    made.clean()
