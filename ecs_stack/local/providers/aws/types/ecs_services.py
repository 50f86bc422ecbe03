"""ECS services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..naming import Autoname
from ..resource import ResourceType, State
from ..shapes import Block, Items, Number, Single, Switch, alike
from .ecs_clusters import STRATEGY, EcsType, ecs_tags, ecs_tags_of

#: Seconds: terraform's timeouts of this resource.
_STABLE = 1200
_GONE = 1200
#: Seconds that a role or a load balancer, just made, may take to be known to ECS.
_PROPAGATION = 20

_NETWORK = Block(
    {**alike("securityGroups", "subnets"), "assignPublicIp": ("assignPublicIp", Switch("ENABLED", "DISABLED"))}
)
_DEPLOYMENT = Block(
    {
        "strategy": "strategy",
        "bakeTimeInMinutes": ("bakeTimeInMinutes", Number()),
        "canaryConfiguration": (
            "canaryConfiguration",
            Block({"canaryPercent": "canaryPercent", "canaryBakeTimeInMinutes": ("canaryBakeTimeInMinutes", Number())}),
        ),
        "linearConfiguration": (
            "linearConfiguration",
            Block({"stepPercent": "stepPercent", "stepBakeTimeInMinutes": ("stepBakeTimeInMinutes", Number())}),
        ),
        "lifecycleHooks": (
            "lifecycleHooks",
            Items(Block(alike("hookDetails", "hookTargetArn", "lifecycleStages", "roleArn"))),
        ),
    }
)
#: pulumi-aws spreads ECS's deploymentConfiguration over several properties.
_DEPLOYMENT_PARTS: Mapping[str, str] = {
    "alarms": "alarms",
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
}
#: Inputs that CreateService and UpdateService take alike, and how they call them.
_ALIKE: Mapping[str, str] = {
    "availabilityZoneRebalancing": "availabilityZoneRebalancing",
    "capacityProviderStrategies": "capacityProviderStrategy",
    "desiredCount": "desiredCount",
    "enableEcsManagedTags": "enableECSManagedTags",
    "enableExecuteCommand": "enableExecuteCommand",
    "healthCheckGracePeriodSeconds": "healthCheckGracePeriodSeconds",
    "loadBalancers": "loadBalancers",
    "orderedPlacementStrategies": "placementStrategy",
    "placementConstraints": "placementConstraints",
    "platformVersion": "platformVersion",
    "propagateTags": "propagateTags",
    "serviceRegistries": "serviceRegistries",
    "taskDefinition": "taskDefinition",
}
_CREATE_ONLY: Mapping[str, str] = {
    "cluster": "cluster",
    "deploymentController": "deploymentController",
    "iamRole": "role",
    "launchType": "launchType",
    "name": "serviceName",
    "schedulingStrategy": "schedulingStrategy",
}


class Service(EcsType):
    """docs: website/docs/r/ecs_service.html.markdown"""

    token = "aws:ecs/service:Service"
    inputs = frozenset(
        {
            *_ALIKE,
            *_CREATE_ONLY,
            *_DEPLOYMENT_PARTS,
            "deploymentConfiguration",
            "forceDelete",
            "forceNewDeployment",
            "networkConfiguration",
            "triggers",
            "waitForSteadyState",
        }
    )
    blocks = {
        "alarms": Block(alike("alarmNames", "enable", "rollback")),
        "capacityProviderStrategies": STRATEGY,
        "deploymentCircuitBreaker": Block(alike("enable", "rollback")),
        "deploymentConfiguration": _DEPLOYMENT,
        "deploymentController": Block(alike("type")),
        "loadBalancers": Items(
            Block(
                {
                    **alike("containerName", "containerPort", "targetGroupArn"),
                    "elbName": "loadBalancerName",
                    "advancedConfiguration": (
                        "advancedConfiguration",
                        Block(
                            alike("alternateTargetGroupArn", "productionListenerRule", "roleArn", "testListenerRule")
                        ),
                    ),
                }
            )
        ),
        "networkConfiguration": _NETWORK,
        "orderedPlacementStrategies": Items(Block(alike("field", "type"))),
        "placementConstraints": Items(Block(alike("expression", "type"))),
        "serviceRegistries": Single(Block(alike("containerName", "containerPort", "port", "registryArn"))),
    }
    autoname = Autoname(255)
    defaults = {
        "deploymentMaximumPercent": 200,
        "deploymentMinimumHealthyPercent": 100,
        "deploymentController.type": "ECS",
        "capacityProviderStrategies.base": 0,
        "capacityProviderStrategies.weight": 0,
        "networkConfiguration.assignPublicIp": False,
        "schedulingStrategy": "REPLICA",
        "waitForSteadyState": False,
    }
    unset = {"propagateTags": "NONE", "availabilityZoneRebalancing": "DISABLED"}
    replaces = frozenset({"cluster", "deploymentController", "iamRole", "launchType", "name", "schedulingStrategy"})
    computed = frozenset(
        {
            "availabilityZoneRebalancing",
            "cluster",
            "deploymentCircuitBreaker",
            "deploymentConfiguration",
            "deploymentConfiguration.bakeTimeInMinutes",
            "deploymentConfiguration.strategy",
            "deploymentController",
            "iamRole",
            "launchType",
            "platformVersion",
            "triggers",
        }
    )
    ordered = frozenset({"orderedPlacementStrategies"})
    conflicts = (("launchType", "capacityProviderStrategies"),)
    kept = frozenset({"forceDelete", "forceNewDeployment", "triggers", "waitForSteadyState"})

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        if inputs.get("schedulingStrategy") == "DAEMON" and inputs.get("deploymentMaximumPercent") == 200:
            # A daemon service's maximum is 100; terraform leaves its own default out.
            del inputs["deploymentMaximumPercent"]
        return ()

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path in ("cluster", "taskDefinition", "iamRole") and isinstance(old, str) and isinstance(new, str):
            return old == new or (old.startswith("arn:") != new.startswith("arn:") and _short(old) == _short(new))
        return super().same(path, old, new, state)

    def replacement(self, path: str, new: Any, inputs: State, state: State) -> bool:
        if path.startswith("capacityProviderStrategies"):
            # In place only between two strategies, and only with a forced deployment.
            both = inputs.get("capacityProviderStrategies") and state.get("capacityProviderStrategies")
            return not (inputs.get("forceNewDeployment") and both)
        return super().replacement(path, new, inputs, state)

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        if import_id.startswith("arn:"):
            return import_id, {"cluster": import_id.split("/")[-2]}
        cluster, _, name = import_id.partition("/")
        if not name:
            raise ProviderError(f"import a service by CLUSTER/SERVICE, not {import_id!r}")
        return name, {"cluster": cluster}

    def create(self, call: Call, inputs: State) -> str:
        request = self._request(inputs, {**_ALIKE, **_CREATE_ONLY})
        if inputs.get("schedulingStrategy") != "DAEMON":
            request.setdefault("desiredCount", 0)
        if call.tags:
            request["tags"] = ecs_tags(call.tags)
        answer = call.retry_if(_propagating, call.client("ecs").create_service, seconds=_PROPAGATION, **request)
        service = answer["service"]
        call.created = str(service["serviceArn"])
        if inputs.get("waitForSteadyState"):
            self._wait_for_steady_state(call, call.created, inputs["cluster"], service)
        return call.created

    def _request(self, inputs: State, names: Mapping[str, str]) -> dict[str, Any]:
        request: dict[str, Any] = {
            aws: self.to_aws(name, inputs[name]) for name, aws in names.items() if inputs.get(name) is not None
        }
        deployment = self._deployment(inputs)
        if deployment:
            request["deploymentConfiguration"] = deployment
        if inputs.get("networkConfiguration"):
            request["networkConfiguration"] = {
                "awsvpcConfiguration": _NETWORK.to_aws({"assignPublicIp": False, **inputs["networkConfiguration"]})
            }
        return request

    def _deployment(self, inputs: State) -> dict[str, Any]:
        controller = (inputs.get("deploymentController") or {}).get("type", "ECS")
        result = _DEPLOYMENT.to_aws(inputs.get("deploymentConfiguration") or {})
        for name, aws in _DEPLOYMENT_PARTS.items():
            if inputs.get(name) is not None and not (controller != "ECS" and name == "deploymentCircuitBreaker"):
                result[aws] = self.to_aws(name, inputs[name])
        return result

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        found = self._find(call, resource_id, state.get("cluster"))
        if found is None:
            return None
        deployment = found.get("deploymentConfiguration") or {}
        network = (found.get("networkConfiguration") or {}).get("awsvpcConfiguration")
        properties: State = {
            name: self.from_aws(name, found.get(aws)) for name, aws in {**_ALIKE, **_CREATE_ONLY}.items()
        }
        properties |= {name: self.from_aws(name, deployment.get(aws)) for name, aws in _DEPLOYMENT_PARTS.items()}
        properties |= {
            "id": found["serviceArn"],
            "arn": found["serviceArn"],
            "cluster": _in_the_same_form(found["clusterArn"], state.get("cluster")),
            "taskDefinition": _in_the_same_form(found.get("taskDefinition"), state.get("taskDefinition")),
            "iamRole": _in_the_same_form(found.get("roleArn"), state.get("iamRole")),
            "deploymentConfiguration": _DEPLOYMENT.from_aws(deployment) or None,
            "networkConfiguration": _NETWORK.from_aws(network) if network else None,
            "tagsAll": ecs_tags_of(found),
        }
        return properties

    def _find(self, call: Call, service: str, cluster: str | None) -> dict[str, Any] | None:
        arguments = {"cluster": cluster} if cluster else {}
        answer = errors.if_found(
            call.client("ecs").describe_services, services=[service], include=["TAGS"], **arguments
        )
        services = (answer or {}).get("services") or []
        return services[0] if services and services[0]["status"] != "INACTIVE" else None

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        names = {name: aws for name, aws in _ALIKE.items() if name in changed}
        request: dict[str, Any] = {}
        for name, aws in names.items():
            value = inputs.get(name)
            request[aws] = self.to_aws(name, value) if value is not None else _cleared(name)
        if changed & {"deploymentConfiguration", *_DEPLOYMENT_PARTS}:
            request["deploymentConfiguration"] = self._deployment(inputs)
        if "networkConfiguration" in changed and inputs.get("networkConfiguration"):
            request |= self._request({"networkConfiguration": inputs["networkConfiguration"]}, {})
        request = {name: value for name, value in request.items() if value is not None}
        forced = bool(inputs.get("forceNewDeployment"))
        if not request and not (forced and changed - {"tags"}):
            return
        if forced:
            request["forceNewDeployment"] = True
        answer = call.retry_if(
            _propagating,
            call.client("ecs").update_service,
            seconds=_PROPAGATION,
            cluster=state["cluster"],
            service=resource_id,
            **request,
        )
        if inputs.get("waitForSteadyState"):
            self._wait_for_steady_state(call, resource_id, state["cluster"], answer["service"])

    def _wait_for_steady_state(self, call: Call, arn: str, cluster: str, asked: Mapping[str, Any]) -> None:
        """Until the deployment that was asked for is the only one and complete; ProviderError if it was rolled back."""
        wanted = next((d for d in asked.get("deployments") or [] if d["status"] == "PRIMARY"), None)

        def steady() -> bool:
            found = self._find(call, arn, cluster)
            if found is None:
                raise ProviderError(f"service {arn} went away while it was waited for")
            ours = next((d for d in found["deployments"] if wanted and d["id"] == wanted["id"]), None)
            if wanted and (ours is None or ours.get("rolloutState") == "FAILED"):
                reason = (ours or {}).get("rolloutStateReason") or _last_event(found)
                raise ProviderError(f"the deployment of {asked['taskDefinition']} failed and was rolled back: {reason}")
            settled = len(found["deployments"]) == 1 and found["runningCount"] == found["desiredCount"]
            return settled and (ours is None or ours.get("rolloutState", "COMPLETED") == "COMPLETED")

        call.wait(steady, seconds=_STABLE, what=f"service {arn} to be steady")

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        client = call.client("ecs")
        cluster = state["cluster"]
        found = self._find(call, resource_id, cluster)
        if found is None:
            return
        force = bool(state.get("forceDelete"))
        if found["status"] != "DRAINING":
            if not force and found.get("schedulingStrategy") != "DAEMON" and found["desiredCount"]:
                errors.if_found(client.update_service, cluster=cluster, service=resource_id, desiredCount=0)
            call.retry_if(
                lambda error: "while deployments are active" in str(error),
                errors.ignoring,
                seconds=_GONE,
                codes=("ServiceNotActiveException",),
                call=client.delete_service,
                cluster=cluster,
                service=resource_id,
                force=force,
            )
        call.wait(
            lambda: self._find(call, resource_id, cluster) is None,
            seconds=_GONE,
            what=f"service {resource_id} to drain and be inactive",
        )


def _propagating(error: ClientError) -> bool:
    """Whether ECS doesn't know yet of a role, a cluster or a load balancer that exists (terraform's retries)."""
    name, text = errors.code(error), str(error)
    if name == "ClusterNotFoundException":
        return True
    return name == "InvalidParameterException" and any(
        part in text
        for part in (
            "does not have an associated load balancer",
            "nable to assume",
            "verify that the ECS service role being passed has the proper permissions",
        )
    )


def _cleared(name: str) -> Any:
    """What takes a value away again that the program doesn't give any more."""
    if name in ("loadBalancers", "placementConstraints", "orderedPlacementStrategies", "serviceRegistries"):
        return []
    values = {
        "desiredCount": 0,
        "enableEcsManagedTags": False,
        "enableExecuteCommand": False,
        "healthCheckGracePeriodSeconds": 0,
        "propagateTags": "NONE",
    }
    return values.get(name)


def _short(name: str) -> str:
    """The name in an ARN."""
    return name.rpartition("/")[2]


def _in_the_same_form(live: str | None, given: Any) -> str | None:
    """ECS answers with ARNs; a state that has the name keeps the name, as long as it means the same."""
    if live and isinstance(given, str) and not given.startswith("arn:") and given:
        short = _short(live)
        # A family without a revision means the latest, whatever its number.
        return given if short == given or short.rpartition(":")[0] == given else short
    return live


def _last_event(service: Mapping[str, Any]) -> str:
    events = service.get("events") or []
    return str(events[0]["message"]) if events else "ECS gives no reason"


TYPES: tuple[type[ResourceType], ...] = (Service,)
