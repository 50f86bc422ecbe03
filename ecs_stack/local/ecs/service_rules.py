"""What CreateService and UpdateService refuse (API Reference, these actions and their types)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from ecs_stack.local.ecs.context import Context, Params
from ecs_stack.local.ecs.errors import invalid, unsupported
from ecs_stack.local.ecs.store import Document

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
#: API Reference, DeploymentConfiguration: defaults for REPLICA services.
_DEPLOYMENT_DEFAULTS: Mapping[str, Any] = {
    "deploymentCircuitBreaker": {"enable": False, "rollback": False},
    "maximumPercent": 200,
    "minimumHealthyPercent": 100,
    "strategy": "ROLLING",
    "bakeTimeInMinutes": 0,
}
#: Service quotas, target groups of a service.
_MAX_LOAD_BALANCERS = 5


def check_name(name: str) -> None:
    """The pattern of service names."""
    if not _NAME.match(name):
        raise invalid("Service name must have 1 to 255 letters, numbers, hyphens or underscores.")


def refuse_unimplemented(params: Params) -> None:
    """What the local Amazon ECS can't do, by its name. Off switches and empty lists are fine."""
    if params.get("schedulingStrategy", "REPLICA") != "REPLICA":
        raise unsupported(f"schedulingStrategy {params['schedulingStrategy']}", "Use REPLICA.")
    controller = params.get("deploymentController", {}).get("type", "ECS")
    if controller != "ECS":
        raise unsupported(f"deploymentController {controller}", "Use ECS.")
    deployment = params.get("deploymentConfiguration", {})
    if deployment.get("strategy", "ROLLING") != "ROLLING":
        raise unsupported(f"Deployment strategy {deployment['strategy']}", "Use ROLLING.")
    for member in ("lifecycleHooks", "linearConfiguration", "canaryConfiguration", "earlySuccessCriteria"):
        if deployment.get(member):
            raise unsupported(f"deploymentConfiguration.{member}")
    if deployment.get("bakeTimeInMinutes"):
        raise unsupported("deploymentConfiguration.bakeTimeInMinutes")
    if deployment.get("alarms", {}).get("enable"):
        raise unsupported("deploymentConfiguration.alarms")
    if params.get("serviceConnectConfiguration", {}).get("enabled"):
        raise unsupported("serviceConnectConfiguration")
    for member in ("serviceRegistries", "volumeConfigurations", "vpcLatticeConfigurations", "monitoring"):
        if params.get(member):
            raise unsupported(member)
    for member in ("placementConstraints", "placementStrategy"):
        if params.get(member):
            raise unsupported(member, "Tasks are spread over the zones of their subnets, as on Fargate.")


def deployment_configuration(given: Mapping[str, Any], before: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """A deployment configuration with its defaults, or with what it was ``before``, filled in."""
    filled = {**_DEPLOYMENT_DEFAULTS, **(before or {}), **given}
    maximum, minimum = filled["maximumPercent"], filled["minimumHealthyPercent"]
    if not 0 <= minimum <= 100:
        raise invalid("minimumHealthyPercent must be between 0 and 100.")
    if maximum < 100:
        raise invalid("maximumPercent must be at least 100.")
    if maximum == 100 and minimum == 100:
        raise invalid("Both maximumPercent and minimumHealthyPercent cannot be 100 as this will block deployments.")
    threshold = filled["deploymentCircuitBreaker"].get("thresholdConfiguration")
    if threshold is not None and threshold.get("value", 0) < 1:
        raise invalid("The value of the circuit breaker's thresholdConfiguration must be at least 1.")
    return filled


def look_up_target_groups(ctx: Context, params: Params) -> dict[str, Mapping[str, Any]]:
    """The target groups of a request by ARN, asked of Elastic Load Balancing: not in a transaction."""
    found: dict[str, Mapping[str, Any]] = {}
    for balancer in params.get("loadBalancers", []):
        arn = balancer.get("targetGroupArn")
        if arn is None:
            raise unsupported("A Classic Load Balancer (loadBalancers.loadBalancerName)", "Use a targetGroupArn.")
        try:
            answer = ctx.client("elbv2").describe_target_groups(TargetGroupArns=[arn])
        except ClientError as error:
            raise invalid(f"The specified target group does not exist. {error.response['Error']['Message']}") from None
        found[arn] = answer["TargetGroups"][0]
    return found


def check_load_balancers(
    balancers: list[dict[str, Any]], definition: Document, groups: Mapping[str, Mapping[str, Any]]
) -> None:
    """Target groups against the task definition."""
    if len(balancers) > _MAX_LOAD_BALANCERS:
        raise invalid(f"A service can have at most {_MAX_LOAD_BALANCERS} target groups.")
    containers = {container["name"]: container for container in definition["containerDefinitions"]}
    for balancer in balancers:
        if balancer.get("advancedConfiguration"):
            raise unsupported("loadBalancers.advancedConfiguration")
        arn = balancer["targetGroupArn"]
        group = groups.get(arn)
        if group is not None and not group.get("LoadBalancerArns"):
            raise invalid(f"The target group with targetGroupArn {arn} does not have an associated load balancer.")
        if group is not None and group.get("TargetType") != "ip":
            raise invalid(
                f"The provided target group {arn} has target type {group.get('TargetType')}, which is"
                " incompatible with the awsvpc network mode specified in the task definition."
            )
        name, port = balancer.get("containerName"), balancer.get("containerPort")
        container = containers.get(name)
        if container is None:
            raise invalid(f"The container {name} does not exist in the task definition.")
        if port not in [mapping.get("containerPort") for mapping in container["portMappings"]]:
            raise invalid(f"The container {name} did not have a container port {port} defined.")


def check_execute_command(service: Document, definition: Document, done: str) -> None:
    """ECS Exec works through the task role (Developer Guide, "Monitor Amazon ECS containers with ECS Exec")."""
    if service["enableExecuteCommand"] and not definition.get("taskRoleArn"):
        raise invalid(
            f"The service couldn't be {done} because a valid taskRoleArn is not being used. Specify a valid task"
            " role in your task definition and try again."
        )
