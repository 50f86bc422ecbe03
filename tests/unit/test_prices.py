"""The price table that is shipped, whatever its figures are."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from ecs_stack.rules import prices
from ecs_stack.rules.prices import RATES


@pytest.mark.parametrize("region", prices.regions())
def test_every_price_has_a_date_and_a_document(region: str) -> None:
    found = prices.in_region(region)
    assert found
    assert found.keys() <= RATES.keys()
    # Without these no environment could be priced at all.
    assert {"fargate_x86_vcpu_hour", "fargate_x86_gb_hour", "alb_hour", "nat_hour", "ipv4_hour"} <= found.keys()
    for rate, price in found.items():
        assert Decimal(0) < price.usd < 1, rate
        assert date(2025, 1, 1) <= price.as_of, rate
        assert len(price.document) > 20, rate


def test_the_table_is_package_data() -> None:
    assert (Path(prices.__file__).parent / "prices.json").is_file()
