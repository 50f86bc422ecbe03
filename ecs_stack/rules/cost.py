"""What things cost on AWS: pure arithmetic over billables and list prices.

The list prices are those of ``prices``. Sums are made of exact decimals, and rounded once, to cents, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import ROUND_HALF_UP, Decimal

from ecs_stack.costs import Billable, Cost, CostChange, CostItem, CostTotal, UsagePrice
from ecs_stack.rules.prices import RATES, Price, in_region

HOURS_A_DAY = 24
#: AWS's calculator: 365 days of 24 hours, over 12 months.
#: https://docs.aws.amazon.com/pricing-calculator/latest/userguide/ec2-estimates.html
HOURS_A_MONTH = 730

#: What is charged by use where there is something that is charged by the hour.
_USAGE: Mapping[str, str] = {
    "alb_hour": "alb_lcu_hour",
    "nat_hour": "nat_gb",
    "endpoint_hour": "endpoint_gb",
    "fargate_x86_vcpu_hour": "logs_gb",
    "fargate_arm_vcpu_hour": "logs_gb",
}
LEFT_OUT = (
    "data transfer to the internet and between zones",
    "storage of logs and of images",
    "Container Insights, alarms, dashboards and other metrics",
    "the second set of tasks that runs while a deployment lasts",
    "secrets, keys and everything else that isn't made by the environment",
    "free tiers, discounts, savings plans and tax",
)
SPOT = "the discount of Fargate Spot, which changes all the time (AWS says up to 70 %): counted at the full price"


def cost(environment: str, *, target: str, region: str, billables: Sequence[Billable]) -> Cost | None:
    """The cost of ``billables`` in ``region``; None if there are no prices for it."""
    prices = in_region(region)
    if prices is None:
        return None
    spot = (SPOT,) if any(each.spot for each in billables) else ()
    return Cost(
        environment=environment,
        target=target,
        region=region,
        prices_as_of=_as_of(prices, billables),
        items=tuple(_item(each, prices.get(each.rate)) for each in billables),
        total=_total(billables, prices),
        by_use=tuple(_usage(billables, prices)),
        left_out=(*spot, *LEFT_OUT),
    )


def total(region: str, billables: Iterable[Billable]) -> CostTotal | None:
    """What ``billables`` cost together in ``region``; None if there are no prices for it."""
    prices = in_region(region)
    return None if prices is None else _total(billables, prices)


def change(region: str, before: Sequence[Billable] | None, after: Sequence[Billable]) -> CostChange | None:
    """From ``before`` (None: not known) to ``after``; None if there are no prices for the region."""
    prices = in_region(region)
    if prices is None:
        return None
    return CostChange(
        before=None if before is None else _total(before, prices),
        after=_total(after, prices),
        prices_as_of=_as_of(prices, [*(before or ()), *after]),
    )


def _total(billables: Iterable[Billable], prices: Mapping[str, Price]) -> CostTotal:
    least = most = Decimal(0)
    complete = True
    for each in billables:
        price = prices.get(each.rate)
        if price is None:
            complete = False
            continue
        least += _units(each, each.count) * price.usd
        most += _units(each, each.max_count) * price.usd
    return CostTotal(
        per_day=_cents(least * HOURS_A_DAY),
        max_per_day=_cents(most * HOURS_A_DAY),
        per_month=_cents(least * HOURS_A_MONTH),
        max_per_month=_cents(most * HOURS_A_MONTH),
        complete=complete,
    )


def _item(billable: Billable, price: Price | None) -> CostItem:
    rate = RATES[billable.rate]
    least, most = _units(billable, billable.count), _units(billable, billable.max_count)

    def amount(units: Decimal, hours: int) -> float | None:
        return None if price is None else _cents(units * price.usd * hours)

    return CostItem(
        resource=billable.resource,
        what=rate.what,
        unit=rate.unit,
        quantity=float(least),
        max_quantity=float(most),
        unit_price=None if price is None else float(price.usd),
        per_day=amount(least, HOURS_A_DAY),
        max_per_day=amount(most, HOURS_A_DAY),
        per_month=amount(least, HOURS_A_MONTH),
        max_per_month=amount(most, HOURS_A_MONTH),
    )


def _usage(billables: Iterable[Billable], prices: Mapping[str, Price]) -> Iterable[UsagePrice]:
    for name in dict.fromkeys(_USAGE[each.rate] for each in billables if each.rate in _USAGE):
        rate, price = RATES[name], prices.get(name)
        yield UsagePrice(what=rate.what, unit=rate.unit, unit_price=None if price is None else float(price.usd))


def _as_of(prices: Mapping[str, Price], billables: Iterable[Billable]) -> str:
    """The date of the oldest price that is used; that of all where none is."""
    used = [prices[each.rate] for each in billables if each.rate in prices] or list(prices.values())
    return min(price.as_of for price in used).isoformat()


def _units(billable: Billable, count: int) -> Decimal:
    return Decimal(str(billable.size)) * count


def _cents(dollars: Decimal) -> float:
    return float(dollars.quantize(Decimal("0.01"), ROUND_HALF_UP))
