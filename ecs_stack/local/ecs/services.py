"""Services: CreateService, DescribeServices, ListServices, UpdateService and DeleteService."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ecs_stack.local.ecs import capacity, deployments, network, service_rules
from ecs_stack.local.ecs.arns import last_part
from ecs_stack.local.ecs.clusters import active
from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import EcsError, invalid, service_not_found
from ecs_stack.local.ecs.idempotency import digest
from ecs_stack.local.ecs.paging import page
from ecs_stack.local.ecs.service_documents import view
from ecs_stack.local.ecs.store import Document, snapshot
from ecs_stack.local.ecs.tags import checked
from ecs_stack.local.ecs.task_definitions import runnable

#: API Reference, DescribeServices.
_DESCRIBE_LIMIT = 10
#: What UpdateService changes without a new deployment.
_PLAIN_MEMBERS = ("availabilityZoneRebalancing", "enableECSManagedTags", "propagateTags")


@dataclass(frozen=True)
class Facts:
    """What EC2 and Elastic Load Balancing say of a request."""

    subnets: list[Document]
    target_groups: Mapping[str, Mapping[str, Any]]


def look_up(ctx: Context, params: Params) -> Facts:
    """Ask other services about the request; outside of transactions."""
    service_rules.refuse_unimplemented(params)
    return Facts(network.look_up_subnets(ctx, params), service_rules.look_up_target_groups(ctx, params))


def create(ctx: Context, params: Params, facts: Facts) -> Result:
    """CreateService. The same request again answers the service that exists."""
    cluster = active(ctx, params.get("cluster"))
    name = params["serviceName"]
    service_rules.check_name(name)
    arn = ctx.arns.service(cluster["clusterName"], name)
    existing = ctx.store.get("service", arn)
    if existing is not None and existing["status"] == "DRAINING":
        raise invalid("Unable to Start a service that is still Draining.")
    if existing is not None and existing["status"] == "ACTIVE":
        if existing["createdFrom"] != digest(params):
            raise invalid("Creation of service was not idempotent.")
        return {"service": view(ctx, existing)}
    if "taskDefinition" not in params:
        raise invalid("TaskDefinition can not be blank.")
    if params.get("desiredCount", -1) < 0:
        raise invalid("desiredCount must be zero or more for a REPLICA service.")
    definition = runnable(ctx, params["taskDefinition"])
    launch = capacity.resolve(cluster, definition, params)
    balancers = params.get("loadBalancers", [])
    service_rules.check_load_balancers(balancers, definition, facts.target_groups)
    service = {
        "serviceArn": arn,
        "serviceName": name,
        "clusterArn": cluster["clusterArn"],
        "loadBalancers": snapshot({"": balancers})[""],
        "serviceRegistries": [],
        "status": "ACTIVE",
        "desiredCount": params["desiredCount"],
        **launch,
        "platformFamily": "Linux",
        "taskDefinition": definition["taskDefinitionArn"],
        "deploymentConfiguration": service_rules.deployment_configuration(params.get("deploymentConfiguration", {})),
        "deployments": [],
        "roleArn": ctx.arns.service_linked_role,
        "events": [],
        "createdAt": ctx.now(),
        "placementConstraints": [],
        "placementStrategy": [],
        "networkConfiguration": network.checked_configuration(params),
        "schedulingStrategy": "REPLICA",
        "deploymentController": {"type": "ECS"},
        "tags": checked(params.get("tags", [])),
        "createdBy": ctx.arns.root,
        "enableECSManagedTags": params.get("enableECSManagedTags", False),
        "propagateTags": params.get("propagateTags", "NONE"),
        "enableExecuteCommand": params.get("enableExecuteCommand", False),
        # API Reference, CreateService: ENABLED when no value is given.
        "availabilityZoneRebalancing": params.get("availabilityZoneRebalancing", "ENABLED"),
        "steady": False,
        "createdFrom": digest(params),
    }
    _set_grace_period(service, params)
    service_rules.check_execute_command(service, definition, "created")
    network.remember(ctx, facts.subnets)
    ctx.store.put("service", arn, service)
    deployments.begin(ctx, service)
    ctx.wake()
    return {"service": view(ctx, service)}


def describe(ctx: Context, params: Params) -> Result:
    """DescribeServices: deleted ones too, as INACTIVE."""
    cluster = active(ctx, params.get("cluster"))
    names = params["services"]
    if not names:
        raise invalid("Services cannot be empty.")
    if len(names) > _DESCRIBE_LIMIT:
        raise invalid(f"Services cannot have more than {_DESCRIBE_LIMIT} elements.")
    found, failures = [], []
    for name in names:
        arn = ctx.arns.service(cluster["clusterName"], last_part(name))
        service = ctx.store.get("service", arn)
        if service is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(view(ctx, service, params.get("include", [])))
    return {"services": found, "failures": failures}


def list_all(ctx: Context, params: Params) -> Result:
    """ListServices: those that aren't deleted."""
    cluster = active(ctx, params.get("cluster"))
    arns = [
        service["serviceArn"]
        for service in ctx.store.all("service")
        if service["clusterArn"] == cluster["clusterArn"]
        and service["status"] == "ACTIVE"
        and service.get("launchType", "FARGATE") == params.get("launchType", service.get("launchType", "FARGATE"))
        and params.get("schedulingStrategy", "REPLICA") == "REPLICA"
    ]
    return page(params, arns, "serviceArns", default=10)


