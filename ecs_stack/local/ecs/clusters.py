"""Clusters."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from ecs_stack.local.ecs import settings
from ecs_stack.local.ecs.arns import last_part, region_of
from ecs_stack.local.ecs.context import Context, Params, Result
from ecs_stack.local.ecs.errors import EcsError, cluster_inactive, cluster_not_found, invalid
from ecs_stack.local.ecs.paging import page
from ecs_stack.local.ecs.store import Document
from ecs_stack.local.ecs.tags import checked

#: API Reference, CreateCluster: clusterName.
_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}\Z")
#: The providers that every cluster can use. Those of Auto Scaling groups need container instances.
_PROVIDERS = ("FARGATE", "FARGATE_SPOT")
#: API Reference, CapacityProviderStrategyItem: at most this many items.
_STRATEGY_LIMIT = 20


def create(ctx: Context, params: Params) -> Result:
    """CreateCluster. Asking for the same again answers the cluster that exists."""
    name = params.get("clusterName", "default")
    if not _NAME.match(name):
        raise invalid("Cluster name must have 1 to 255 letters, numbers, hyphens or underscores.")
    arn = ctx.arns.cluster(name)
    document = {
        "clusterArn": arn,
        "clusterName": name,
        "status": "ACTIVE",
        "tags": checked(params.get("tags", [])),
        "settings": _settings(ctx, params.get("settings", [])),
        "capacityProviders": _providers(params.get("capacityProviders", [])),
        "defaultCapacityProviderStrategy": [],
    }
    for optional in ("configuration", "serviceConnectDefaults"):
        if optional in params:
            document[optional] = params[optional]
    document["defaultCapacityProviderStrategy"] = strategy(document, params.get("defaultCapacityProviderStrategy", []))
    existing = ctx.store.get("cluster", arn)
    if existing is not None and existing["status"] == "ACTIVE":
        changed = [key for key in ("settings", "capacityProviders") if key in params] and any(
            existing[key] != document[key] for key in ("settings", "capacityProviders") if key in params
        )
        if changed:
            raise invalid(
                "Arguments on this idempotent request are inconsistent with arguments used in previous request(s)."
            )
        return {"cluster": _view(ctx, existing, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}
    ctx.store.put("cluster", arn, document)
    return {"cluster": _view(ctx, document, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}


def describe(ctx: Context, params: Params) -> Result:
    """DescribeClusters. Without names it describes ``default``."""
    names = params.get("clusters") or ["default"]
    if len(names) > 100:
        raise invalid("Clusters cannot have more than 100 elements.")
    found, failures = [], []
    for name in names:
        arn = ctx.arns.cluster(last_part(name))
        cluster = ctx.store.get("cluster", arn)
        if cluster is None:
            failures.append({"arn": arn, "reason": "MISSING"})
        else:
            found.append(_view(ctx, cluster, params.get("include", [])))
    return {"clusters": found, "failures": failures}


def list_all(ctx: Context, params: Params) -> Result:
    """ListClusters."""
    arns = [
        cluster["clusterArn"]
        for cluster in ctx.store.all("cluster")
        if cluster["status"] == "ACTIVE" and region_of(cluster["clusterArn"]) == ctx.region
    ]
    return page(params, arns, "clusterArns")


def update(ctx: Context, params: Params) -> Result:
    """UpdateCluster."""
    cluster = ctx.store.edit("cluster", active(ctx, params["cluster"])["clusterArn"])
    if "settings" in params:
        cluster["settings"] = _settings(ctx, params["settings"])
    for optional in ("configuration", "serviceConnectDefaults"):
        if optional in params:
            cluster[optional] = params[optional]
    return {"cluster": _view(ctx, cluster, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}


def update_settings(ctx: Context, params: Params) -> Result:
    """UpdateClusterSettings."""
    return update(ctx, {"cluster": params["cluster"], "settings": params["settings"]})


def put_capacity_providers(ctx: Context, params: Params) -> Result:
    """PutClusterCapacityProviders: replaces providers and default strategy."""
    cluster = ctx.store.edit("cluster", active(ctx, params["cluster"])["clusterArn"])
    cluster["capacityProviders"] = _providers(params["capacityProviders"])
    cluster["defaultCapacityProviderStrategy"] = strategy(cluster, params["defaultCapacityProviderStrategy"])
    return {"cluster": _view(ctx, cluster, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}


def delete(ctx: Context, params: Params) -> Result:
    """DeleteCluster: it stays describable, as INACTIVE."""
    arn = active(ctx, params["cluster"])["clusterArn"]
    services = [s for s in ctx.store.all("service") if s["clusterArn"] == arn]
    if any(service["status"] != "INACTIVE" for service in services):
        raise EcsError("ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active.")
    if any(task["clusterArn"] == arn and task["lastStatus"] != "STOPPED" for task in ctx.store.all("task")):
        raise EcsError("ClusterContainsTasksException", "The Cluster cannot be deleted while Tasks are active.")
    cluster = ctx.store.edit("cluster", arn)
    cluster.update(status="INACTIVE", capacityProviders=[], defaultCapacityProviderStrategy=[], deletedAt=ctx.now())
    return {"cluster": _view(ctx, cluster, ("TAGS", "SETTINGS", "CONFIGURATIONS"))}


def describe_capacity_providers(ctx: Context, params: Params) -> Result:
    """DescribeCapacityProviders: Fargate's two, which every account has."""
    known = {
        name: {
            "capacityProviderArn": f"arn:aws:ecs:{ctx.region}:{ctx.account}:capacity-provider/{name}",
            "name": name,
            "status": "ACTIVE",
            "type": name,
            "tags": [],
        }
        for name in _PROVIDERS
    }
    names = [last_part(name) for name in params.get("capacityProviders", _PROVIDERS)]
    return {
        "capacityProviders": [known[name] for name in names if name in known],
        "failures": [{"arn": name, "reason": "MISSING"} for name in names if name not in known],
    }


