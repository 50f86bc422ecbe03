"""What of an environment AWS charges for by the hour: its file -> billables.

tests/program/test_cost_of_resources.py holds it against the resources that the program makes of the same file.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecs_stack.costs import Billable
from ecs_stack.rules import endpoints
from ecs_stack.spec.environment import Capacity, Environment
from ecs_stack.spec.service import Service

#: Fargate's sizes are in CPU units and MiB; its prices are for vCPUs and GB (of 1024 MiB).
_UNITS_A_VCPU = 1024
_MIB_A_GB = 1024


def billables(environment: Environment) -> tuple[Billable, ...]:
    """Everything of the environment that costs something while it does nothing, in the order of its file."""
    return tuple(
        each
        for each in (
            *_network(environment),
            *_load_balancer(environment),
            *(
                each
                for name, service in environment.services.items()
                for each in task_billables(name, service, environment.cluster.capacity)
            ),
        )
        if each.max_count
    )


def task_billables(name: str, service: Service, capacity: Capacity) -> tuple[Billable, ...]:
    """The tasks of one service: from the fewest to the most that its ``scale`` allows.

    Its tasks have no public addresses, and the 20 GB of storage that come with a task are all they have.
    """
    least = service.initial_count
    most = service.scale.max if service.scale else least
    chip = "arm" if service.architecture == "ARM64" else "x86"
    sizes = {"vcpu": service.cpu / _UNITS_A_VCPU, "gb": service.memory / _MIB_A_GB}
    return tuple(
        Billable(
            resource=f"services.{name}",
            rate=f"fargate_{chip}_{unit}_hour",
            size=size,
            count=least,
            max_count=most,
            spot=capacity.fargate_spot > 0,
        )
        for unit, size in sizes.items()
    )


def _network(environment: Environment) -> Iterator[Billable]:
    network = environment.network
    gateways = {"none": 0, "single": 1, "per-zone": network.zones}[network.nat]
    yield _fixed("network.nat", "nat_hour", gateways)
    yield _fixed("network.nat", "ipv4_hour", gateways)
    interfaces = sum(kind == "Interface" for kind, _ in endpoints.services(network.endpoints))
    # One network interface in each zone. Gateway endpoints (s3, dynamodb) cost nothing.
    yield _fixed("network.endpoints", "endpoint_hour", interfaces * network.zones)


def _load_balancer(environment: Environment) -> Iterator[Billable]:
    if environment.routes:
        yield _fixed("load_balancer", "alb_hour", 1)
        # It has an address in each zone; under load AWS adds some.
        yield _fixed("load_balancer", "ipv4_hour", environment.network.zones)


def _fixed(resource: str, rate: str, count: int) -> Billable:
    return Billable(resource=resource, rate=rate, count=count, max_count=count)
