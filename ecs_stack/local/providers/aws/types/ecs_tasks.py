"""ECS task definitions: revisions that never change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from botocore.exceptions import ClientError
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.validate import ParamValidator

from .. import errors
from ..call import Call
from ..resource import ResourceType, State
from ..shapes import Block, Items, Pairs, Plain, alike
from .ecs_clusters import EcsType, ecs_tags


@dataclass(frozen=True)
class _HostPath(Plain):
    """``hostPath`` is ``host.sourcePath`` in ECS."""

    def to_aws(self, value: Any) -> Any:
        return {"sourcePath": value}

    def from_aws(self, value: Any) -> Any:
        return value.get("sourcePath")


_VOLUME = Block(
    {
        "name": "name",
        "configureAtLaunch": "configuredAtLaunch",
        "hostPath": ("host", _HostPath()),
        "dockerVolumeConfiguration": (
            "dockerVolumeConfiguration",
            Block(alike("autoprovision", "driver", "driverOpts", "labels", "scope")),
        ),
        "efsVolumeConfiguration": (
            "efsVolumeConfiguration",
            Block(
                {
                    **alike("fileSystemId", "rootDirectory", "transitEncryption", "transitEncryptionPort"),
                    "authorizationConfig": ("authorizationConfig", Block(alike("accessPointId", "iam"))),
                }
            ),
        ),
    }
)


class TaskDefinition(EcsType):
    """docs: website/docs/r/ecs_task_definition.html.markdown

    Every change but that of tags makes a new revision, before the old one is deregistered.
    """

    token = "aws:ecs/taskDefinition:TaskDefinition"
    inputs = frozenset(
        {
            "containerDefinitions",
            "cpu",
            "enableFaultInjection",
            "ephemeralStorage",
            "executionRoleArn",
            "family",
            "ipcMode",
            "memory",
            "networkMode",
            "pidMode",
            "placementConstraints",
            "proxyConfiguration",
            "requiresCompatibilities",
            "runtimePlatform",
            "skipDestroy",
            "taskRoleArn",
            "trackLatest",
            "volumes",
        }
    )
    blocks = {
        "ephemeralStorage": Block({"sizeInGib": "sizeInGiB"}),
        "placementConstraints": Items(Block(alike("expression", "type"))),
        "proxyConfiguration": Block({**alike("containerName", "type"), "properties": ("properties", Pairs())}),
        "runtimePlatform": Block(alike("cpuArchitecture", "operatingSystemFamily")),
        "volumes": Items(_VOLUME),
    }
    defaults = {"skipDestroy": False, "trackLatest": False, "proxyConfiguration.type": "APPMESH"}
    replaces = inputs - {"skipDestroy", "trackLatest"}
    computed = frozenset({"enableFaultInjection", "networkMode"})
    kept = frozenset({"skipDestroy", "trackLatest"})

    def check(self, inputs: State) -> Sequence[tuple[str, str]]:
        text = inputs["containerDefinitions"]
        if not isinstance(text, str):
            return ()
        try:
            parsed = json.loads(text)
        except json.JSONDecodeError as error:
            return [("containerDefinitions", f"'containerDefinitions' isn't JSON: {error}")]
        if not isinstance(parsed, list):
            return [("containerDefinitions", "'containerDefinitions' must be a JSON list of container definitions")]
        report = ParamValidator().validate({"containerDefinitions": parsed}, registration())
        lines = errors.without_values(report.generate_report()).splitlines()
        return [("containerDefinitions", line) for line in lines if "containerDefinitions" in line]

    def same(self, path: str, old: Any, new: Any, state: State) -> bool:
        if path == "containerDefinitions" and isinstance(old, str) and isinstance(new, str):
            return same_containers(old, new, awsvpc=state.get("networkMode") == "awsvpc")
        return super().same(path, old, new, state)

    def resolve(self, call: Call, import_id: str) -> tuple[str, State]:
        return import_id, {"arn": import_id}

    def create(self, call: Call, inputs: State) -> str:
        skipped = {"containerDefinitions", *self.kept}
        request = {
            name: self.to_aws(name, value)
            for name, value in inputs.items()
            if name in self.inputs and name not in skipped and value not in ("", [])
        }
        if call.tags:
            request["tags"] = ecs_tags(call.tags)
        answer = call.client("ecs").register_task_definition(
            containerDefinitions=json.loads(inputs["containerDefinitions"]), **request
        )
        definition = answer["taskDefinition"]
        call.facts["arn"] = definition["taskDefinitionArn"]
        call.created = str(definition["family"])
        return call.created

    def read(self, call: Call, resource_id: str, state: State) -> State | None:
        latest = state.get("trackLatest") and state.get("family")
        found = self._find(call, state["family"] if latest else state["arn"])
        if found is None:
            return None
        definition, tags = found
        arn = definition["taskDefinitionArn"]
        simple = ("cpu", "executionRoleArn", "family", "ipcMode", "memory", "networkMode", "pidMode", "taskRoleArn")
        return {
            **{name: definition.get(name) for name in simple},
            **{name: self.from_aws(name, definition.get(name)) for name in self.blocks},
            "id": definition["family"],
            "arn": arn,
            "arnWithoutRevision": arn.rpartition(":")[0],
            "containerDefinitions": json.dumps(_compact(definition["containerDefinitions"])),
            "enableFaultInjection": definition.get("enableFaultInjection", False),
            "requiresCompatibilities": sorted(definition.get("requiresCompatibilities") or []),
            "revision": definition["revision"],
            "tagsAll": tags,
        }

    def _find(self, call: Call, name: str) -> tuple[dict[str, Any], dict[str, str]] | None:
        try:
            answer = call.client("ecs").describe_task_definition(taskDefinition=name, include=["TAGS"])
        except ClientError as error:
            # ECS has no code of its own for this: "Unable to describe task definition."
            if errors.code(error) == "ClientException" and "nable to describe" in str(error):
                return None
            raise
        if answer["taskDefinition"]["status"] != "ACTIVE":
            return None
        return answer["taskDefinition"], {t["key"]: t.get("value", "") for t in answer.get("tags") or []}

    def delete(self, call: Call, resource_id: str, state: State) -> None:
        if not state.get("skipDestroy") and self._find(call, state["arn"]) is not None:
            call.client("ecs").deregister_task_definition(taskDefinition=state["arn"])


@cache
def registration() -> Any:
    """The parameters of RegisterTaskDefinition, from botocore's model of ECS, which takes 30 ms to read."""
    model = Loader(include_default_search_paths=True).load_service_model("ecs", "service-2")
    return ServiceModel(model).operation_model("RegisterTaskDefinition").input_shape


