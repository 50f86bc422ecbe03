"""What a service asks the engine to build, and what it doesn't."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws
import pytest

from ecs_stack.components import (
    ContainerArgs,
    HealthCheckArgs,
    IngressArgs,
    ScalingArgs,
    Service,
    ServiceArgs,
)
from tests.components.recording import Recording

CONTAINER = ContainerArgs(image="acme/api:1", cpu=256, memory=512, port=8080)
INGRESS = IngressArgs(
    listener_arn="arn:listener",
    load_balancer_security_group_id="sg-lb",
    tasks_security_group_id="sg-tasks",
    priority=7,
    host="api.example.com",
    health=HealthCheckArgs(path="/health", grace_period=45),
    deregistration_delay=15,
)
ARGS = ServiceArgs(
    service_name="api",
    family="dev-api",
    log_group="/ecs/dev/api",
    cluster_name="dev",
    cluster_arn="arn:cluster",
    vpc_id="vpc-1",
    subnet_ids=["subnet-private-1", "subnet-private-2"],
    container=CONTAINER,
    ingress=INGRESS,
    count=2,
    tags={"team": "a"},
)


def declare(args: ServiceArgs = ARGS, opts: pulumi.ResourceOptions | None = None) -> Service:
    return Service("dev-api", args, opts)


def container_of(built: Recording) -> dict[str, Any]:
    (container,) = json.loads(built.one("ecs/taskDefinition:TaskDefinition")["containerDefinitions"])
    return container  # type: ignore[no-any-return]


@pulumi.runtime.test
def _settled(args: ServiceArgs = ARGS, opts: pulumi.ResourceOptions | None = None) -> None:
    declare(args, opts)


def test_tasks_run_in_private_subnets_without_public_addresses(built: Recording) -> None:
    _settled()
    service = built.one("ecs/service:Service")
    assert service["networkConfiguration"] == {
        "subnets": ["subnet-private-1", "subnet-private-2"],
        "securityGroups": ["SecurityGroup-dev-api", "sg-tasks"],
        "assignPublicIp": False,
    }


def test_only_the_load_balancer_reaches_the_tasks(built: Recording) -> None:
    _settled()
    rule = built.one("vpc/securityGroupIngressRule:SecurityGroupIngressRule")
    assert (rule["securityGroupId"], rule["referencedSecurityGroupId"]) == ("SecurityGroup-dev-api", "sg-lb")
    assert (rule["ipProtocol"], rule["fromPort"], rule["toPort"]) == ("tcp", 8080, 8080)
    assert rule["cidrIpv4"] is None
    group = built.one("ec2/securityGroup:SecurityGroup")
    assert group["ingress"] is None
    assert group["egress"] is None


def test_the_container_is_locked_down_by_default(built: Recording) -> None:
    _settled()
    container = container_of(built)
    assert container["user"] == "1000:1000"
    assert container["readonlyRootFilesystem"] is True
    assert "privileged" not in container
    assert "linuxParameters" not in container
    assert container["stopTimeout"] == 30
    assert container["portMappings"] == [{"containerPort": 8080, "hostPort": 8080, "protocol": "tcp"}]
    assert "command" not in container
    assert "entryPoint" not in container


def test_the_container_as_it_is_asked_for(built: Recording) -> None:
    _settled(
        replace(
            ARGS,
            container=replace(
                CONTAINER,
                command=["serve"],
                entrypoint=["/run"],
                user="root",
                read_only_root=False,
                stop_timeout=90,
                environment={"B": "2", "A": pulumi.Output.from_input("1")},
                secrets={"TOKEN": "ssm:/a", "KEY": "secretsmanager:b#k"},
            ),
        )
    )
    container = container_of(built)
    assert (container["command"], container["entryPoint"], container["user"]) == (["serve"], ["/run"], "root")
    assert (container["readonlyRootFilesystem"], container["stopTimeout"]) == (False, 90)
    assert container["environment"] == [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}]
    assert container["secrets"] == [
        {"name": "KEY", "valueFrom": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:b:k::"},
        {"name": "TOKEN", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/a"},
    ]


def test_logs_have_a_group_a_retention_and_never_block(built: Recording) -> None:
    _settled(replace(ARGS, log_retention_days=7))
    group = built.one("cloudwatch/logGroup:LogGroup")
    assert (group["name"], group["retentionInDays"]) == ("/ecs/dev/api", 7)
    assert container_of(built)["logConfiguration"] == {
        "logDriver": "awslogs",
        "options": {
            "awslogs-group": "/ecs/dev/api",
            "awslogs-region": "eu-west-1",
            "awslogs-stream-prefix": "api",
            "mode": "non-blocking",
            "max-buffer-size": "25m",
        },
    }


def test_the_task_definition(built: Recording) -> None:
    _settled(replace(ARGS, container=replace(CONTAINER, architecture="ARM64")))
    task = built.one("ecs/taskDefinition:TaskDefinition")
    assert (task["family"], task["cpu"], task["memory"]) == ("dev-api", "256", "512")
    assert (task["networkMode"], task["requiresCompatibilities"]) == ("awsvpc", ["FARGATE"])
    assert task["runtimePlatform"] == {"operatingSystemFamily": "LINUX", "cpuArchitecture": "ARM64"}
    assert task["executionRoleArn"] == "arn:aws:Role:dev-api-execution"
    assert task["taskRoleArn"] == "arn:aws:Role:dev-api-task"
    # It waits for the policies, not only for the roles.
    assert "aws:iam/rolePolicy:RolePolicy::dev-api-execution" in task.dependencies


def test_a_failed_deployment_is_rolled_back_and_nothing_waits_for_it(built: Recording) -> None:
    _settled(replace(ARGS, minimum_percent=50, maximum_percent=150))
    service = built.one("ecs/service:Service")
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (50, 150)
    assert service["waitForSteadyState"] is None
    assert service["forceNewDeployment"] is None
    assert service["forceDelete"] is True


def test_the_service(built: Recording) -> None:
    _settled(replace(ARGS, capacity={"FARGATE": 1, "FARGATE_SPOT": 3}))
    service = built.one("ecs/service:Service")
    assert (service["name"], service["cluster"], service["desiredCount"]) == ("api", "arn:cluster", 2)
    assert service["capacityProviderStrategies"] == [
        {"capacityProvider": "FARGATE", "weight": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
    ]
    assert service["launchType"] is None
    assert service["loadBalancers"] == [
        {"targetGroupArn": "arn:aws:TargetGroup:dev-api", "containerName": "api", "containerPort": 8080}
    ]
    assert service["healthCheckGracePeriodSeconds"] == 45
    assert (service["propagateTags"], service["enableEcsManagedTags"]) == ("SERVICE", True)
    # A change of weights would need a forced deployment; the count is the file's.
    assert service.ignore_changes == ("capacityProviderStrategies",)


def test_the_service_waits_for_all_that_its_tasks_need(built: Recording) -> None:
    _settled()
    waited_for = built.one("ecs/service:Service").dependencies
    assert {
        # ECS refuses a target group that no listener sends requests to.
        "aws:lb/listenerRule:ListenerRule::dev-api",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule::dev-api-out",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule::dev-api-from-lb",
        "aws:ecs/taskDefinition:TaskDefinition::dev-api",
    } <= waited_for


def test_requests_are_told_apart_by_host_and_path(built: Recording) -> None:
    _settled(replace(ARGS, ingress=replace(INGRESS, path="/v1/*")))
    rule = built.one("lb/listenerRule:ListenerRule")
    assert (rule["listenerArn"], rule["priority"]) == ("arn:listener", 7)
    assert rule["conditions"] == [
        {"pathPattern": {"values": ["/v1/*"]}},
        {"hostHeader": {"values": ["api.example.com"]}},
    ]
    assert rule["actions"] == [{"type": "forward", "targetGroupArn": "arn:aws:TargetGroup:dev-api"}]


def test_the_target_group(built: Recording) -> None:
    _settled()
    group = built.one("lb/targetGroup:TargetGroup")
    assert (group["targetType"], group["protocol"], group["port"]) == ("ip", "HTTP", 8080)
    assert group["deregistrationDelay"] == 15
    assert group["healthCheck"]["path"] == "/health"
    assert group["name"] is None


def test_a_worker_has_no_way_in(built: Recording) -> None:
    _settled(replace(ARGS, ingress=None, container=replace(CONTAINER, port=None)))
    for absent in (
        "lb/targetGroup:TargetGroup",
        "lb/listenerRule:ListenerRule",
        "vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    ):
        assert built.of(absent) == []
    service = built.one("ecs/service:Service")
    assert service["loadBalancers"] is None
    assert service["healthCheckGracePeriodSeconds"] is None
    assert "portMappings" not in container_of(built)


def test_an_ingress_needs_a_port(built: Recording) -> None:
    with pytest.raises(ValueError, match="needs a port"):
        _settled(replace(ARGS, container=replace(CONTAINER, port=None)))


def test_the_autoscaler_owns_the_count(built: Recording) -> None:
    _settled(replace(ARGS, scaling=ScalingArgs(min=3, max=9, cpu=60, memory=70)))
    service = built.one("ecs/service:Service")
    assert (service["desiredCount"], service.ignore_changes) == (3, ("capacityProviderStrategies", "desiredCount"))
    target = built.one("appautoscaling/target:Target")
    assert (target["minCapacity"], target["maxCapacity"]) == (3, 9)
    assert target["resourceId"] == "service/dev/api"
    assert target["scalableDimension"] == "ecs:service:DesiredCount"
    policies = {
        policy.name: policy["targetTrackingScalingPolicyConfiguration"]
        for policy in built.of("appautoscaling/policy:Policy")
    }
    assert policies == {
        "dev-api-cpu": {
            "targetValue": 60,
            "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageCPUUtilization"},
        },
        "dev-api-memory": {
            "targetValue": 70,
            "predefinedMetricSpecification": {"predefinedMetricType": "ECSServiceAverageMemoryUtilization"},
        },
    }


def test_without_a_range_there_is_no_autoscaler(built: Recording) -> None:
    _settled()
    assert built.of("appautoscaling/target:Target") == []


def test_the_roles_are_for_this_service_alone(built: Recording) -> None:
    _settled(
        replace(
            ARGS,
            container=replace(CONTAINER, secrets={"TOKEN": "ssm:/a"}),
            permissions=[{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/*"]}],
        )
    )
    statements = list(built.policies())
    assert {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::b/*"]} in statements
    assert not any("*" in statement["Resource"] for statement in statements)
    assert not any(action.endswith("*") for statement in statements for action in statement["Action"])
    for role in built.of("iam/role:Role"):
        (trust,) = json.loads(role["assumeRolePolicy"])["Statement"]
        assert trust["Condition"]["StringEquals"] == {"aws:SourceAccount": "123456789012"}
        assert role["managedPolicyArns"] is None


def test_the_code_may_do_nothing_unless_said(built: Recording) -> None:
    _settled()
    assert [policy.name for policy in built.of("iam/rolePolicy:RolePolicy")] == ["dev-api-execution"]


def test_an_image_in_ecr_may_be_pulled_and_no_other(built: Recording) -> None:
    image = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/acme/api:1"
    _settled(replace(ARGS, container=replace(CONTAINER, image=pulumi.Output.from_input(image))))
    resources = {s["Sid"]: s["Resource"] for s in built.policies()}
    assert resources["Image"] == ["arn:aws:ecr:eu-west-1:123456789012:repository/acme/api"]
    # The one action that knows no resource.
    assert [sid for sid, arns in resources.items() if "*" in arns] == ["ImageToken"]


def test_tasks_connect_to_everything_and_nothing_else_is_open_to_the_world(built: Recording) -> None:
    _settled()
    world = [r.key for r in built.all if "0.0.0.0/0" in json.dumps(r.inputs)]
    assert world == ["aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule::dev-api-out"]


def test_children_hang_below_the_component_whatever_options_it_is_given(built: Recording) -> None:
    @pulumi.runtime.test
    def settled() -> None:
        provider = aws.Provider("mine", region="eu-west-1")
        parent = pulumi.ComponentResource("test:index:Parent", "above")
        declare(opts=pulumi.ResourceOptions(parent=parent, provider=provider))

    settled()
    component = built.one("ecs-stack:index:Service")
    assert component.parent == "test:index:Parent::above"
    children = [r for r in built.all if r.type.startswith("aws:")]
    assert {r.parent for r in children} == {
        "ecs-stack:index:Service::dev-api",
        "ecs-stack:index:ServiceRoles::dev-api",
        "ecs-stack:index:Ingress::dev-api",
    }
    assert {r.provider for r in children} == {"mine"}


def test_all_that_takes_tags_has_them(built: Recording) -> None:
    _settled(replace(ARGS, scaling=ScalingArgs(min=1, max=2, cpu=50)))
    untagged = {"aws:iam/rolePolicy:RolePolicy", "aws:appautoscaling/policy:Policy"}
    for resource in built.all:
        if resource.type.startswith("aws:") and resource.type not in untagged:
            assert resource["tags"] == {"team": "a"}, resource.key


def test_long_names_fit_aws(built: Recording) -> None:
    @pulumi.runtime.test
    def settled() -> None:
        Service("e" * 32 + "-" + "s" * 64, ARGS)

    settled()
    assert len(built.one("lb/targetGroup:TargetGroup").name) == 24
    assert all(len(role.name) <= 56 for role in built.of("iam/role:Role"))
    assert len({role.name for role in built.of("iam/role:Role")}) == 2


@pulumi.runtime.test
def test_outputs(built: Recording) -> pulumi.Output[None]:
    service = declare()

    def check(known: list[Any]) -> None:
        assert known == [
            "api",
            "arn:aws:Service:dev-api",
            "arn:aws:TaskDefinition:dev-api",
            "acme/api:1",
            "/ecs/dev/api",
            "SecurityGroup-dev-api",
            "arn:aws:TargetGroup:dev-api",
        ]

    return pulumi.Output.all(
        service.name,
        service.arn,
        service.task_definition_arn,
        service.image,
        service.log_group,
        service.security_group_id,
        service.target_group_arn,
    ).apply(check)


def test_the_roles_have_a_path_and_bounds_of_the_environments(built: Recording) -> None:
    _settled(replace(ARGS, role_path="/ecs-stack/shop/dev/", permissions_boundary="arn:policy"))
    for role in built.of("iam/role:Role"):
        assert (role["path"], role["permissionsBoundary"]) == ("/ecs-stack/shop/dev/", "arn:policy")
