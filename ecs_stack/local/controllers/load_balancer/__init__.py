"""The load balancer: Caddy, configured from ELBv2's state, with real health checks."""

from ecs_stack.local.controllers.load_balancer.controller import LoadBalancers

__all__ = ["LoadBalancers"]
