"""ECS clusters and their capacity providers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .. import errors
from ..call import Call
from ..naming import Autoname
from ..resource import ResourceType, State
from ..shapes import Block, Items, alike
from ..tags import from_pairs, pairs

#: Seconds until what runs in a cluster is gone (terraform waits 10 minutes).
_EMPTY = 300
_IN_USE = (
    "ClusterContainsCapacityProviderException",
    "ClusterContainsContainerInstancesException",
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "ResourceInUseException",
    "UpdateInProgressException",
)

STRATEGY = Items(Block(alike("base", "capacityProvider", "weight")))


class EcsType(ResourceType):
    """What ECS's resource types share: tag calls by ARN."""

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("ecs")
        if drop:
            client.untag_resource(resourceArn=state["arn"], tagKeys=drop)
        if add:
            client.tag_resource(resourceArn=state["arn"], tags=ecs_tags(add))


def ecs_tags(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """Tags as ECS writes them."""
    return pairs(tags, "key", "value")


def ecs_tags_of(found: Mapping[str, Any]) -> dict[str, str]:
    """The tags in an answer of ECS."""
    return from_pairs(found.get("tags"), "key", "value")


def find_cluster(call: Call, cluster: str) -> dict[str, Any] | None:
    """A cluster by name or ARN, or None if there is none or it was deleted."""
    answer = errors.if_found(
        call.client("ecs").describe_clusters, clusters=[cluster], include=["TAGS", "SETTINGS", "CONFIGURATIONS"]
    )
    clusters = (answer or {}).get("clusters") or []
    return clusters[0] if clusters and clusters[0]["status"] != "INACTIVE" else None


class Cluster(EcsType):
    """docs: website/docs/r/ecs_cluster.html.markdown"""

    token = "aws:ecs/cluster:Cluster"
    inputs = frozenset({"configuration", "name", "serviceConnectDefaults", "settings"})
    blocks = {
        "configuration": Block(
            {
                "executeCommandConfiguration": (
                    "executeCommandConfiguration",
                    Block(
                        {
                            **alike("kmsKeyId", "logging"),
                            "logConfiguration": (
                                "logConfiguration",
                                Block(
                                    {
                                        **alike("cloudWatchEncryptionEnabled", "cloudWatchLogGroupName"),
                                        **alike("s3BucketName", "s3KeyPrefix"),
                                        "s3BucketEncryptionEnabled": "s3EncryptionEnabled",
                                    }
                                ),
                            ),
                        }
                    ),
                ),
                "managedStorageConfiguration": (
                    "managedStorageConfiguration",
                    Block(alike("fargateEphemeralStorageKmsKeyId", "kmsKeyId")),
                ),
            }
        ),
        "serviceConnectDefaults": Block(alike("namespace")),
        "settings": Items(Block(alike("name", "value"))),
    }
    autoname = Autoname(255)
    replaces = frozenset({"name"})
    computed = frozenset({"settings"})

    def create(self, call: Call, inputs: State) -> str:
        request: dict[str, Any] = {
            name: self.to_aws(name, inputs[name]) for name in self.blocks if inputs.get(name) is not None
        }
        answer = call.client("ecs").create_cluster(clusterName=inputs["name"], tags=ecs_tags(call.tags), **request)
        arn = call.created = str(answer["cluster"]["clusterArn"])
        call.wait(lambda: (find_cluster(call, arn) or {}).get("status") == "ACTIVE", seconds=60, what=f"cluster {arn}")
        return arn

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = find_cluster(call, resource_id)
        if found is None:
            return None
        properties: State = {name: self.from_aws(name, found.get(name)) for name in self.blocks}
        return {
            **properties,
            "id": found["clusterArn"],
            "arn": found["clusterArn"],
            "name": found["clusterName"],
            "tagsAll": ecs_tags_of(found),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        wanted = {n: self.to_aws(n, inputs[n]) for n in self.blocks if n in changed and inputs.get(n) is not None}
        if "serviceConnectDefaults" in changed and not inputs.get("serviceConnectDefaults"):
            wanted["serviceConnectDefaults"] = {"namespace": ""}
        if wanted:
            call.client("ecs").update_cluster(cluster=resource_id, **wanted)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        client = call.client("ecs")
        call.retry(_IN_USE, errors.if_found, seconds=_EMPTY, call=client.delete_cluster, cluster=resource_id)
        call.wait(
            lambda: find_cluster(call, resource_id) is None, seconds=60, what=f"cluster {resource_id} to be deleted"
        )


class ClusterCapacityProviders(ResourceType):
    """docs: website/docs/r/ecs_cluster_capacity_providers.html.markdown"""

    token = "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders"
    inputs = frozenset({"capacityProviders", "clusterName", "defaultCapacityProviderStrategies"})
    blocks = {"defaultCapacityProviderStrategies": STRATEGY}
    defaults = {
        "defaultCapacityProviderStrategies.base": 0,
        "defaultCapacityProviderStrategies.weight": 0,
    }
    replaces = frozenset({"clusterName"})
    tagged = False

    def create(self, call: Call, inputs: State) -> str:
        self._put(call, inputs["clusterName"], inputs)
        return str(inputs["clusterName"])

    def _put(self, call: Call, cluster: str, inputs: State) -> None:
        call.retry(
            _IN_USE,
            call.client("ecs").put_cluster_capacity_providers,
            seconds=_EMPTY,
            cluster=cluster,
            capacityProviders=sorted(inputs.get("capacityProviders") or []),
            defaultCapacityProviderStrategy=STRATEGY.to_aws(inputs.get("defaultCapacityProviderStrategies") or []),
        )

        def settled() -> bool:
            found = find_cluster(call, cluster)
            return found is None or found.get("attachmentsStatus") != "UPDATE_IN_PROGRESS"

        call.wait(settled, seconds=_EMPTY, what=f"capacity providers of cluster {cluster}")

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = find_cluster(call, resource_id)
        if found is None:
            return None
        return {
            "clusterName": found["clusterName"],
            "capacityProviders": sorted(found.get("capacityProviders") or []),
            "defaultCapacityProviderStrategies": STRATEGY.from_aws(found.get("defaultCapacityProviderStrategy") or []),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        self._put(call, resource_id, inputs)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        if find_cluster(call, resource_id) is not None:
            self._put(call, resource_id, {})


TYPES: tuple[type[ResourceType], ...] = (Cluster, ClusterCapacityProviders)
