"""Application Auto Scaling: scalable targets and scaling policies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from .. import errors
from ..call import Call
from ..errors import ProviderError
from ..naming import Autoname
from ..resource import ResourceType, State
from ..shapes import Block, Items, Number, capitalised
from .ec2 import given

_NAMES: Mapping[str, str] = {
    "serviceNamespace": "ServiceNamespace",
    "resourceId": "ResourceId",
    "scalableDimension": "ScalableDimension",
}
#: The emulator behind the local cloud has no tags for scalable targets; there the state's tags stand.
_NO_TAGS = ("UnknownOperationException",)
#: Seconds that a service or a role, just made, may take to be known.
_PROPAGATION = 20


class Target(ResourceType):
    """docs: website/docs/r/appautoscaling_target.html.markdown"""

    token = "aws:appautoscaling/target:Target"
    inputs = frozenset({*_NAMES, "maxCapacity", "minCapacity", "roleArn", "suspendedState"})
    blocks = {
        "suspendedState": Block(
            capitalised("dynamicScalingInSuspended", "dynamicScalingOutSuspended", "scheduledScalingSuspended")
        )
    }
    defaults = {
        "suspendedState.dynamicScalingInSuspended": False,
        "suspendedState.dynamicScalingOutSuspended": False,
        "suspendedState.scheduledScalingSuspended": False,
    }
    replaces = frozenset({*_NAMES, "roleArn"})
    computed = frozenset({"roleArn", "suspendedState"})

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        namespace, resource, dimension, rest = _parts(import_id, "SERVICE-NAMESPACE/RESOURCE-ID/SCALABLE-DIMENSION")
        if rest:
            raise ProviderError(
                f"import a target by SERVICE-NAMESPACE/RESOURCE-ID/SCALABLE-DIMENSION, not {import_id!r}"
            )
        return resource, {"serviceNamespace": namespace, "resourceId": resource, "scalableDimension": dimension}

    def create(self, call: Call, inputs: State) -> str:
        self._register(call, inputs, tags=dict(call.tags))
        return str(inputs["resourceId"])

    def _register(self, call: Call, inputs: State, tags: Mapping[str, str] | None = None) -> None:
        names = {**_NAMES, "minCapacity": "MinCapacity", "maxCapacity": "MaxCapacity", "roleArn": "RoleARN"}
        request: dict[str, Any] = given(inputs, names)
        if inputs.get("suspendedState"):
            request["SuspendedState"] = self.to_aws("suspendedState", inputs["suspendedState"])
        if tags:
            request["Tags"] = dict(tags)
        call.retry_if(
            _propagating,
            call.client("application-autoscaling").register_scalable_target,
            seconds=_PROPAGATION,
            **request,
        )

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        client = call.client("application-autoscaling")
        answer = client.describe_scalable_targets(
            ServiceNamespace=state["serviceNamespace"],
            ResourceIds=[state["resourceId"]],
            ScalableDimension=state["scalableDimension"],
        )
        if not answer["ScalableTargets"]:
            return None
        found = answer["ScalableTargets"][0]
        arn = found.get("ScalableTargetARN")
        return {
            **{name: found.get(key) for name, key in _NAMES.items()},
            "arn": arn,
            "maxCapacity": found["MaxCapacity"],
            "minCapacity": found["MinCapacity"],
            "roleArn": found.get("RoleARN"),
            "suspendedState": self.from_aws("suspendedState", found.get("SuspendedState")),
            "tagsAll": self._tags(call, str(arn), state),
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        if changed - {"tags"}:
            suspended = {"suspendedState": {k.partition(".")[2]: v for k, v in self.defaults.items()}}
            self._register(call, inputs if "suspendedState" not in changed else {**suspended, **inputs})

    def retag(self, call: Call, resource_id: str, state: State, add: Mapping[str, str], drop: list[str]) -> None:
        client = call.client("application-autoscaling")
        if drop:
            errors.ignoring(_NO_TAGS, client.untag_resource, ResourceARN=state["arn"], TagKeys=drop)
        if add:
            errors.ignoring(_NO_TAGS, client.tag_resource, ResourceARN=state["arn"], Tags=dict(add))

    def _tags(self, call: Call, arn: str, state: State) -> Mapping[str, str]:
        answer = errors.ignoring(
            _NO_TAGS, call.client("application-autoscaling").list_tags_for_resource, ResourceARN=arn
        )
        if answer is None:
            return call.tags or state.get("tagsAll") or {}
        tags: Mapping[str, str] = answer["Tags"]
        return tags

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        if self.read(call, resource_id, state) is not None:
            errors.if_found(call.client("application-autoscaling").deregister_scalable_target, **given(state, _NAMES))


_METRIC_DIMENSIONS = Items(Block(capitalised("name", "value")))
_METRIC = Block(
    {**capitalised("metricName", "namespace"), "dimensions": ("Dimensions", _METRIC_DIMENSIONS)},
)
_QUERY = Block(
    {
        **capitalised("expression", "id", "label", "returnData"),
        "metricStat": ("MetricStat", Block({**capitalised("stat", "unit"), "metric": ("Metric", _METRIC)})),
    }
)


class Policy(ResourceType):
    """docs: website/docs/r/appautoscaling_policy.html.markdown"""

    token = "aws:appautoscaling/policy:Policy"
    inputs = frozenset(
        {
            *_NAMES,
            "name",
            "policyType",
            "stepScalingPolicyConfiguration",
            "targetTrackingScalingPolicyConfiguration",
        }
    )
    blocks = {
        "stepScalingPolicyConfiguration": Block(
            {
                **capitalised("adjustmentType", "cooldown", "metricAggregationType", "minAdjustmentMagnitude"),
                "stepAdjustments": (
                    "StepAdjustments",
                    Items(
                        Block(
                            {
                                "metricIntervalLowerBound": ("MetricIntervalLowerBound", Number(float)),
                                "metricIntervalUpperBound": ("MetricIntervalUpperBound", Number(float)),
                                "scalingAdjustment": "ScalingAdjustment",
                            }
                        )
                    ),
                ),
            }
        ),
        "targetTrackingScalingPolicyConfiguration": Block(
            {
                **capitalised("disableScaleIn", "scaleInCooldown", "scaleOutCooldown", "targetValue"),
                "predefinedMetricSpecification": (
                    "PredefinedMetricSpecification",
                    Block(capitalised("predefinedMetricType", "resourceLabel")),
                ),
                "customizedMetricSpecification": (
                    "CustomizedMetricSpecification",
                    Block(
                        {
                            **capitalised("metricName", "namespace", "statistic", "unit"),
                            "dimensions": ("Dimensions", _METRIC_DIMENSIONS),
                            "metrics": ("Metrics", Items(_QUERY)),
                        }
                    ),
                ),
            }
        ),
    }
    autoname = Autoname(255)
    defaults = {"policyType": "StepScaling", "targetTrackingScalingPolicyConfiguration.disableScaleIn": False}
    replaces = frozenset({*_NAMES, "name"})
    conflicts = (("stepScalingPolicyConfiguration", "targetTrackingScalingPolicyConfiguration"),)
    tagged = False
    moved_by = {"alarmArns": frozenset({"policyType", "targetTrackingScalingPolicyConfiguration"})}

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        form = "SERVICE-NAMESPACE/RESOURCE-ID/SCALABLE-DIMENSION/POLICY-NAME"
        namespace, resource, dimension, name = _parts(import_id, form)
        if not name:
            raise ProviderError(f"import a policy by {form}, not {import_id!r}")
        return name, {
            "name": name,
            "serviceNamespace": namespace,
            "resourceId": resource,
            "scalableDimension": dimension,
        }

    def create(self, call: Call, inputs: State) -> str:
        self._put(call, inputs)
        return str(inputs["name"])

    def _put(self, call: Call, inputs: State) -> None:
        request: dict[str, Any] = given(inputs, {**_NAMES, "name": "PolicyName", "policyType": "PolicyType"})
        for name in self.blocks:
            if inputs.get(name):
                request[name[:1].upper() + name[1:]] = self.to_aws(name, inputs[name])
        call.retry_if(
            _propagating,
            call.client("application-autoscaling").put_scaling_policy,
            seconds=_PROPAGATION,
            **request,
        )

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        answer = call.client("application-autoscaling").describe_scaling_policies(
            PolicyNames=[state["name"]], **given(state, _NAMES)
        )
        found = next((p for p in answer["ScalingPolicies"] if p["PolicyName"] == state["name"]), None)
        if found is None:
            return None
        return {
            **{name: found.get(key) for name, key in _NAMES.items()},
            **{n: self.from_aws(n, found.get(n[:1].upper() + n[1:])) for n in self.blocks},
            "alarmArns": sorted(alarm["AlarmARN"] for alarm in found.get("Alarms") or []),
            "arn": found["PolicyARN"],
            "name": found["PolicyName"],
            "policyType": found["PolicyType"],
        }

    def update(self, call: Call, resource_id: str, state: State, inputs: State, changed: frozenset[str]) -> None:
        self._put(call, inputs)

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        if self.read(call, resource_id, state) is None:
            return
        errors.if_found(
            call.client("application-autoscaling").delete_scaling_policy,
            PolicyName=state["name"],
            **given(state, _NAMES),
        )


def _propagating(error: ClientError) -> bool:
    """Whether a service or role, just made, isn't known yet (terraform's retries)."""
    name, text = errors.code(error), str(error)
    return name == "ObjectNotFoundException" or (
        name == "ValidationException" and ("ECS service doesn't exist" in text or "nable to assume IAM role" in text)
    )


def _parts(import_id: str, form: str) -> tuple[str, str, str, str]:
    """Namespace, resource id (which has slashes itself), dimension (which has colons) and what follows it."""
    parts = import_id.split("/")
    dimension = next((i for i, part in enumerate(parts[1:], 1) if part.count(":") == 2), None)
    if dimension is None or dimension < 2:
        raise ProviderError(f"import by {form}, not {import_id!r}")
    return parts[0], "/".join(parts[1:dimension]), parts[dimension], "/".join(parts[dimension + 1 :])


TYPES: tuple[type[ResourceType], ...] = (Target, Policy)
