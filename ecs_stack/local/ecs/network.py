"""The subnets that network configurations name, remembered, and the addresses given out in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ecs_stack.local.ecs.arns import region_of
from ecs_stack.local.ecs.context import Context, Params
from ecs_stack.local.ecs.errors import invalid
from ecs_stack.local.ecs.placement import choose_subnet, look_up, next_address
from ecs_stack.local.ecs.store import Document


def look_up_subnets(ctx: Context, params: Params) -> list[Document]:
    """The subnets of a request's network configuration, asked of EC2 (so not inside a transaction)."""
    return look_up(ctx.client("ec2"), params["networkConfiguration"]) if "networkConfiguration" in params else []


def remember(ctx: Context, subnets: Iterable[Document]) -> None:
    """Keep what EC2 said: the scheduler places tasks without asking again."""
    for subnet in subnets:
        key = f"{ctx.region}/{subnet['subnetId']}"
        if ctx.store.get("subnet", key) is None:
            ctx.store.put("subnet", key, subnet)


def checked_configuration(params: Params) -> dict[str, Any]:
    """The request's network configuration with AWS's defaults; InvalidParameterException without one."""
    network = params.get("networkConfiguration", {}).get("awsvpcConfiguration")
    if network is None:
        raise invalid("Network Configuration must be provided when networkMode 'awsvpc' is specified.")
    return {"awsvpcConfiguration": {"securityGroups": [], "assignPublicIp": "DISABLED", **network}}


def place(
    ctx: Context,
    configuration: Mapping[str, Any],
    siblings: Iterable[Document],
    deployment: str | None = None,
) -> tuple[Document, str] | None:
    """A subnet and a free address for a new task beside its ``siblings``; None if all subnets are full."""
    subnets = [
        subnet
        for subnet_id in configuration["awsvpcConfiguration"]["subnets"]
        if (subnet := ctx.store.get("subnet", f"{ctx.region}/{subnet_id}")) is not None
    ]
    siblings = list(siblings)
    spots = [(task["availabilityZone"], task["subnetId"]) for task in siblings]
    own = [spot for spot, task in zip(spots, siblings, strict=True) if task.get("deploymentId") == deployment]
    while subnets:
        chosen = choose_subnet(subnets, own, spots)
        taken = {
            task["privateIp"]
            for task in ctx.store.all("task")
            if task["subnetId"] == chosen["subnetId"]
            and region_of(task["taskArn"]) == ctx.region
            and task["lastStatus"] != "STOPPED"
        }
        address = next_address(chosen["cidr"], taken, chosen.get("lastAddress"))
        if address is not None:
            ctx.store.edit("subnet", f"{ctx.region}/{chosen['subnetId']}")["lastAddress"] = address
            return chosen, address
        subnets.remove(chosen)
    return None
