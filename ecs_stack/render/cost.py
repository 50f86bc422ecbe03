"""What things cost, as a table and as a line. Pure: results -> rich renderables."""

from __future__ import annotations

from rich.console import RenderableType
from rich.text import Text

from ecs_stack.costs import Cost, CostChange, CostItem, UsagePrice
from ecs_stack.render.money import money, signed, span, sums
from ecs_stack.render.status import Columns


def cost(found: Cost) -> list[RenderableType]:
    """Every item, the sum, and what isn't in it."""
    where = f"{found.environment} on AWS in {found.region}"
    head = f"{where} would cost (on this machine it costs nothing):" if found.target == "local" else f"{where} costs:"
    table = Columns("for", "what", ">how much", ">price", ">$ a day", ">$ a month")
    for item in found.items:
        table.add_row(
            item.resource,
            item.what,
            span(f"{item.quantity:g}", f"{item.max_quantity:g}"),
            f"{'?' if item.unit_price is None else item.unit_price} per {item.unit}",
            *_amounts(item),
        )
    table.add_row("total", "", "", "", *(Text(each, style="bold") for each in sums(found.total)))
    return [Text(head, style="bold"), table, *(Text(line, style="dim") for line in _notes(found))]


def change(found: CostChange) -> Text:
    """``Cost on AWS: $2.71 a day, $82.41 a month (+$0.97 a day)``."""
    day, month = sums(found.after, "$")
    line = f"Cost on AWS: {day} a day, {month} a month"
    if found.before is None:
        return Text(line)
    if found.before == found.after:
        return Text(f"{line} (as before)")
    least = found.after.per_day - found.before.per_day
    most = found.after.max_per_day - found.before.max_per_day
    return Text(f"{line} ({span(signed(least), signed(most))} a day)")


def _notes(found: Cost) -> list[str]:
    missing = [f"{item.resource} ({item.what})" for item in found.items if item.unit_price is None]
    lines = [
        f"Left out: {'; '.join(found.left_out)}.",
        f"In US dollars, at AWS's list prices for {found.region} as of {found.prices_as_of} or later. "
        "A month has 730 hours.",
    ]
    if found.by_use:
        lines.insert(0, f"Charged by use, not in the sum: {', '.join(map(_use, found.by_use))}.")
    if missing:
        lines.insert(0, f"No list price for {found.region}, so not in the sum: {', '.join(missing)}.")
    return lines


def _use(use: UsagePrice) -> str:
    return f"{use.what} (no list price)" if use.unit_price is None else f"{use.what} ({use.unit_price} per {use.unit})"


def _amounts(item: CostItem) -> tuple[str, str]:
    if item.per_day is None or item.max_per_day is None or item.per_month is None or item.max_per_month is None:
        return "?", "?"
    day = span(money(item.per_day), money(item.max_per_day))
    return day, span(money(item.per_month), money(item.max_per_month))
