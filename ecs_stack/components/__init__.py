"""Pulumi components for Amazon ECS, each usable alone in any Pulumi program.

>>> network = Network("shop", NetworkArgs(region="eu-west-1", zones=2))
>>> cluster = Cluster("shop", ClusterArgs(cluster_name="shop"))
"""

from __future__ import annotations

from ecs_stack.components import aws_packages as aws_packages  # first: the others import what it changes
from ecs_stack.components.autoscaling import Autoscaling, AutoscalingArgs
from ecs_stack.components.borrowed_route import BorrowedRoute, BorrowedRouteArgs
from ecs_stack.components.cluster import Cluster, ClusterArgs
from ecs_stack.components.domain import Certificate, CertificateArgs, Records, RecordsArgs, hosted_zone_id
from ecs_stack.components.ingress import HealthCheckArgs, Ingress, IngressArgs
from ecs_stack.components.load_balancer import LoadBalancer, LoadBalancerArgs
from ecs_stack.components.network import Network, NetworkArgs
from ecs_stack.components.pipeline_access import Grant, PipelineAccess, PipelineAccessArgs
from ecs_stack.components.service import ScalingArgs, Service, ServiceArgs
from ecs_stack.components.service_roles import ServiceRoles, ServiceRolesArgs
from ecs_stack.components.task import ContainerArgs

__all__ = [
    "Autoscaling",
    "AutoscalingArgs",
    "BorrowedRoute",
    "BorrowedRouteArgs",
    "Certificate",
    "CertificateArgs",
    "Cluster",
    "ClusterArgs",
    "ContainerArgs",
    "Grant",
    "HealthCheckArgs",
    "Ingress",
    "IngressArgs",
    "LoadBalancer",
    "LoadBalancerArgs",
    "Network",
    "NetworkArgs",
    "PipelineAccess",
    "PipelineAccessArgs",
    "Records",
    "RecordsArgs",
    "ScalingArgs",
    "Service",
    "ServiceArgs",
    "ServiceRoles",
    "ServiceRolesArgs",
    "hosted_zone_id",
]
