"""Amounts in US dollars as text. Pure."""

from __future__ import annotations

from ecs_stack.costs import CostTotal

#: Before a sum from which something without a list price is missing.
_INCOMPLETE = "at least "


def daily(total: CostTotal | None) -> str:
    """``2.71``, ``11.41 to 30.07``; ``-`` if it can't be told."""
    return "-" if total is None else sums(total)[0]


def sums(total: CostTotal, sign: str = "") -> tuple[str, str]:
    """A day's and a month's."""
    less = "" if total.complete else _INCOMPLETE
    pairs = ((total.per_day, total.max_per_day), (total.per_month, total.max_per_month))
    day, month = (less + span(sign + money(least), sign + money(most)) for least, most in pairs)
    return day, month


def span(least: str, most: str) -> str:
    """``2``, ``2 to 5``."""
    return least if least == most else f"{least} to {most}"


def money(dollars: float) -> str:
    """``1,234.50``."""
    return f"{dollars:,.2f}"


def signed(dollars: float) -> str:
    """``+$1.20``, ``-$0.97``."""
    return f"{'-' if dollars < 0 else '+'}${money(abs(dollars))}"
