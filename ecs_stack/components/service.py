"""A long-running ECS service on Fargate, with all it needs around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi
from pulumi_aws import cloudwatch, ec2, ecs, vpc

from ecs_stack.components.autoscaling import Autoscaling, AutoscalingArgs
from ecs_stack.components.ingress import Ingress, IngressArgs
from ecs_stack.components.service_roles import ServiceRoles, ServiceRolesArgs
from ecs_stack.components.task import ContainerArgs, container_definitions
from ecs_stack.rules import names

Tags = pulumi.Input[Mapping[str, pulumi.Input[str]]]


@dataclass(frozen=True, kw_only=True)
class ScalingArgs:
    """A range of tasks, and the average use to keep, in percent."""

    min: int
    max: int
    cpu: int | None = None
    memory: int | None = None


@dataclass(frozen=True, kw_only=True)
class ServiceArgs:
    """A service.

    ``service_name`` is the ECS service's and its container's, ``family`` the task definition's. ``capacity``
    has weights by capacity provider, which the service keeps: ECS changes them only in a forced deployment.
    ``count`` tasks run, or as many as ``scaling`` says: then the autoscaler owns the number, and an update
    leaves it alone. ``ingress`` (None: a worker that nothing reaches) needs the container's ``port``.
    ``task_tags`` are the task definition's and its tasks' instead of ``tags``: a task keeps those that it started with.
    """

    service_name: str
    family: str
    log_group: str
    cluster_name: pulumi.Input[str]
    cluster_arn: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[pulumi.Input[str]]]
    """Private subnets with a way out: to the image, the logs and the secrets."""
    container: ContainerArgs
    capacity: Mapping[str, int] = field(default_factory=lambda: {"FARGATE": 1})
    ingress: IngressArgs | None = None
    count: int = 1
    scaling: ScalingArgs | None = None
    minimum_percent: int = 100
    maximum_percent: int = 200
    permissions: Sequence[Mapping[str, Sequence[str]]] = ()
    """What the code may do in AWS: mappings with ``actions`` and ``resources``."""
    role_path: str = "/"
    """The path of the roles of its tasks."""
    permissions_boundary: pulumi.Input[str] | None = None
    """The ARN of the policy that no right of theirs goes beyond."""
    log_retention_days: int = 30
    tags: Tags | None = None
    task_tags: Tags | None = None


class Service(pulumi.ComponentResource):
    """An ECS service with its log group, roles, security group, and the way from the load balancer.

    Its deployments are rolling; one that fails is rolled back by ECS (the circuit breaker).

    It doesn't wait until the tasks run: whether a deployment reached the revision that was asked for, or ECS
    put the old one back, is a question to ECS after the update.
    """

    name: pulumi.Output[str]
    arn: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    image: pulumi.Output[str]
    container_name: str
    log_group: pulumi.Output[str]
    security_group_id: pulumi.Output[str]
    target_group_arn: pulumi.Output[str] | None

    def __init__(self, name: str, args: ServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ecs-stack:index:Service", name, {}, opts)
        if args.ingress and args.container.port is None:
            raise ValueError(f"the service {name} has an ingress, so its container needs a port")
        self._name = name
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        self.container_name = args.service_name
        self.image = pulumi.Output.from_input(args.container.image)
        logs = cloudwatch.LogGroup(
            name,
            name=args.log_group,
            retention_in_days=args.log_retention_days,
            tags=args.tags,
            opts=self._child,
        )
        self.log_group = logs.name
        task = self._task_definition(logs)
        self.task_definition_arn = task.arn
        self.security_group_id, way_out = self._security_group()
        ingress = self._ingress()
        self.target_group_arn = ingress.target_group_arn if ingress else None
        # A task that starts before the ways in and out are open fails.
        service = self._service(task, ingress, depends_on=[way_out, ingress] if ingress else [way_out])
        self.name = service.name
        self.arn = service.arn
        if args.scaling:
            self._autoscaling(service, args.scaling)
        self.register_outputs(
            {
                "name": self.name,
                "arn": self.arn,
                "task_definition_arn": self.task_definition_arn,
                "log_group": self.log_group,
                "security_group_id": self.security_group_id,
                "target_group_arn": self.target_group_arn,
            }
        )

    def _task_definition(self, logs: cloudwatch.LogGroup) -> ecs.TaskDefinition:
        args, container = self._args, self._args.container
        roles = ServiceRoles(
            self._name,
            ServiceRolesArgs(
                image=container.image,
                log_group_arn=logs.arn,
                secrets=container.secrets,
                permissions=args.permissions,
                path=args.role_path,
                permissions_boundary=args.permissions_boundary,
                tags=args.tags,
            ),
            self._child,
        )
        return ecs.TaskDefinition(
            names.cut(self._name, names.TASK_FAMILY),
            family=args.family,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(container.cpu),
            memory=str(container.memory),
            runtime_platform=ecs.TaskDefinitionRuntimePlatformArgs(
                operating_system_family="LINUX", cpu_architecture=container.architecture
            ),
            execution_role_arn=roles.execution_role_arn,
            task_role_arn=roles.task_role_arn,
            container_definitions=container_definitions(
                args.service_name,
                container,
                secrets=roles.secrets,
                log_group=logs.name,
                region=roles.region,
            ),
            tags=args.tags if args.task_tags is None else args.task_tags,
            # The provider would deregister the old revision while the deployment is still in flight, and the
            # circuit breaker goes back to just that one (docs/adr/0005).
            skip_destroy=True,
            # A task that starts before its role may read its secrets fails.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[roles]),
        )

    def _security_group(self) -> tuple[pulumi.Output[str], pulumi.Resource]:
        group = ec2.SecurityGroup(
            names.auto(self._name, names.SECURITY_GROUP),
            vpc_id=self._args.vpc_id,
            description=f"Tasks of {self._args.service_name}",
            tags=self._args.tags,
            opts=self._child,
        )
        # Images, secrets, logs, databases, other people's APIs: where a task connects to is its own business,
        # and the addresses of most of it aren't known beforehand.
        way_out = vpc.SecurityGroupEgressRule(
            f"{self._name}-out",
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="-1",
            description="Everything the tasks connect to",
            tags=self._args.tags,
            opts=self._child,
        )
        return group.id, way_out

    def _ingress(self) -> Ingress | None:
        port = self._args.container.port
        if self._args.ingress is None or port is None:
            return None
        return Ingress(
            self._name,
            self._args.ingress,
            vpc_id=self._args.vpc_id,
            security_group_id=self.security_group_id,
            port=port,
            tags=self._args.tags,
            opts=self._child,
        )

    def _service(
        self, task: ecs.TaskDefinition, ingress: Ingress | None, depends_on: Sequence[pulumi.Resource]
    ) -> ecs.Service:
        args = self._args
        balanced = None
        if ingress:
            balanced = [
                ecs.ServiceLoadBalancerArgs(
                    target_group_arn=ingress.target_group_arn,
                    container_name=self.container_name,
                    container_port=ingress.port,
                )
            ]
        return ecs.Service(
            self._name,
            name=args.service_name,
            cluster=args.cluster_arn,
            task_definition=task.arn,
            desired_count=args.scaling.min if args.scaling else args.count,
            capacity_provider_strategies=[
                ecs.ServiceCapacityProviderStrategyArgs(capacity_provider=provider, weight=weight)
                for provider, weight in args.capacity.items()
            ],
            network_configuration=ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnet_ids,
                security_groups=[
                    self.security_group_id,
                    *([args.ingress.tasks_security_group_id] if args.ingress else []),
                ],
                assign_public_ip=False,
            ),
            load_balancers=balanced,
            health_check_grace_period_seconds=args.ingress.health.grace_period if args.ingress else None,
            deployment_circuit_breaker=ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            deployment_minimum_healthy_percent=args.minimum_percent,
            deployment_maximum_percent=args.maximum_percent,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE" if args.task_tags is None else "TASK_DEFINITION",
            # Without it a service with running tasks isn't deleted.
            force_delete=True,
            tags=args.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=depends_on,
                ignore_changes=["capacityProviderStrategies", *(["desiredCount"] if args.scaling else [])],
            ),
        )

    def _autoscaling(self, service: ecs.Service, scaling: ScalingArgs) -> None:
        Autoscaling(
            self._name,
            AutoscalingArgs(
                cluster_name=self._args.cluster_name,
                service_name=service.name,
                min=scaling.min,
                max=scaling.max,
                cpu=scaling.cpu,
                memory=scaling.memory,
                tags=self._args.tags,
            ),
            self._child,
        )
