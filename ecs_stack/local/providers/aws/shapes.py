"""Two-way tables between pulumi-aws's nested properties and AWS's parameters.

A table says each fact once: ``Block({"assignPublicIp": ("assignPublicIp", Switch("ENABLED", "DISABLED"))})``
writes a request and reads an answer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol


class Codec(Protocol):
    """One value in both of its forms. ``unsupported`` yields the paths (from ``path``) it has no form for."""

    def to_aws(self, value: Any) -> Any: ...
    def from_aws(self, value: Any) -> Any: ...
    def unsupported(self, value: Any, path: str) -> Iterator[str]: ...


@dataclass(frozen=True)
class Plain:
    """The same in both."""

    def to_aws(self, value: Any) -> Any:
        return value

    def from_aws(self, value: Any) -> Any:
        return value

    def unsupported(self, value: Any, path: str) -> Iterator[str]:  # noqa: ARG002
        return iter(())


@dataclass(frozen=True)
class Text(Plain):
    """A string in AWS, a number or boolean in pulumi-aws (a string where ``kind`` is str)."""

    kind: type = int

    def to_aws(self, value: Any) -> Any:
        return ("true" if value else "false") if isinstance(value, bool) else str(value)

    def from_aws(self, value: Any) -> Any:
        return str(value).lower() == "true" if self.kind is bool else self.kind(value)


@dataclass(frozen=True)
class Number(Plain):
    """A number in AWS, a string in pulumi-aws."""

    kind: type = int

    def to_aws(self, value: Any) -> Any:
        return self.kind(value)

    def from_aws(self, value: Any) -> Any:
        return f"{value:g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class Switch(Plain):
    """One of two words in AWS, a boolean in pulumi-aws."""

    on: str
    off: str

    def to_aws(self, value: Any) -> Any:
        return self.on if value else self.off

    def from_aws(self, value: Any) -> Any:
        return value == self.on


@dataclass(frozen=True)
class Pairs(Plain):
    """A map in pulumi-aws, a list of pairs in AWS."""

    key: str = "name"
    value: str = "value"

    def to_aws(self, value: Any) -> Any:
        return [{self.key: k, self.value: v} for k, v in sorted(value.items())]

    def from_aws(self, value: Any) -> Any:
        return {pair[self.key]: pair.get(self.value, "") for pair in value}


@dataclass(frozen=True)
class Wrapped(Plain):
    """A list in pulumi-aws that AWS puts into an object (``{"Values": [...]}``)."""

    key: str

    def to_aws(self, value: Any) -> Any:
        return {self.key: value}

    def from_aws(self, value: Any) -> Any:
        return value.get(self.key)


@dataclass(frozen=True)
class Block:
    """An object: pulumi-aws's name to AWS's name, with a codec where the value differs too."""

    fields: Mapping[str, str | tuple[str, Codec]]

    def _field(self, name: str) -> tuple[str, Codec]:
        entry = self.fields[name]
        return (entry, Plain()) if isinstance(entry, str) else entry

    def to_aws(self, value: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name, item in value.items():
            if item is not None and name in self.fields:
                aws_name, codec = self._field(name)
                result[aws_name] = codec.to_aws(item)
        return result

    def from_aws(self, value: Mapping[str, Any]) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for name in self.fields:
            aws_name, codec = self._field(name)
            if value.get(aws_name) is not None:
                result[name] = codec.from_aws(value[aws_name])
        return result

    def unsupported(self, value: Any, path: str) -> Iterator[str]:
        if not isinstance(value, Mapping):
            return
        for name, item in value.items():
            if name not in self.fields:
                yield f"{path}.{name}" if path else name
            else:
                yield from self._field(name)[1].unsupported(item, f"{path}.{name}" if path else name)


def alike(*names: str) -> dict[str, str | tuple[str, Codec]]:
    """Fields that AWS calls the same."""
    return {name: name for name in names}


def capitalised(*names: str) -> dict[str, str | tuple[str, Codec]]:
    """Fields that AWS writes with a capital."""
    return {name: name[:1].upper() + name[1:] for name in names}


@dataclass(frozen=True)
class Items:
    """A list of what ``item`` says."""

    item: Codec

    def to_aws(self, value: Any) -> Any:
        return [self.item.to_aws(v) for v in value]

    def from_aws(self, value: Any) -> Any:
        return [self.item.from_aws(v) for v in value]

    def unsupported(self, value: Any, path: str) -> Iterator[str]:
        for index, item in enumerate(value if isinstance(value, list) else ()):
            yield from self.item.unsupported(item, f"{path}[{index}]")


@dataclass(frozen=True)
class Single:
    """A list in AWS that pulumi-aws flattens to its one element."""

    item: Codec

    def to_aws(self, value: Any) -> Any:
        return [self.item.to_aws(value)]

    def from_aws(self, value: Any) -> Any:
        return self.item.from_aws(value[0]) if value else None

    def unsupported(self, value: Any, path: str) -> Iterator[str]:
        return self.item.unsupported(value, path)
