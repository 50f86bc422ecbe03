"""AWS's list prices: what an hour or a unit of a thing costs in a region, from the table beside this module.

``prices.json`` is data with a source and a date for each figure; ``scripts/refresh_prices.py`` writes it from AWS's
Price List. A region or rate without a source isn't in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Something that AWS charges for, and where its Price List has it.

    ``usage_type`` is without the region's prefix (EU-), ``operation`` tells its namesakes apart.
    https://docs.aws.amazon.com/awsaccountbilling/latest/aboutv2/reading-service-price-list-file-for-services.html
    """

    what: str
    unit: str
    offer: str
    usage_type: str
    operation: str | None = None


#: https://aws.amazon.com/fargate/pricing/, .../elasticloadbalancing/pricing/, .../vpc/pricing/,
#: .../privatelink/pricing/ and .../cloudwatch/pricing/
RATES: Mapping[str, Rate] = {
    "fargate_x86_vcpu_hour": Rate(
        what="Fargate vCPU (x86)", unit="vCPU-hour", offer="AmazonECS", usage_type="Fargate-vCPU-Hours:perCPU"
    ),
    "fargate_x86_gb_hour": Rate(
        what="Fargate memory (x86)", unit="GB-hour", offer="AmazonECS", usage_type="Fargate-GB-Hours"
    ),
    "fargate_arm_vcpu_hour": Rate(
        what="Fargate vCPU (ARM)", unit="vCPU-hour", offer="AmazonECS", usage_type="Fargate-ARM-vCPU-Hours:perCPU"
    ),
    "fargate_arm_gb_hour": Rate(
        what="Fargate memory (ARM)", unit="GB-hour", offer="AmazonECS", usage_type="Fargate-ARM-GB-Hours"
    ),
    "alb_hour": Rate(
        what="Application Load Balancer",
        unit="hour",
        offer="AWSELB",
        usage_type="LoadBalancerUsage",
        operation="LoadBalancing:Application",
    ),
    "alb_lcu_hour": Rate(
        what="load balancer capacity units (LCU)",
        unit="LCU-hour",
        offer="AWSELB",
        usage_type="LCUUsage",
        operation="LoadBalancing:Application",
    ),
    "nat_hour": Rate(
        what="NAT gateway", unit="hour", offer="AmazonEC2", usage_type="NatGateway-Hours", operation="NatGateway"
    ),
    "nat_gb": Rate(
        what="data through NAT", unit="GB", offer="AmazonEC2", usage_type="NatGateway-Bytes", operation="NatGateway"
    ),
    "ipv4_hour": Rate(
        what="public IPv4 address", unit="address-hour", offer="AmazonVPC", usage_type="PublicIPv4:InUseAddress"
    ),
    "endpoint_hour": Rate(
        what="interface endpoint",
        unit="endpoint-hour per zone",
        offer="AmazonVPC",
        usage_type="VpcEndpoint-Hours",
        operation="VpcEndpoint",
    ),
    "endpoint_gb": Rate(
        what="data through interface endpoints",
        unit="GB",
        offer="AmazonVPC",
        usage_type="VpcEndpoint-Bytes",
        operation="VpcEndpoint",
    ),
    "logs_gb": Rate(
        what="CloudWatch Logs, taken in",
        unit="GB",
        offer="AmazonCloudWatch",
        usage_type="DataProcessing-Bytes",
        operation="PutLogEvents",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Price:
    """US dollars for one unit of a rate, on demand, in the first paid tier; from ``document``, true on ``as_of``."""

    usd: Decimal
    as_of: date
    document: str


def regions() -> tuple[str, ...]:
    """The regions with prices."""
    return tuple(sorted(_table()["regions"]))


def in_region(region: str) -> Mapping[str, Price] | None:
    """The prices of a region by rate; None if there are none for it."""
    found = _table()["regions"].get(region)
    if found is None:
        return None
    prices = {}
    for rate, entry in found["prices"].items():
        source = found["sources"][entry["source"]]
        prices[rate] = Price(
            usd=Decimal(entry["usd"]), as_of=date.fromisoformat(source["as_of"]), document=source["document"]
        )
    return prices


@cache
def _table() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(resources.files(__package__).joinpath("prices.json").read_text("utf-8"))
    return table
