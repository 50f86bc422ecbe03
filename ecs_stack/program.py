"""From an environment to its resources and outputs: the only place where components meet."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from ecs_stack.components import (
    Certificate,
    CertificateArgs,
    Cluster,
    ClusterArgs,
    ContainerArgs,
    Grant,
    HealthCheckArgs,
    IngressArgs,
    LoadBalancer,
    LoadBalancerArgs,
    Network,
    NetworkArgs,
    PipelineAccess,
    PipelineAccessArgs,
    Records,
    RecordsArgs,
    ScalingArgs,
    Service,
    ServiceArgs,
    aws_packages,
    hosted_zone_id,
)
from ecs_stack.outputs import EXPORT, LoadBalancerOutputs, PipelineOutputs, ServiceOutputs, StackOutputs
from ecs_stack.rules import names, pipeline_permissions, routes, state
from ecs_stack.rules.tags import ZONE, resource_tags
from ecs_stack.spec import Environment, Route, billables
from ecs_stack.spec import Service as ServiceSpec

_loading = threading.Lock()


def load_sdk() -> None:
    """Load the modules of the SDK that the components use. To be called before programs run in several threads.

    They load when an attribute of theirs is first read, which isn't safe in two threads at once: the second finds
    the module half empty (pulumi._utils copies importlib's LazyLoader).
    """
    with _loading:
        aws_packages.load()


def program(environment: Environment, project: str) -> Callable[[], None]:
    """``build`` without arguments, as the Automation API takes a program."""

    def run() -> None:
        load_sdk()
        build(environment, project)

    return run


def build(environment: Environment, project: str) -> None:
    """Declare an environment's resources, and export ``ecs_stack`` (see ``outputs``).

    Runs inside a Pulumi program. Where AWS is, and with which credentials, comes from the process's
    environment.
    """
    tags = resource_tags(project, environment.name, environment.tags)
    provider = aws.Provider(
        "aws",
        region=environment.region,
        # The local cloud has an account of its own.
        allowed_account_ids=_accounts(environment),
    )
    opts = pulumi.ResourceOptions(providers=[provider])
    network = Network(
        environment.name,
        NetworkArgs(
            region=environment.region,
            cidr=environment.network.cidr,
            zones=environment.network.zones,
            nat=environment.network.nat,
            endpoints=environment.network.endpoints,
            tags=tags,
        ),
        opts,
    )
    cluster = Cluster(
        environment.name,
        ClusterArgs(
            cluster_name=environment.name,
            fargate=environment.cluster.capacity.fargate,
            fargate_spot=environment.cluster.capacity.fargate_spot,
            container_insights=environment.cluster.container_insights,
            tags=tags,
        ),
        opts,
    )
    balancer = _load_balancer(environment, network, tags, provider) if environment.routes else None
    priorities = routes.priorities(environment.routes)
    access = _pipeline_access(environment, project, tags, opts)
    services = {
        name: Service(
            f"{environment.name}-{name}",
            _service_args(
                environment,
                name,
                network=network,
                cluster=cluster,
                ingress=_ingress(service, balancer, priorities.get(name)),
                access=access,
                role_path=pipeline_permissions.role_path(project, environment.name),
                tags=tags,
            ),
            opts,
        )
        for name, service in environment.services.items()
    }
    pulumi.export(EXPORT, _outputs(environment, network, cluster, balancer, access, services))


def _accounts(environment: Environment) -> list[pulumi.Input[str]] | None:
    return [environment.account] if environment.account and environment.target == "aws" else None


def _load_balancer(
    environment: Environment, network: Network, tags: Mapping[str, str], provider: aws.Provider
) -> LoadBalancer:
    opts = pulumi.ResourceOptions(providers=[provider])
    described = environment.load_balancer
    zone_id = hosted_zone_id(environment.zone, provider) if environment.zone else None
    certificate: pulumi.Input[str] | None = described.existing_certificate
    if described.domain and described.makes_certificate:
        asked = CertificateArgs(domain=described.domain, zone_id=zone_id, tags=tags)
        certificate = Certificate(environment.name, asked, opts).arn
    balancer = LoadBalancer(
        environment.name,
        LoadBalancerArgs(
            vpc_id=network.vpc_id,
            subnet_ids=network.public_subnet_ids,
            allow_from=described.allow_from,
            idle_timeout=described.idle_timeout,
            certificate_arn=certificate,
            tags={**tags, ZONE: environment.zone} if environment.zone else tags,
        ),
        opts,
    )
    if described.domain and zone_id is not None:
        Records(
            environment.name,
            RecordsArgs(
                domain=described.domain,
                zone_id=zone_id,
                target=balancer.dns_name,
                target_zone_id=balancer.zone_id,
            ),
            opts,
        )
    return balancer


def _pipeline_access(
    environment: Environment, project: str, tags: Mapping[str, str], opts: pulumi.ResourceOptions
) -> PipelineAccess | None:
    if environment.ci is None:
        return None
    kept = state.bucket(environment.state.backend or "", environment.region)
    return PipelineAccess(
        environment.name,
        PipelineAccessArgs(
            project=project,
            environment=environment.name,
            pipelines=environment.ci.tokens(environment.name),
            previews=environment.hosts_ephemeral,
            new_provider=environment.ci.oidc_provider == "new",
            grants=[
                Grant(
                    image=service.image,
                    secrets=list(service.secrets.values()),
                    permissions=[permission.model_dump() for permission in service.permissions],
                )
                for service in environment.services.values()
            ],
            state=f"{kept.name}/{kept.prefix}" if kept else None,
            key_alias=state.alias(environment.state.secrets),
            domain=environment.load_balancer.domain is not None,
            tags=tags,
        ),
        opts,
    )


def _ingress(service: ServiceSpec, balancer: LoadBalancer | None, priority: int | None) -> IngressArgs | None:
    if service.route is None or balancer is None or priority is None:
        return None
    return ingress_args(
        service,
        service.route,
        priority,
        balancer.listener_arn,
        balancer.security_group_id,
        balancer.tasks_security_group_id,
    )


def ingress_args(
    service: ServiceSpec,
    route: Route,
    priority: int,
    listener_arn: pulumi.Input[str],
    load_balancer_security_group_id: pulumi.Input[str],
    tasks_security_group_id: pulumi.Input[str],
) -> IngressArgs:
    """The way to a service that has a route."""
    return IngressArgs(
        listener_arn=listener_arn,
        load_balancer_security_group_id=load_balancer_security_group_id,
        tasks_security_group_id=tasks_security_group_id,
        priority=priority,
        path=route.path,
        host=route.host,
        health=HealthCheckArgs(**service.health.model_dump()),
        deregistration_delay=service.deregistration_delay,
    )


def _service_args(
    environment: Environment,
    name: str,
    *,
    network: Network,
    cluster: Cluster,
    ingress: IngressArgs | None,
    access: PipelineAccess | None,
    role_path: str,
    tags: Mapping[str, str],
) -> ServiceArgs:
    service = environment.services[name]
    return ServiceArgs(
        service_name=name,
        family=names.cut(f"{environment.name}-{name}", names.TASK_FAMILY),
        log_group=names.log_group(environment.name, name),
        cluster_name=cluster.name,
        cluster_arn=cluster.arn,
        capacity=cluster.capacity,
        vpc_id=network.vpc_id,
        subnet_ids=network.private_subnet_ids,
        container=container_args(service),
        ingress=ingress,
        count=service.initial_count,
        scaling=ScalingArgs(**service.scale.model_dump()) if service.scale else None,
        minimum_percent=service.deploy.minimum_percent,
        maximum_percent=service.deploy.maximum_percent,
        permissions=[permission.model_dump() for permission in service.permissions],
        # Without pipelines, roles stay where they were: another path is another role.
        role_path=role_path if access else "/",
        permissions_boundary=access.boundary_arn if access else None,
        log_retention_days=environment.monitoring.log_retention_days,
        tags=tags,
    )


def container_args(service: ServiceSpec) -> ContainerArgs:
    """What runs in a service's tasks."""
    return ContainerArgs(
        image=service.image,
        cpu=service.cpu,
        memory=service.memory,
        port=service.port,
        architecture=service.architecture,
        command=service.command,
        entrypoint=service.entrypoint,
        user=service.user,
        read_only_root=service.read_only_root,
        environment=service.environment,
        secrets=service.secrets,
        stop_timeout=service.stop_timeout,
    )


def _outputs(
    environment: Environment,
    network: Network,
    cluster: Cluster,
    balancer: LoadBalancer | None,
    access: PipelineAccess | None,
    services: Mapping[str, Service],
) -> pulumi.Output[dict[str, Any]]:
    def collect(known: Mapping[str, Any]) -> dict[str, Any]:
        return StackOutputs(
            environment=environment.name,
            region=environment.region,
            vpc_id=known["vpc_id"],
            cluster_name=known["cluster_name"],
            cluster_arn=known["cluster_arn"],
            load_balancer=LoadBalancerOutputs(**known["balancer"]) if known["balancer"] else None,
            services={name: ServiceOutputs(**values) for name, values in known["services"].items()},
            private_subnet_ids=tuple(known["private_subnet_ids"]),
            capacity=cluster.capacity,
            billables=billables(environment),
            pipelines=PipelineOutputs(**known["pipelines"]) if known["pipelines"] else None,
        ).to_dict()

    return pulumi.Output.all(
        vpc_id=network.vpc_id,
        cluster_name=cluster.name,
        cluster_arn=cluster.arn,
        private_subnet_ids=network.private_subnet_ids,
        balancer={
            "arn": balancer.arn,
            "dns_name": balancer.dns_name,
            "listener_arn": balancer.listener_arn,
            "listener_port": balancer.listener_port,
            "listener_protocol": balancer.listener_protocol,
            "domain": environment.load_balancer.domain,
            "zone": environment.zone,
            "security_group_id": balancer.security_group_id,
            "tasks_security_group_id": balancer.tasks_security_group_id if environment.hosts_ephemeral else None,
        }
        if balancer
        else None,
        pipelines={
            "deploy_role_arn": access.deploy_role_arn,
            "preview_role_arn": access.preview_role_arn,
            "boundary_arn": access.boundary_arn,
        }
        if access
        else None,
        services={
            name: service_outputs(name, environment.services[name], service) for name, service in services.items()
        },
    ).apply(collect)


def service_outputs(name: str, spec: ServiceSpec, service: Service) -> dict[str, Any]:
    """The fields of ``outputs.ServiceOutputs``, not all known yet."""
    return {
        "name": name,
        "service_name": service.name,
        "service_arn": service.arn,
        "task_definition_arn": service.task_definition_arn,
        "container_name": service.container_name,
        "image": service.image,
        "log_group": service.log_group,
        "target_group_arn": service.target_group_arn,
        "host": spec.route.host if spec.route else None,
        "path": spec.route.path if spec.route else None,
    }