def update(ctx: Context, params: Params, facts: Facts) -> Result:
    """UpdateService: a new deployment where the revision changes, or where one is forced."""
    cluster = active(ctx, params.get("cluster"))
    found = _existing(ctx, cluster, params["service"])
    if found["status"] != "ACTIVE":
        raise EcsError("ServiceNotActiveException", "Service was not ACTIVE.")
    service = ctx.store.edit("service", found["serviceArn"])
    before = snapshot(service)
    if params.get("desiredCount", 0) < 0:
        raise invalid("desiredCount must be zero or more.")
    definition = _definition(ctx, service, params)
    service["taskDefinition"] = definition["taskDefinitionArn"]
    _update_launch(cluster, service, definition, params)
    if "networkConfiguration" in params:
        service["networkConfiguration"] = network.checked_configuration(params)
        network.remember(ctx, facts.subnets)
    service["loadBalancers"] = params.get("loadBalancers", service["loadBalancers"])
    service_rules.check_load_balancers(service["loadBalancers"], definition, facts.target_groups)
    service["deploymentConfiguration"] = service_rules.deployment_configuration(
        params.get("deploymentConfiguration", {}), service["deploymentConfiguration"]
    )
    service["desiredCount"] = params.get("desiredCount", service["desiredCount"])
    service["enableExecuteCommand"] = params.get("enableExecuteCommand", service["enableExecuteCommand"])
    service_rules.check_execute_command(service, definition, "updated")
    for member in _PLAIN_MEMBERS:
        service[member] = params.get(member, service[member])
    _set_grace_period(service, params)
    compared = (*deployments.REVISION_MEMBERS, "enableExecuteCommand")
    changed = any(service.get(member) != before.get(member) for member in compared)
    if changed or params.get("forceNewDeployment"):
        deployments.begin(ctx, service)
    if service["desiredCount"] != before["desiredCount"]:
        service["steady"] = False
    ctx.wake()
    return {"service": view(ctx, service)}


def delete(ctx: Context, params: Params) -> Result:
    """DeleteService: DRAINING while tasks stop, then INACTIVE."""
    cluster = active(ctx, params.get("cluster"))
    found = _existing(ctx, cluster, params["service"])
    if found["status"] == "INACTIVE":
        raise service_not_found()
    if found["desiredCount"] > 0 and not params.get("force"):
        raise invalid("The service cannot be stopped while it is scaled above 0.")
    service = ctx.store.edit("service", found["serviceArn"])
    if service["status"] == "ACTIVE":
        deployments.end(ctx, service, "Service deployment stopped because the service was deleted.")
    service.update(status="DRAINING", desiredCount=0)
    ctx.wake()
    return {"service": view(ctx, service)}


def _existing(ctx: Context, cluster: Document, name: str) -> Document:
    service = ctx.store.get("service", ctx.arns.service(cluster["clusterName"], last_part(name)))
    if service is None:
        raise service_not_found()
    return service


def _definition(ctx: Context, service: Document, params: Params) -> Document:
    """The task definition to deploy. The one the service has may have been deregistered since."""
    if "taskDefinition" in params:
        return runnable(ctx, params["taskDefinition"])
    current = ctx.store.get("task_definition", service["taskDefinition"])
    return current if current is not None else runnable(ctx, service["taskDefinition"])


def _update_launch(cluster: Document, service: Document, definition: Document, params: Params) -> None:
    asked: dict[str, Any] = {"platformVersion": params["platformVersion"]} if "platformVersion" in params else {}
    if params.get("capacityProviderStrategy"):
        asked["capacityProviderStrategy"] = params["capacityProviderStrategy"]
    elif "capacityProviderStrategy" in service and "capacityProviderStrategy" not in params:
        asked["capacityProviderStrategy"] = service["capacityProviderStrategy"]
    else:
        asked["launchType"] = service.get("launchType", "FARGATE")
    if "platformVersion" in service:
        asked.setdefault("platformVersion", service["platformVersion"])
    launch = capacity.resolve(cluster, definition, asked)
    for member in ("launchType", "capacityProviderStrategy", "platformVersion"):
        service.pop(member, None)
    service.update(launch)


def _set_grace_period(service: Document, params: Params) -> None:
    """API Reference, CreateService: seconds, default 0, for services with a load balancer."""
    seconds = params.get("healthCheckGracePeriodSeconds")
    if seconds is not None:
        if seconds < 0:
            raise invalid("healthCheckGracePeriodSeconds must be zero or more.")
        if seconds and not service["loadBalancers"]:
            raise invalid("Health check grace period is only valid for services configured to use load balancers.")
        service["healthCheckGracePeriodSeconds"] = seconds
    elif service["loadBalancers"]:
        service.setdefault("healthCheckGracePeriodSeconds", 0)
