"""The engine's property values: protobuf Structs to plain Python and back.

Two things in them are not plain: a value that isn't known yet (during a preview) is ``UNKNOWN``, and a secret is
remembered by the name of the top-level property that holds it, so that the answer marks it again. The marks are
those of pulumi/sdk/go/common/resource/plugin/rpc.go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from google.protobuf import struct_pb2

_SIGNATURE = "4dabf18193072939515e22adb298388d"
_SECRET = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 (the engine's mark of a secret, not one)
_RESOURCE = "5cf8f73096256a8f31e491e813e4eb8e"
_OUTPUT = "d0e6a833031e9bbcd3f4e8bde6ca49a4"
_UNKNOWN_TEXT = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
#: The engine writes the mark of the type it expects: string, bool, number, array, object.
_UNKNOWN_MARKS = frozenset(
    {
        _UNKNOWN_TEXT,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)


class Unknown:
    """A value that is known only after another resource was made."""

    def __repr__(self) -> str:
        return "<unknown>"


UNKNOWN: Final = Unknown()


@dataclass
class Properties:
    """Decoded properties. ``secret`` names the top-level properties with a secret somewhere inside."""

    values: dict[str, Any] = field(default_factory=dict)
    secret: set[str] = field(default_factory=set)


def decode(struct: struct_pb2.Struct) -> Properties:
    """Read properties; nulls are dropped, whole numbers become ints."""
    result = Properties()
    for key, value in struct.fields.items():
        secrets: list[bool] = []
        decoded = _decode(value, secrets)
        if decoded is not None:
            result.values[key] = decoded
        if secrets:
            result.secret.add(key)
    return result


def encode(values: Mapping[str, Any], secret: Iterable[str] = ()) -> struct_pb2.Struct:
    """Write properties, those named in ``secret`` marked as secrets."""
    marked = set(secret)
    struct = struct_pb2.Struct()
    for key, value in values.items():
        if value is None:
            continue
        encoded = _encode(value)
        if key in marked:
            wrapped = struct_pb2.Value()
            wrapped.struct_value.fields[_SIGNATURE].string_value = _SECRET
            wrapped.struct_value.fields["value"].CopyFrom(encoded)
            encoded = wrapped
        struct.fields[key].CopyFrom(encoded)
    return struct


def has_unknown(value: Any) -> bool:
    """Whether anything inside isn't known yet."""
    if isinstance(value, Mapping):
        return any(has_unknown(v) for v in value.values())
    if isinstance(value, list):
        return any(has_unknown(v) for v in value)
    return value is UNKNOWN


def without_nulls(value: Any) -> Any:
    """The value with None entries of mappings dropped, at every depth."""
    if isinstance(value, Mapping):
        return {k: without_nulls(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return [without_nulls(v) for v in value]
    return value


def _decode(value: struct_pb2.Value, secrets: list[bool]) -> Any:
    match value.WhichOneof("kind"):
        case "string_value":
            return UNKNOWN if value.string_value in _UNKNOWN_MARKS else value.string_value
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "bool_value":
            return value.bool_value
        case "list_value":
            return [_decode(item, secrets) for item in value.list_value.values]
        case "struct_value":
            return _decode_struct(value.struct_value, secrets)
        case _:
            return None


def _decode_struct(struct: struct_pb2.Struct, secrets: list[bool]) -> Any:
    signature = struct.fields[_SIGNATURE].string_value if _SIGNATURE in struct.fields else ""
    if signature == _SECRET:
        secrets.append(True)
        return _decode(struct.fields["value"], secrets)
    if signature == _OUTPUT:
        if "secret" in struct.fields and struct.fields["secret"].bool_value:
            secrets.append(True)
        return _decode(struct.fields["value"], secrets) if "value" in struct.fields else UNKNOWN
    if signature == _RESOURCE:
        return _decode(struct.fields["id"], secrets) if "id" in struct.fields else UNKNOWN
    fields = {key: _decode(item, secrets) for key, item in struct.fields.items()}
    return {key: item for key, item in fields.items() if item is not None}


def _encode(value: Any) -> struct_pb2.Value:
    encoded = struct_pb2.Value()
    if value is UNKNOWN:
        encoded.string_value = _UNKNOWN_TEXT
    elif value is None:
        encoded.null_value = struct_pb2.NULL_VALUE
    elif isinstance(value, bool):
        encoded.bool_value = value
    elif isinstance(value, int | float):
        encoded.number_value = value
    elif isinstance(value, str):
        encoded.string_value = value
    elif isinstance(value, Mapping):
        encoded.struct_value.SetInParent()
        for key, item in value.items():
            if item is not None:
                encoded.struct_value.fields[str(key)].CopyFrom(_encode(item))
    elif isinstance(value, list | tuple):
        encoded.list_value.SetInParent()
        encoded.list_value.values.extend(_encode(item) for item in value)
    else:
        raise TypeError(f"{type(value).__name__} is no property value")
    return encoded
