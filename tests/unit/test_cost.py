"""Costs, by hand: the sums are worked out in the comments, from the prices of tests/list_prices.py."""

from __future__ import annotations

from ecs_stack import spec
from ecs_stack.costs import Billable
from ecs_stack.rules import cost
from tests.list_prices import _list_prices  # noqa: F401 (a fixture for all of these)
from tests.unit.conftest import Write

ENVIRONMENT = """\
target: aws
region: eu-west-1
network: {zones: 3, nat: per-zone, endpoints: [s3, ecr, logs]}
cluster: {capacity: {fargate: 1, fargate_spot: 1}}
services:
  api:
    {image: "a:1", cpu: 512, memory: 1024, port: 80, route: {path: "/*"}, scale: {min: 2, max: 6, cpu: 60}}
  worker: {image: "w:1", cpu: 1024, memory: 2048, architecture: ARM64, count: 1}
  off: {image: "o:1", cpu: 256, memory: 512, count: 0}
"""


def tasks(rate: str, size: float, count: int, most: int | None = None) -> Billable:
    return Billable(resource="services.api", rate=rate, size=size, count=count, max_count=most or count)


def loaded(project: Write, content: str) -> spec.Environment:
    return spec.load(project(dev=content), "dev")


def test_what_an_environment_is_charged_for(project: Write) -> None:
    found = [(b.resource, b.rate, b.size, b.count, b.max_count) for b in spec.billables(loaded(project, ENVIRONMENT))]
    assert found == [
        ("network.nat", "nat_hour", 1, 3, 3),
        ("network.nat", "ipv4_hour", 1, 3, 3),
        # ecr is two interface endpoints, logs is one, each in three zones; s3 is a gateway endpoint and free.
        ("network.endpoints", "endpoint_hour", 1, 9, 9),
        ("load_balancer", "alb_hour", 1, 1, 1),
        ("load_balancer", "ipv4_hour", 1, 3, 3),
        ("services.api", "fargate_x86_vcpu_hour", 0.5, 2, 6),
        ("services.api", "fargate_x86_gb_hour", 1, 2, 6),
        ("services.worker", "fargate_arm_vcpu_hour", 1, 1, 1),
        ("services.worker", "fargate_arm_gb_hour", 2, 1, 1),
    ]


def test_the_sum_of_an_environment(project: Write) -> None:
    environment = loaded(project, ENVIRONMENT)
    found = cost.cost("dev", target="aws", region="eu-west-1", billables=spec.billables(environment))
    assert found
    # An hour: NAT 3 x (0.048 + 0.005), endpoints 9 x 0.011, load balancer 0.0252 + 3 x 0.005,
    # api 2 x (0.5 x 0.04048 + 0.004445), worker 0.03238 + 2 x 0.00356.
    #   0.159 + 0.099 + 0.0402 + 0.04937 + 0.0395 = 0.38707; 4 more tasks of api: 0.38707 + 0.09874 = 0.48581
    assert found.total.per_day == 9.29  # x 24 = 9.28968
    assert found.total.max_per_day == 11.66  # x 24 = 11.65944
    assert found.total.per_month == 282.56  # x 730 = 282.5611
    assert found.total.max_per_month == 354.64  # x 730 = 354.6413
    assert found.total.complete
    assert found.prices_as_of == "2026-05-01"  # that of ARM is the oldest that is used
    api = next(item for item in found.items if item.resource == "services.api")
    assert (api.quantity, api.max_quantity, api.unit_price) == (1.0, 3.0, 0.04048)
    assert (api.per_day, api.max_per_day) == (0.97, 2.91)  # 24 x 0.04048 = 0.97152; 24 x 0.12144 = 2.91456
    assert [(use.what, use.unit_price) for use in found.by_use] == [
        ("data through NAT", 0.048),
        ("data through interface endpoints", 0.01),
        ("load balancer capacity units (LCU)", 0.008),
        ("CloudWatch Logs, taken in", 0.57),
    ]
    assert found.left_out[0] == cost.SPOT


def test_a_worker_without_a_network_of_its_own_costs_its_task_alone(project: Write) -> None:
    environment = loaded(project, ENVIRONMENT)
    service = environment.services["worker"].model_copy(update={"architecture": "X86_64"})
    billables = spec.task_billables("worker", service, spec.Capacity())
    # 24 x (0.04048 + 2 x 0.004445)
    total = cost.total("eu-west-1", billables)
    assert total
    assert (total.per_day, total.per_month) == (1.18, 36.04)
    assert not any(each.spot for each in billables)


def test_a_plan_says_what_was_and_what_will_be() -> None:
    before, after = [tasks("fargate_x86_vcpu_hour", 1, 1)], [tasks("fargate_x86_vcpu_hour", 1, 2, 10)]
    change = cost.change("eu-west-1", before, after)
    assert change
    assert change.before
    assert (change.before.per_day, change.before.max_per_day) == (0.97, 0.97)
    assert (change.after.per_day, change.after.max_per_day) == (1.94, 9.72)
    assert change.prices_as_of == "2026-09-11"
    unknown = cost.change("eu-west-1", None, after)
    assert unknown
    assert unknown.before is None


def test_nothing_costs_nothing() -> None:
    change = cost.change("eu-west-1", [], [])
    assert change
    assert (change.after.per_day, change.after.complete) == (0, True)


def test_no_price_is_said_and_never_guessed() -> None:
    assert cost.total("mars-north-1", []) is None
    assert cost.change("mars-north-1", [], []) is None
    assert cost.cost("dev", target="aws", region="mars-north-1", billables=[]) is None
    billables = [tasks("endpoint_hour", 1, 4), tasks("alb_hour", 1, 1)]
    found = cost.cost("dev", target="aws", region="us-east-2", billables=billables)
    assert found
    assert not found.total.complete
    assert found.total.per_day == 0.54  # 24 x 0.0225
    assert (found.items[0].unit_price, found.items[0].per_day, found.items[0].quantity) == (None, None, 4)