def same_containers(old: str, new: str, *, awsvpc: bool) -> bool:
    """Whether two lists of container definitions mean the same to ECS.

    As terraform's task_definition_equivalency.go: the order of containers, environment and secrets doesn't count,
    and neither do defaults that ECS fills in.
    """
    try:
        return bool(_normal(json.loads(old), awsvpc) == _normal(json.loads(new), awsvpc))
    except json.JSONDecodeError:
        return old == new


def _normal(definitions: list[dict[str, Any]], awsvpc: bool) -> Any:
    result = []
    for definition in definitions:
        container = {"essential": True, "cpu": 0, **{k: v for k, v in definition.items() if v not in (None, [], {})}}
        for name in ("environment", "secrets"):
            if name in container:
                container[name] = sorted(container[name], key=lambda item: str(item.get("name")))
        ports = []
        for mapping in container.get("portMappings", []):
            port = {"protocol": "tcp", **mapping}
            if not port.get("hostPort"):
                port.pop("hostPort", None)
                if awsvpc:
                    port["hostPort"] = port.get("containerPort")
            ports.append(port)
        if ports:
            container["portMappings"] = ports
        result.append(_compact(container))
    return sorted(result, key=lambda c: str(c.get("name")))


def _compact(value: Any) -> Any:
    """Without nulls and empty collections, which ECS answers for what wasn't given."""
    if isinstance(value, Mapping):
        compacted = {k: _compact(v) for k, v in value.items()}
        return {k: v for k, v in compacted.items() if v not in (None, [], {})}
    return [_compact(v) for v in value] if isinstance(value, list) else value


TYPES: tuple[type[ResourceType], ...] = (TaskDefinition,)