def list_container_instances(ctx: Context, params: Params) -> Result:
    """ListContainerInstances: there are none, whatever the launch type."""
    active(ctx, params.get("cluster"))
    return {"containerInstanceArns": []}


def active(ctx: Context, name: str | None) -> Document:
    """The cluster of this name or ARN (None: ``default``), to read.

    Raises ClusterNotFoundException if there is none, or if it was deleted.
    """
    cluster = ctx.store.get("cluster", ctx.arns.cluster(last_part(name or "default")))
    if cluster is None:
        raise cluster_not_found()
    if cluster["status"] != "ACTIVE":
        raise cluster_inactive()
    return cluster


def strategy(cluster: Document, items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A capacity provider strategy with its defaults filled in.

    Raises InvalidParameterException where AWS does (API Reference, CapacityProviderStrategyItem).
    """
    if len(items) > _STRATEGY_LIMIT:
        raise invalid(f"A capacity provider strategy can contain a maximum of {_STRATEGY_LIMIT} capacity providers.")
    filled = [
        {
            "capacityProvider": item["capacityProvider"],
            "weight": item.get("weight", 0),
            "base": item.get("base", 0),
        }
        for item in items
    ]
    for item in filled:
        if item["capacityProvider"] not in cluster["capacityProviders"]:
            raise invalid(
                f"The specified capacity provider '{item['capacityProvider']}' is not associated with the"
                " cluster. Specify a capacity provider that is associated with the cluster and try again."
            )
    if len({item["capacityProvider"] for item in filled}) < len(filled):
        raise invalid("A capacity provider strategy cannot name a capacity provider twice.")
    if sum(item["base"] > 0 for item in filled) > 1:
        raise invalid("Only one capacity provider in a capacity provider strategy can have a base defined.")
    if filled and not any(item["weight"] for item in filled):
        raise invalid(
            "At least one capacity provider in a capacity provider strategy must have a weight greater than 0."
        )
    return filled


def _providers(names: list[str]) -> list[str]:
    for name in names:
        if name not in _PROVIDERS:
            raise invalid(f"The specified capacity provider '{name}' was not found.")
    return list(dict.fromkeys(names))


def _settings(ctx: Context, asked: list[dict[str, str]]) -> list[dict[str, str]]:
    insights = settings.value(ctx, "containerInsights")
    for setting in asked:
        insights = setting.get("value", "")
        if insights not in ("enabled", "disabled", "enhanced"):
            raise invalid(f"Invalid value {insights!r} for the cluster setting containerInsights.")
    return [{"name": "containerInsights", "value": insights}]


def _view(ctx: Context, cluster: Document, include: Iterable[str]) -> dict[str, Any]:
    arn = cluster["clusterArn"]
    tasks = [task for task in ctx.store.all("task") if task["clusterArn"] == arn]
    services = [service for service in ctx.store.all("service") if service["clusterArn"] == arn]
    statuses = Counter(_phase(task) for task in tasks)
    view = {
        **cluster,
        "registeredContainerInstancesCount": 0,
        "runningTasksCount": statuses["running"],
        "pendingTasksCount": statuses["pending"],
        "activeServicesCount": sum(service["status"] == "ACTIVE" for service in services),
        "statistics": _statistics(tasks, services) if "STATISTICS" in include else [],
    }
    for member, asked in (("tags", "TAGS"), ("settings", "SETTINGS")):
        view[member] = cluster[member] if asked in include else []
    if "CONFIGURATIONS" not in include:
        view.pop("configuration", None)
    return view


def _phase(task: Document) -> str:
    if task["lastStatus"] == "RUNNING":
        return "running"
    return "pending" if task["lastStatus"] in ("PROVISIONING", "PENDING", "ACTIVATING") else "over"


def _statistics(tasks: list[Document], services: list[Document]) -> list[dict[str, str]]:
    counts: Counter[str] = Counter()
    for task in tasks:
        counts[f"{_phase(task)}{_kind(task)}TasksCount"] += 1
    for service in services:
        counts[f"{service['status'].lower()}{_kind(service)}ServiceCount"] += 1
    names = [f"{phase}{kind}TasksCount" for kind in ("EC2", "Fargate") for phase in ("running", "pending")]
    names += [f"{state}{kind}ServiceCount" for kind in ("EC2", "Fargate") for state in ("active", "draining")]
    return [{"name": name, "value": str(counts[name])} for name in names]


def _kind(document: Document) -> str:
    return "EC2" if document.get("launchType") == "EC2" else "Fargate"
