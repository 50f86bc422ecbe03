"""What something costs: frozen, typed, free of I/O. ``results`` is the same for the rest.

Amounts are US dollars at AWS's list prices, without tax. A day has 24 hours, a month 730, as in AWS's calculator.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Billable:
    """Something that AWS charges for by the hour: ``count`` to ``max_count`` pieces of ``size`` units of a rate.

    ``resource`` is where it comes from (``services.api``, ``network.nat``), ``rate`` a name in
    ``ecs_stack.rules.prices.RATES``. ``spot``: some of it is placed on Fargate Spot.
    """

    resource: str
    rate: str
    size: float = 1.0
    count: int
    max_count: int
    spot: bool = False


@dataclass(frozen=True, kw_only=True)
class CostTotal:
    """A sum in US dollars; ``max_`` is with every service at the most tasks of its ``scale``.

    ``complete`` is false if something that is charged by the hour has no list price in the region: it isn't in the sum.
    """

    per_day: float
    max_per_day: float
    per_month: float
    max_per_month: float
    complete: bool


@dataclass(frozen=True, kw_only=True)
class CostItem:
    """One line of a cost: ``quantity`` to ``max_quantity`` units at a time, at ``unit_price`` dollars a unit.

    ``unit`` says what an hour of it is called (vCPU-hour). Without a list price in the region the amounts are null.
    """

    resource: str
    what: str
    unit: str
    quantity: float
    max_quantity: float
    unit_price: float | None
    per_day: float | None
    max_per_day: float | None
    per_month: float | None
    max_per_month: float | None


@dataclass(frozen=True, kw_only=True)
class UsagePrice:
    """What is charged by use, and so isn't in a cost: ``unit_price`` dollars for each ``unit``; null if not known."""

    what: str
    unit: str
    unit_price: float | None


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an environment costs on AWS by the hour. ``target`` is where it runs: on ``local`` it costs nothing.

    ``prices_as_of`` is the date of the oldest price that was used. ``by_use`` and ``left_out`` aren't in the sum.
    """

    environment: str
    target: str
    region: str
    prices_as_of: str
    items: tuple[CostItem, ...]
    total: CostTotal
    by_use: tuple[UsagePrice, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class CostChange:
    """What a plan does to the cost. ``before`` is null if an older ecs-stack made the stack: its outputs don't tell."""

    before: CostTotal | None
    after: CostTotal
    prices_as_of: str
