"""AWS JSON 1.1 as Amazon ECS speaks it, parsed and validated with botocore's own model of the service.

A request is checked for everything the model knows: required members, types, enumerations, lengths and
ranges. A response is built from the model too: members the model doesn't have never leave the process,
so the stored documents carry bookkeeping of ours beside AWS's fields.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any

import botocore.loaders
import botocore.model

from ecs_stack.local.ecs.errors import EcsError, invalid

Response = tuple[int, dict[str, str], bytes]

MODEL = botocore.model.ServiceModel(
    botocore.loaders.Loader().load_service_model("ecs", "service-2"), service_name="ecs"
)
OPERATION_NAMES = frozenset(MODEL.operation_names)
_PREFIX = MODEL.metadata["targetPrefix"]
_JSON_TYPES: Mapping[str, Any] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "double": (int, float),
    "float": (int, float),
    "boolean": (bool,),
    "timestamp": (int, float),
}


def parse(target: str, body: bytes) -> tuple[str, dict[str, Any]]:
    """The operation's name and its parameters.

    Raises EcsError: UnknownOperationException, SerializationException (not JSON, or a value of another
    type), InvalidParameterException (everything else the model rules out).
    """
    prefix, _, operation = target.rpartition(".")
    if prefix != _PREFIX or operation not in OPERATION_NAMES:
        raise EcsError("UnknownOperationException", f"The operation {target!r} is not one of Amazon ECS.")
    try:
        params = json.loads(body or b"{}")
    except ValueError as error:
        raise EcsError("SerializationException", f"The request is not JSON: {error}.") from None
    if not isinstance(params, dict):
        raise EcsError("SerializationException", "The request is not a JSON object.")
    params = _without_nulls(params)
    shape = MODEL.operation_model(operation).input_shape
    if shape is not None:
        _check(params, shape, "")
    return operation, params


def render(operation: str, result: Mapping[str, Any]) -> bytes:
    """The response body. A result that contradicts the model is a bug of ours and raises TypeError."""
    shape = MODEL.operation_model(operation).output_shape
    return json.dumps(_shaped(result, shape, operation) if shape is not None else {}).encode()


def success(body: bytes) -> Response:
    """The whole HTTP response around a rendered body."""
    return 200, _headers(), body


def failure(error: EcsError) -> Response:
    """The HTTP response that makes an SDK raise ``error.code``."""
    document: dict[str, Any] = {"__type": error.code, "message": error.message}
    if error.resource_ids is not None:
        document["resourceIds"] = list(error.resource_ids)
    return error.status, _headers(), json.dumps(document).encode()


def wire(shape_name: str, document: Mapping[str, Any]) -> dict[str, Any]:
    """A document reduced to the members that AWS's shape of this name has."""
    shaped: dict[str, Any] = _shaped(document, MODEL.shape_for(shape_name), shape_name)
    return shaped


def _headers() -> dict[str, str]:
    return {"Content-Type": "application/x-amz-json-1.1", "x-amzn-RequestId": str(uuid.uuid4())}


def _without_nulls(value: Any) -> Any:
    """SDKs may write a member that isn't set as null: AWS reads it as absent."""
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nulls(item) for item in value]
    return value


def _check(value: Any, shape: Any, path: str) -> None:
    kind = shape.type_name
    if not isinstance(value, _JSON_TYPES[kind]) or (isinstance(value, bool) and kind != "boolean"):
        raise EcsError("SerializationException", f"{path or 'The request'} must be a {kind}, not {json.dumps(value)}.")
    if kind == "structure":
        _check_structure(value, shape, path)
    elif kind == "list":
        _check_range(len(value), shape, path, "members")
        for index, item in enumerate(value):
            _check(item, shape.member, f"{path}[{index}]")
    elif kind == "map":
        for key, item in value.items():
            _check(key, shape.key, f"{path} key")
            _check(item, shape.value, f"{path}.{key}")
    elif kind == "string":
        if shape.enum and value not in shape.enum:
            raise invalid(f"{path} must be one of {', '.join(shape.enum)}, not {value!r}.")
        _check_range(len(value), shape, path, "characters")
    elif kind in ("integer", "long", "double", "float"):
        _check_range(value, shape, path, "")


def _check_structure(value: dict[str, Any], shape: Any, path: str) -> None:
    for name in shape.required_members:
        if name not in value:
            raise invalid(f"{_join(path, name)} is required.")
    for name, item in value.items():
        if name not in shape.members:
            raise invalid(f"{_join(path, name)} is not a member of {shape.name}.")
        _check(item, shape.members[name], _join(path, name))


def _check_range(size: float, shape: Any, path: str, unit: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if (low is not None and size < low) or (high is not None and size > high):
        bounds = f"between {low} and {high}" if None not in (low, high) else f"at least {low}"
        raise invalid(f"{path} must have {bounds} {unit}, not {size}." if unit else f"{path} must be {bounds}.")


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shaped(value: Any, shape: Any, path: str) -> Any:
    kind = shape.type_name
    if not isinstance(value, _JSON_TYPES[kind]):
        raise TypeError(f"{path} should be a {kind}, not {value!r}")
    if kind == "structure":
        return {
            name: _shaped(value[name], member, f"{path}.{name}")
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if kind == "list":
        return [_shaped(item, shape.member, path) for item in value]
    if kind == "map":
        return {key: _shaped(item, shape.value, path) for key, item in value.items()}
    return value
