"""From an ephemeral environment to its resources and outputs: only what differs from its host.

It declares nothing of the host's. The listener rules that it adds to the host's listener are resources of their own:
neither an up of the host nor its refresh sees them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pulumi
import pulumi_aws as aws

from ecs_stack.components import BorrowedRoute, BorrowedRouteArgs, ScalingArgs, Service, ServiceArgs
from ecs_stack.outputs import EXPORT, EphemeralOutputs, ServiceOutputs, StackOutputs
from ecs_stack.program import container_args, ingress_args, service_outputs
from ecs_stack.rules import ephemeral as rules
from ecs_stack.rules import names
from ecs_stack.rules.pipeline_permissions import role_path
from ecs_stack.rules.tags import resource_tags
from ecs_stack.spec import Capacity, Ephemeral, task_billables


def build(facts: EphemeralOutputs, host: StackOutputs, project: str) -> None:
    """Declare an ephemeral environment's resources, and export ``ecs_stack`` (see ``outputs``).

    ``facts`` are its own outputs: they are exported as they are, so that the same is built from them again. A service
    that the host hasn't any more isn't borrowed any more.
    """
    spec = Ephemeral.model_validate(facts.spec)
    task_tags = resource_tags(project, spec.name, spec.tags) | {
        rules.HOST_TAG: facts.host,
        rules.OWNER_TAG: rules.owner_tag(facts.owner),
    }
    tags = task_tags | {rules.EXPIRES_TAG: facts.expires}
    if facts.protect:
        tags |= {rules.PROTECT_TAG: "true"}
    provider = aws.Provider(
        "aws",
        region=spec.region,
        allowed_account_ids=[spec.account] if spec.account and spec.target == "aws" else None,
    )
    opts = pulumi.ResourceOptions(providers=[provider])
    services = {
        name: Service(
            f"{spec.name}-{name}",
            _service_args(spec, name, facts, host, project=project, tags=tags, task_tags=task_tags),
            opts,
        )
        for name in spec.services
    }
    for name, route in spec.borrowed.items():
        if name in spec.inherited:
            continue
        target_group = host.services[name].target_group_arn if name in host.services else None
        if host.load_balancer and target_group:
            BorrowedRoute(
                f"{spec.name}-{name}",
                BorrowedRouteArgs(
                    listener_arn=host.load_balancer.listener_arn,
                    target_group_arn=target_group,
                    priority=facts.priorities[name],
                    path=route.path,
                    host=route.host,
                    tags=tags,
                ),
                opts,
            )
    pulumi.export(EXPORT, _outputs(spec, facts, host, services))


def _service_args(
    spec: Ephemeral,
    name: str,
    facts: EphemeralOutputs,
    host: StackOutputs,
    *,
    project: str,
    tags: Mapping[str, str],
    task_tags: Mapping[str, str],
) -> ServiceArgs:
    service, balancer, ingress = spec.services[name], host.load_balancer, None
    if service.route and balancer and balancer.security_group_id and balancer.tasks_security_group_id:
        ingress = ingress_args(
            service,
            service.route,
            facts.priorities[name],
            balancer.listener_arn,
            balancer.security_group_id,
            balancer.tasks_security_group_id,
        )
    return ServiceArgs(
        service_name=rules.ecs_service(spec.name, name),
        family=names.cut(f"{spec.name}-{name}", names.TASK_FAMILY),
        log_group=names.log_group(spec.name, name),
        cluster_name=host.cluster_name,
        cluster_arn=host.cluster_arn,
        capacity=host.capacity,
        vpc_id=host.vpc_id,
        subnet_ids=host.private_subnet_ids,
        container=container_args(service),
        ingress=ingress,
        count=service.initial_count,
        scaling=ScalingArgs(**service.scale.model_dump()) if service.scale else None,
        minimum_percent=service.deploy.minimum_percent,
        maximum_percent=service.deploy.maximum_percent,
        permissions=[permission.model_dump() for permission in service.permissions],
        # AWS lets pull requests' pipelines make roles below this path only, and within these bounds.
        role_path=role_path(project, spec.name, preview=True) if host.pipelines else "/",
        permissions_boundary=host.pipelines.boundary_arn if host.pipelines else None,
        log_retention_days=spec.log_retention_days,
        tags=tags,
        task_tags=task_tags,
    )


def _outputs(
    spec: Ephemeral, facts: EphemeralOutputs, host: StackOutputs, services: Mapping[str, Service]
) -> pulumi.Output[dict[str, Any]]:
    balancer = host.load_balancer
    capacity = Capacity(fargate=host.capacity.get("FARGATE", 0), fargate_spot=host.capacity.get("FARGATE_SPOT", 0))

    def collect(known: Mapping[str, Any]) -> dict[str, Any]:
        return StackOutputs(
            environment=spec.name,
            region=spec.region,
            vpc_id=host.vpc_id,
            cluster_name=host.cluster_name,
            cluster_arn=host.cluster_arn,
            load_balancer=replace(balancer, security_group_id=None, tasks_security_group_id=None) if balancer else None,
            services={name: ServiceOutputs(**values) for name, values in known.items()},
            ephemeral=facts,
            billables=tuple(
                each for name, service in spec.services.items() for each in task_billables(name, service, capacity)
            ),
        ).to_dict()

    return pulumi.Output.all(
        **{name: service_outputs(name, spec.services[name], service) for name, service in services.items()}
    ).apply(collect)
