"""A price table that stays as it is when the shipped one is refreshed: tests work out sums from it by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ecs_stack.rules import prices

_IRELAND = {
    "fargate_x86_vcpu_hour": ("0.04048", 0),
    "fargate_x86_gb_hour": ("0.004445", 0),
    "fargate_arm_vcpu_hour": ("0.03238", 1),
    "fargate_arm_gb_hour": ("0.00356", 1),
    "alb_hour": ("0.0252", 0),
    "alb_lcu_hour": ("0.008", 0),
    "nat_hour": ("0.048", 0),
    "nat_gb": ("0.048", 0),
    "ipv4_hour": ("0.005", 0),
    "endpoint_hour": ("0.011", 0),
    "endpoint_gb": ("0.01", 0),
    "logs_gb": ("0.57", 0),
}
#: Nobody knows what an interface endpoint costs there.
_OHIO = {"fargate_x86_vcpu_hour": ("0.04048", 0), "alb_hour": ("0.0225", 0)}


def _region(rates: dict[str, tuple[str, int]]) -> dict[str, Any]:
    days = ("2026-09-11", "2026-05-01")
    return {
        "sources": [{"document": f"a list of {day}, for tests", "as_of": day} for day in days],
        "prices": {rate: {"usd": usd, "source": source} for rate, (usd, source) in rates.items()},
    }


@pytest.fixture(autouse=True)
def _list_prices(monkeypatch: pytest.MonkeyPatch) -> None:
    table = {"regions": {"eu-west-1": _region(_IRELAND), "us-east-2": _region(_OHIO)}}
    monkeypatch.setattr(prices, "_table", lambda: table)
