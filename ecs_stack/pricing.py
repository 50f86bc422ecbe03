"""What environments cost: billables of their files, of plans and of stacks, at list prices."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from ecs_stack import spec
from ecs_stack.automation import state_file
from ecs_stack.automation.backend import Backend
from ecs_stack.costs import Cost, CostTotal
from ecs_stack.errors import NotFoundError, RefusedError
from ecs_stack.outputs import EXPORT, StackOutputs
from ecs_stack.results import Preview
from ecs_stack.rules import cost, prices


def described(environment: spec.Environment) -> Cost:
    """What the environment that a file describes costs. Raises RefusedError without prices for its region."""
    return _need(
        environment.region,
        cost.cost(
            environment.name,
            target=environment.target,
            region=environment.region,
            billables=spec.billables(environment),
        ),
    )


def applied(outputs: StackOutputs, target: str) -> Cost:
    """What a stack on ``target`` costs.

    Raises RefusedError without prices for its region, NotFoundError if an older ecs-stack made it.
    """
    name = outputs.environment
    if outputs.billables is None:
        raise NotFoundError(
            f"the stack of {name} doesn't tell what it is charged for: an older ecs-stack made it",
            hint=f"`ecs-stack up {name}` puts that into its outputs.",
        )
    found = cost.cost(name, target=target, region=outputs.region, billables=outputs.billables)
    return _need(outputs.region, found)


def planned(plan: Preview, environment: spec.Environment, outputs: StackOutputs | None) -> Preview:
    """The plan with what it does to the cost; ``outputs`` are the stack's as it is now, None if there is none."""
    before = outputs.billables if outputs else ()
    return replace(plan, cost=cost.change(environment.region, before, spec.billables(environment)))


def daily(outputs: StackOutputs | None) -> CostTotal | None:
    """What a stack costs; None where its outputs don't tell, and without prices for its region."""
    if outputs is None or outputs.billables is None:
        return None
    return cost.total(outputs.region, outputs.billables)


def recorded(backends: Iterable[Backend], name: str) -> StackOutputs | None:
    """A stack's outputs where they can be read without the engine; None otherwise."""
    for backend in backends:
        try:
            exported = state_file.outputs(backend, name) or {}
        except RefusedError:
            continue  # a place that can't be read
        if EXPORT in exported:
            try:
                return StackOutputs.from_dict(exported[EXPORT])
            except (ValueError, TypeError, KeyError):
                return None  # a newer ecs-stack's
    return None


def _need(region: str, found: Cost | None) -> Cost:
    if found is None:
        raise RefusedError(
            f"there are no list prices for {region}",
            hint=f"There are for {', '.join(prices.regions())}. In a checkout of ecs-stack, "
            f"`python scripts/refresh_prices.py {region}` fetches more.",
        )
    return found
